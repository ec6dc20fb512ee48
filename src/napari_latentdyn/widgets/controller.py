"""The one owner of worker and state of "Learn dynamics", between view and viewer."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

from napari_latentdyn.core.runfolder.evidence import motion_sentence
from napari_latentdyn.errors import UserError
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer import cache
from napari_latentdyn.widgets.choices import LayerChoices, update_layers
from napari_latentdyn.widgets.closing import Stake
from napari_latentdyn.widgets.display import ProgressDisplay
from napari_latentdyn.widgets.estimate_presenter import EstimatePresenter
from napari_latentdyn.widgets.external_stop import ExternalStop
from napari_latentdyn.widgets.form_memory import FormMemory
from napari_latentdyn.widgets.job import Failure, Job, Outcome
from napari_latentdyn.widgets.jobs import Jobs
from napari_latentdyn.widgets.learn_view import LearnView
from napari_latentdyn.widgets.messages import Messages
from napari_latentdyn.widgets.outcome_text import arrow_text, outcome_text
from napari_latentdyn.widgets.pair_notes import PairNotes
from napari_latentdyn.widgets.palette import palette_of
from napari_latentdyn.widgets.preview import Preview
from napari_latentdyn.widgets.readiness import Readiness
from napari_latentdyn.widgets.reopened import OpenedRun, ReopenedRuns
from napari_latentdyn.widgets.results import Result, Results
from napari_latentdyn.widgets.runner import Runner
from napari_latentdyn.widgets.saving import Saving
from napari_latentdyn.widgets.state import State
from napari_latentdyn.widgets.worker import describe

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_latentdyn.viewer.layers import LayerTuple

__all__ = ["LearnController"]

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
        Another one with the interface of `napari_latentdyn.core.training.fit.fit`.

    Attributes
    ----------
    saving : Saving
        Writes results.
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
        self.saving = Saving(view, self._messages, self._results, self._viewer)
        self._open = False
        self._began = 0.0
        self._chosen: Any = None
        self._runner = Runner(self)
        self._runner.polled.connect(self._on_polled)
        self._runner.ended.connect(self._on_ended)
        self._external_stop = ExternalStop(
            self._results,
            # Also where another tab hides the view, or no dock shows it.
            lambda: view.window().isVisible(),
            partial(self.close, viewer_closes=True),
            self._go_on,
            self,
        )
        self._runner.quitting.connect(self._external_stop.on_quitting)
        self._estimate = EstimatePresenter(view)
        self._choices = LayerChoices(
            self._viewer, (view.first_end, view.last_end), self._on_images_changed
        )
        self._notes = PairNotes(view.pair_notes)
        self._jobs = Jobs(viewer, self._choices, self._results, fit)
        self._readiness = Readiness(
            view,
            self._choices,
            self._notes,
            self._jobs,
            self._estimate,
            self._messages,
            lambda: self.state.running,
        )
        self._memory = FormMemory(self._viewer, view.form, self._choices)
        self._reopened = ReopenedRuns(self._viewer, self._on_run_opened)
        view.swapRequested.connect(self._choices.swap)
        view.presetChosen.connect(self._readiness.take_preset)
        view.settingsChanged.connect(self._on_settings_changed)
        view.previewRequested.connect(self.preview)
        view.trainRequested.connect(self.train)
        view.restartRequested.connect(self.restart)
        view.cancelRequested.connect(self.cancel)
        view.saveRequested.connect(self.saving.ask_and_save)
        self.open()
        self._tell_settings(self._memory.restore())

    # ------------------------------------------------------------ life cycle

    @property
    def job(self) -> Job | None:
        """The job that is running, None if there is none."""
        return self._runner.job

    def open(self) -> None:
        """Begin to follow the viewer; does nothing if it does already."""
        if self._open:
            return
        self._open = True
        self._viewer.events.theme.connect(self._on_theme)
        self._on_theme()
        self._choices.connect()
        self._reopened.connect()
        self._estimate.start()

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
        self._memory.keep()
        self._runner.kill(Runner.WAIT_SECONDS)
        self.saving.close()
        self._results.clear()
        if not viewer_closes:
            self._settle(State.IDLE)
        self._estimate.stop()
        self._viewer.events.theme.disconnect(self._on_theme)
        self._choices.disconnect()
        self._reopened.disconnect()

    def at_stake(self) -> Stake | None:
        """Return what `close` would lose, None for nothing."""
        return self.saving.at_stake(self._runner.job)

    # --------------------------------------------------------------- actions

    def preview(self) -> None:
        """Show a first answer, without training."""
        self._start(self._jobs.preview)

    def train(self) -> None:
        """Train, or continue where the last training of the same images ended."""
        self._start(self._jobs.training)

    def restart(self) -> None:
        """Train from the beginning."""
        self._start(partial(self._jobs.training, restart=True))

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
            self._messages.say("Stopping without frames; the training so far is kept.")
        else:
            job.stop.set()
            matching = self.state is State.PREPARING and job.previous is None
            self._messages.say(
                "Stopping… Nothing has been found yet."
                if matching
                else "Stopping after this step. Press Cancel again to skip the frames."
            )
        self.state = State.STOPPING

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
        self._display.begin(restart=job.previous is None and not job.is_preview)
        self._live.begin(first, job.first.array, job.first.placement)
        self._view.set_running(True)
        self._view.announce(preview=job.is_preview, trains=job.settings.training.steps > 0)
        self._messages.say(" ".join(["Preparing.", *job.notes()]))
        job.choice = self._notes.key
        self._runner.start(job)

    def _on_polled(self, events: list[Any], preview: Any, rendering: Any) -> None:
        self._say_oddities(self._runner.job)
        shown = self._display.show(events, preview, rendering)
        if shown is not None:
            self._enter(*shown)

    def _enter(self, state: State, text: str) -> None:
        job = self._runner.job
        # What is said of stopping stays, except that rendering after a stop is worth a word.
        if job is None or job.abort.is_set():
            return
        if job.stop.is_set() and state is State.RENDERING:
            text = "Stopped; computing the frames. Press Cancel again to skip them."
        if not job.stop.is_set() or state is State.RENDERING:
            self.state = state
            self._messages.say(text)

    def _say_oddities(self, job: Job | None) -> None:
        if job is not None and job.oddities:
            self._notes.find(job.choice, job.oddities)

    def _on_ended(self, job: Job, outcome: Outcome | Failure | None) -> None:
        self._say_oddities(job)
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
        cache.put(job.run_id, result.dynamics)
        self._estimate.learn_pace(job, outcome)
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
        converged = bool(result.dynamics.report.get("converged", False))
        stopped = (result.steps < planned and not converged) or outcome.rendered is None
        self._settle(State.CANCELLED if stopped else State.DONE)
        if outcome.problem:
            self.state = State.FAILED
            self._messages.report(outcome.problem)
            return
        # What the user of a preview waited for is the frames.
        seconds = time.monotonic() - self._began
        text = outcome_text(
            job,
            outcome,
            result,
            seconds=seconds,
            trained=self._view.continues,
            button=self._view.train.text(),
        ) + arrow_text(self._viewer, job.run_id)
        self._messages.say(text, motion_sentence(result.dynamics.report))

    def _settle(self, state: State) -> None:
        self.state = state
        self._live.end()
        self._view.set_running(False)
        self._view.set_saveable(self._results.can_be_saved)
        self._on_settings_changed()

    # --------------------------------------------------------------- changes

    def _on_theme(self, event: Any = None) -> None:
        self._view.set_palette(palette_of(self._viewer))

    def _on_run_opened(self, run: OpenedRun) -> None:
        if not self.state.running:
            self._view.form.set_value(run.settings)
            self._tell_settings(run)

    def _tell_settings(self, run: OpenedRun | None) -> None:
        if run is not None:
            self._messages.say(f"The form shows the settings of the run {run.name}.")

    def _go_on(self) -> None:
        self.open()
        self._settle(State.CANCELLED)
        self._messages.say(_FROM_OUTSIDE)

    def _on_images_changed(self) -> None:
        names = tuple(layer.name if layer else "" for layer in self._choices.layers)
        chosen = (names, self._choices.pixels)
        # Other layers come and go, and a message about this choice is still true.
        if not self.state.running and chosen != self._chosen:
            self._chosen = chosen
            self._messages.forget(*names)
        self._estimate.prefill_interval(self._choices.layers)
        self._on_settings_changed()

    def _on_settings_changed(self) -> None:
        if self.state.running and not self._view.form.editor("output.preview").value():
            self._live.hide()
        self._readiness.update()
