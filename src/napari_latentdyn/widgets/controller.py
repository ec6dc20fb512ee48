"""The one owner of worker and state of "Learn dynamics", between view and viewer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

from napari_latentdyn import shelf
from napari_latentdyn.errors import SettingsError, UserError
from napari_latentdyn.settings import Settings
from napari_latentdyn.widgets.advice import Advice
from napari_latentdyn.widgets.choices import LayerChoices, pair_problem, update_layers
from napari_latentdyn.widgets.display import ProgressDisplay
from napari_latentdyn.widgets.jobs import Jobs
from napari_latentdyn.widgets.learn_view import CUSTOM, LearnView
from napari_latentdyn.widgets.messages import Messages
from napari_latentdyn.widgets.palette import palette_of
from napari_latentdyn.widgets.preview import Preview
from napari_latentdyn.widgets.results import Result, Results
from napari_latentdyn.widgets.runner import Runner
from napari_latentdyn.widgets.saving import Saving
from napari_latentdyn.widgets.state import State
from napari_latentdyn.widgets.wording import (
    preset_of,
    preview_summary,
    sentence,
    summary,
    with_preset,
)
from napari_latentdyn.widgets.worker import Failure, Job, Outcome, describe

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_latentdyn.layers import LayerTuple

__all__ = ["LearnController"]

#: Time after which a window that was to close is gone.
_REVIVAL_MS = 700
#: Pause between two new layers, in which the window draws the first.
_BREATH_MS = 30
_FROM_OUTSIDE = "The run was stopped from outside; nothing of it was kept."


class LearnController(QObject):
    """Runs previews and trainings for a view in a viewer.

    Parameters
    ----------
    viewer : napari.Viewer
        Where layers are taken from and results go to.
    view : LearnView
        What the user sees.
    fit : callable, optional
        Another one with the interface of `napari_latentdyn.core.fit.fit`.
    """

    def __init__(
        self, viewer: Viewer, view: LearnView, fit: Callable[..., Any] | None = None
    ) -> None:
        super().__init__(view)
        self.state = State.IDLE
        # Plugins are handed a proxy, whose layers are never identical to themselves.
        self._viewer: Viewer = getattr(viewer, "__wrapped__", viewer)
        self._view = view
        self._results = Results()
        self._live = Preview(self._viewer)
        self._messages = Messages(view)
        self._display = ProgressDisplay(view, self._live)
        self._saving = Saving(view, self._messages, self._results, self._viewer)
        self._open = False
        self._began = 0.0
        self._runner = Runner(self)
        self._runner.polled.connect(self._on_polled)
        self._runner.ended.connect(self._on_ended)
        self._runner.quitting.connect(self._on_quitting)
        self._kept = Results()
        self._revival = QTimer(self)
        self._revival.setSingleShot(True)
        self._revival.timeout.connect(self._on_still_there)
        self._advice = Advice(self._viewer, view)
        self._choices = LayerChoices(
            self._viewer, (view.first_image, view.last_image), self._on_images_changed
        )
        self._jobs = Jobs(self._viewer, self._choices, self._results, fit)
        view.imagesChosen.connect(self._on_images_changed)
        view.swapRequested.connect(self._choices.swap)
        view.presetChosen.connect(self._on_preset)
        view.settingsChanged.connect(self._on_settings_changed)
        view.previewRequested.connect(self.preview)
        view.trainRequested.connect(self.train)
        view.restartRequested.connect(self.restart)
        view.cancelRequested.connect(self.cancel)
        view.saveRequested.connect(self._saving.ask_and_save)
        self.open()

    # ------------------------------------------------------------ life cycle

    def open(self) -> None:
        """Begin to follow the viewer; does nothing if it does already."""
        if self._open:
            return
        self._open = True
        self._viewer.events.theme.connect(self._on_theme)
        self._viewer.dims.events.point.connect(self._advice.schedule)
        self._on_theme()
        self._choices.connect()
        self._advice.start()

    def close(self, *, viewer_closes: bool = False) -> None:
        """Stop everything, wait for the worker, and let go of viewer and memory.

        Parameters
        ----------
        viewer_closes : bool
            Leave the viewer's layers alone.
        """
        if not self._open:
            return
        self._open = False
        self._runner.kill(Runner.WAIT_SECONDS)
        self._saving.close()
        self._results.clear()
        if not viewer_closes:
            self._settle(State.IDLE)
        self._advice.stop()
        self._viewer.events.theme.disconnect(self._on_theme)
        self._viewer.dims.events.point.disconnect(self._advice.schedule)
        self._choices.disconnect()

    # --------------------------------------------------------------- actions

    def preview(self) -> None:
        """Show a first answer, without training."""
        self._start(self._jobs.preview)

    def train(self) -> None:
        """Train, or continue where the last training of the same images ended."""
        self._start(self._jobs.training)

    def restart(self) -> None:
        """Train from the beginning."""
        self._start(partial(self._jobs.training, anew=True))

    def cancel(self) -> None:
        """Stop training after this step; a second time, stop rendering, too."""
        job = self._runner.job
        if job is None:
            return
        if job.is_preview:
            job.cancel()
            self._view.cancel.setEnabled(False)
            self._messages.say("Stopping the preview.")
        elif self.state is State.RENDERING or job.stop.is_set():
            job.cancel()
            self._view.cancel.setEnabled(False)
            self._messages.say("Stopping without rendering; what was learned is kept.")
        else:
            job.stop.set()
            self._messages.say(
                "Stopping after this step; press Cancel again to do without the frames."
            )
        self.state = State.STOPPING

    def save_run(self, path: str | Path, *, overwrite: bool = False) -> Path | None:
        """Write the last result as a run folder.

        Returns
        -------
        Path or None
            The folder, or None if it could not be written: the user was told why.
        """
        return self._saving.save("run", path, overwrite=overwrite)

    def export(self, kind: str, path: str | Path) -> Path | None:
        """Write the frames as OME-TIFF (`kind` "frames") or the arrows as CSV ("vectors")."""
        return self._saving.save(kind, path)

    # --------------------------------------------------------------- running

    def _start(self, make: Callable[[Settings], Job]) -> None:
        if self.state.running:
            self._messages.report(
                "A preview or training is running already: wait for it or cancel it.", "warning"
            )
            return
        try:
            job = make(self._view.form.value())
        except UserError as error:
            self._messages.report(str(error))
            return
        except Exception as error:  # noqa: BLE001 - lazy layers are read here: any error can come
            self._messages.report(describe(error, "Reading the images failed"))
            return
        self._began = time.monotonic()
        first, _ = self._choices.layers
        self.state = State.PREPARING
        self._messages.set_problem("")
        # The losses of the last training stay for the one that goes on from it after a preview.
        self._display.begin(anew=job.previous is None and not job.is_preview)
        self._live.begin(first, job.first.array, job.first.placement)
        trains = job.settings.training.steps > 0
        dissolve = job.dissolve() if trains and job.settings.output.preview else None
        if dissolve is not None:
            # A new layer takes long to draw: better now than while the training shows itself.
            self._live.show(dissolve)
        self._view.set_running(True)
        self._view.announce(preview=job.is_preview, trains=trains)
        self._messages.say(" ".join(["Preparing.", *job.notes()]))
        self._runner.start(job)

    def _on_polled(self, events: list[Any], preview: Any, rendering: Any) -> None:
        shown = self._display.show(events, preview, rendering)
        if shown is not None:
            self._enter(*shown)

    def _enter(self, state: State, text: str) -> None:
        job = self._runner.job
        # What is said of stopping stays, except that rendering after a stop is worth a word.
        if job is None or job.abort.is_set():
            return
        if job.stop.is_set() and state is State.RENDERING:
            text = "Stopped; drawing what was learned. Press Cancel again to do without the frames."
        if not job.stop.is_set() or state is State.RENDERING:
            self.state = state
            self._messages.say(text)

    def _on_ended(self, job: Job, outcome: Outcome | Failure | None) -> None:
        if outcome is None:
            self._settle(State.CANCELLED)
            self._messages.say(_FROM_OUTSIDE)
        elif isinstance(outcome, Failure):
            self._settle(State.CANCELLED if outcome.cancelled else State.FAILED)
            if outcome.cancelled:
                self._messages.say(outcome.message)
            else:
                self._messages.report(outcome.message)
        else:
            self._take(job, outcome)

    def _take(self, job: Job, outcome: Outcome) -> None:
        result = Result(job, outcome)
        self._results.take(result)
        # For other widgets; as long as this one keeps it.
        shelf.put(job.run_id, result.dynamics)
        self._advice.learn_pace(job, result)
        self._live.end()
        self._show_layers(job, outcome, result, list(result.layers))

    def _show_layers(
        self, job: Job, outcome: Outcome, result: Result, waiting: list[LayerTuple]
    ) -> None:
        """Show one layer and leave the next to a later turn: drawing a new one takes a while."""
        if not self._open:
            return
        if waiting:
            update_layers(self._viewer, waiting[:1], keep=job.settings.output.keep_previous)
            QTimer.singleShot(
                _BREATH_MS, partial(self._show_layers, job, outcome, result, waiting[1:])
            )
            return
        planned = job.settings.training.steps
        stopped = result.steps < planned or outcome.rendered is None
        self._settle(State.CANCELLED if stopped else State.DONE)
        if outcome.problem:
            self.state = State.FAILED
            self._messages.report(outcome.problem)
            return
        if job.is_preview:
            # What the user waited for is the frames.
            waited = time.monotonic() - self._began
            self._messages.say(preview_summary(waited, trained=self._view.continues))
            return
        seconds = float(result.dynamics.report.get("seconds", 0.0))
        self._messages.say(
            summary(
                result.steps,
                planned,
                seconds,
                shown=result.can_be_saved,
                anew=bool(job.previous_fingerprint) and not outcome.resumed,
                can_continue=result.dynamics.checkpoint is not None,
            )
        )

    def _settle(self, state: State) -> None:
        self.state = state
        self._live.end()
        self._view.set_running(False)
        self._view.set_saveable(self._results.can_be_saved)
        self._on_settings_changed()

    # --------------------------------------------------------------- changes

    def _on_theme(self, event: Any = None) -> None:
        self._view.set_palette(palette_of(self._viewer))

    def _on_quitting(self) -> None:
        self._kept = replace(self._results)
        self.close(viewer_closes=True)
        self._revival.start(_REVIVAL_MS)

    def _on_still_there(self) -> None:
        # napari ends the workers of the viewer that was in front when they began, which need not
        # be this one.
        kept, self._kept = self._kept, Results()
        if self._view.isVisible():
            self._results.shown, self._results.trained = kept.shown, kept.trained
            self.open()
            self._settle(State.CANCELLED)
            self._messages.say(_FROM_OUTSIDE)

    def _on_images_changed(self) -> None:
        if not self.state.running:
            self._messages.forget()
        self._advice.prefill_interval(self._choices.layers)
        self._on_settings_changed()

    def _on_preset(self, name: str) -> None:
        if name != CUSTOM:
            try:
                settings = self._view.form.value()
            except SettingsError:
                settings = Settings()
            self._view.form.set_value(with_preset(settings, name))
        self._on_settings_changed()

    def _on_settings_changed(self) -> None:
        if self.state.running and not self._view.form.editor("output.preview").value():
            self._live.hide()
        layers = self._choices.layers
        settings: Settings | None = None
        try:
            settings = self._view.form.value()
            problem = pair_problem(*layers, settings)
            self._view.show_preset(preset_of(settings) or CUSTOM)
        except SettingsError as error:
            problem = sentence(str(error))
            self._view.show_preset(CUSTOM)
        ready = None if problem else settings
        self._advice.update(layers, ready)
        if self.state.running:
            return
        earlier = None if ready is None else self._jobs.to_continue(ready)
        self._view.show_choice(
            can_train=ready is not None,
            can_continue=earlier is not None,
            steps_left=0 if earlier is None or ready is None else earlier.steps_left(ready),
        )
        # That nothing is chosen yet is no mistake.
        self._messages.set_problem(problem, "info" if None in layers else "error")
