"""The controller of "Learn dynamics", between view and viewer."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

from napari_latentdyn.core.runfolder.evidence import doubts
from napari_latentdyn.errors import SettingsError, UserError
from napari_latentdyn.viewer.cache import RESULTS
from napari_latentdyn.viewer.layers import find_layer, in_colours_of
from napari_latentdyn.widgets.background import JobQueue
from napari_latentdyn.widgets.choices import LayerChoices, update_layers
from napari_latentdyn.widgets.closing import Stake
from napari_latentdyn.widgets.display import ProgressDisplay
from napari_latentdyn.widgets.estimate_presenter import EstimatePresenter
from napari_latentdyn.widgets.form_memory import FormMemory, OpenedRun, opened_runs
from napari_latentdyn.widgets.job import Job, key_of
from napari_latentdyn.widgets.known_choice import KnownChoice
from napari_latentdyn.widgets.learn_view import LearnView
from napari_latentdyn.widgets.messages import Messages
from napari_latentdyn.widgets.outcome_text import arrow_text, outcome_text, stopped_text
from napari_latentdyn.widgets.pair_notes import PairNotes
from napari_latentdyn.widgets.palette import palette_of
from napari_latentdyn.widgets.preview import Preview
from napari_latentdyn.widgets.readiness import Readiness
from napari_latentdyn.widgets.results import FinishedJob, Results
from napari_latentdyn.widgets.saving import Saving
from napari_latentdyn.widgets.series_choice import SeriesChoice
from napari_latentdyn.widgets.state import State
from napari_latentdyn.widgets.texts import describe

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_latentdyn.core.dynamics.result import Dynamics
    from napari_latentdyn.viewer.layers import LayerTuple

__all__ = ["LearnController"]

#: Delay between two new layers, in which the window draws the first.
_LAYER_DELAY_MS = 30


class LearnController(QObject):
    """Runs previews and trainings for a view in a viewer.

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
        # Plugins get a proxy, whose layers are never identical to themselves.
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
        self._fit = fit
        self._queue = JobQueue(self)
        self._queue.changed.connect(self._on_progress)
        self._queue.failed.connect(self._on_failed)
        self._queue.stopped.connect(self._on_stopped)
        self._estimate = EstimatePresenter(view)
        self._choices = LayerChoices(
            self._viewer, (view.first_end, view.last_end), self._on_images_changed
        )
        self._series = SeriesChoice(
            self._viewer, self._choices, view.series, self._on_images_changed
        )
        self._known = KnownChoice(self._viewer, view.known, self._series, self._on_settings_changed)
        self._notes = PairNotes(view.pair_notes)
        self._readiness = Readiness(
            view,
            self._series,
            self._known,
            self._notes,
            self._results,
            self._estimate,
            self._messages,
            lambda: self.state.running,
        )
        self._memory = FormMemory(self._viewer, view.form, self._choices, self._series, self._known)
        view.swapRequested.connect(self._choices.swap)
        for used in (view.series.step.edited, view.series.times.edited, view.known.addRequested):
            used.connect(self._choices.accept)
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
        """The job in progress, None if there is none."""
        job = self._queue.job
        return job if isinstance(job, Job) else None

    def open(self) -> None:
        """Connect to the viewer, unless connected."""
        if self._open:
            return
        self._open = True
        self._viewer.events.theme.connect(self._on_theme)
        self._on_theme()
        self._choices.connect()
        self._known.connect()
        self._viewer.layers.events.inserted.connect(self._on_inserted)
        self._estimate.start()

    def close(self, *, viewer_closes: bool = False) -> None:
        """Cancel all jobs, release memory and disconnect; keep layers if the viewer closes."""
        if not self._open:
            return
        self._open = False
        self._memory.keep()
        self._queue.close()
        self.saving.close()
        self._results.clear()
        if not viewer_closes:
            self._settle(State.IDLE)
        self._estimate.stop()
        self._viewer.events.theme.disconnect(self._on_theme)
        self._choices.disconnect()
        self._known.disconnect_viewer()
        self._viewer.layers.events.inserted.disconnect(self._on_inserted)

    def at_stake(self) -> Stake | None:
        """Return what `close` would lose, or None."""
        return self.saving.at_stake(self.job)

    # --------------------------------------------------------------- actions

    def train(self, *, restart: bool = False, is_preview: bool = False) -> None:
        """Train, or continue the last training of the same images."""
        if self.state.running:
            self._messages.report(
                "A preview or training is running already: wait for it or cancel it.", "warning"
            )
            return
        try:
            job = self._new_job(is_preview=is_preview, restart=restart)
        except UserError as error:
            self._messages.report(str(error))
            return
        except Exception as error:  # noqa: BLE001 - lazy layers can raise any error
            self._messages.report(describe(error, "Reading the images failed"))
            return
        self._began = time.monotonic()
        self._choices.accept()
        first, _ = self._choices.layers
        self.state = State.PREPARING
        self._messages.set_problem("")
        # The losses stay for a training that is continued after a preview.
        self._display.begin(restart=not job.continues and not job.is_preview)
        self._live.begin(first, job.first.array, job.first.placement)
        self._view.set_running(True)
        self._view.announce(preview=job.is_preview, trains=job.settings.training.steps > 0)
        self._messages.say(" ".join(["Preparing.", *job.notes()]))
        self._queue.start(job, partial(self._on_done, job))

    def preview(self) -> None:
        """Compute a preview without training."""
        self.train(is_preview=True)

    def restart(self) -> None:
        """Train from the beginning."""
        self.train(restart=True)

    def cancel(self) -> None:
        """Stop training after this step; a second call skips the frames."""
        job = self.job
        if job is None:
            return
        if job.is_preview:
            job.cancel()
            self._view.cancel.setEnabled(False)
            self._messages.say("Stopping the preview.")
        elif self.state is State.RENDERING or job.stop.is_set():
            job.stop.set()
            job.skip_frames.set()
            self._view.cancel.setEnabled(False)
            self._messages.say("Stopping without frames; the training so far is kept.")
        else:
            job.stop.set()
            matching = self.state is State.PREPARING and not job.continues
            self._messages.say(
                "Stopping… Nothing has been found yet."
                if matching
                else "Stopping after this step. Press Cancel again to skip the frames."
            )
        self.state = State.STOPPING

    def _new_job(self, *, is_preview: bool, restart: bool) -> Job:
        settings = self._view.form.value()
        if problem := self._series.problem(settings):
            raise SettingsError(problem)
        known = self._known.read(settings)
        times, settings = self._series.times(settings)
        images = self._series.images.snapshots()
        keys = key_of(images, known)
        earlier = shown = None
        if not is_preview and not restart:
            earlier = self._results.to_continue(keys, settings)
        previous = None if earlier is None else earlier.dynamics
        on_screen = self._results.shown
        if (
            on_screen is not None
            and on_screen.is_of(keys)
            and find_layer(self._viewer, on_screen.run_id, "frames") is not None
        ):
            shown = on_screen.dynamics
        if is_preview:
            settings = settings.preview()
        when = None if times is None else times.values
        choice = self._notes.key
        return Job(
            images, settings, when, known, previous, shown, is_preview, choice, fit=self._fit
        )

    def _on_progress(self) -> None:
        job = self.job
        if job is None:
            return
        if job.oddities:
            self._notes.find(job.choice, job.oddities)
        shown = self._display.show(job.take_steps())
        # The message on stopping stays until rendering begins.
        if shown is None or job.skip_frames.is_set():
            return
        state, text = shown
        if job.stop.is_set() and state is State.RENDERING:
            text = "Stopped; computing the frames. Press Cancel again to skip them."
        if not job.stop.is_set() or state is State.RENDERING:
            self.state = state
            self._messages.say(text)

    def _on_failed(self, text: str) -> None:
        self._settle(State.FAILED)
        self._messages.report(text)

    def _on_stopped(self, job: Job) -> None:
        # napari stops jobs of the viewer that was active when they began, which may be another
        # viewer. The view may be in a hidden tab, or without a dock.
        if job.from_outside and not self._view.window().isVisible():
            self.close(viewer_closes=True)
            return
        self._settle(State.CANCELLED)
        self._messages.say(stopped_text(job))

    def _on_done(self, job: Job, dynamics: Dynamics) -> None:
        result = FinishedJob(job, dynamics)
        self._results.take(result)
        # Other widgets find the result there while this widget keeps it.
        RESULTS[job.run_id] = result.dynamics
        self._estimate.learn_pace(job, dynamics)
        self._live.end()
        self._show_layers(job, result, list(result.layers))

    def _show_layers(self, job: Job, result: FinishedJob, waiting: list[LayerTuple]) -> None:
        """Show one layer, and the next after a delay, as drawing a new layer takes time."""
        if not self._open:
            return
        if waiting:
            source = job.first.layer and job.first.layer()
            layer = in_colours_of(source, waiting[0])
            update_layers(self._viewer, [layer], keep=job.settings.output.keep_previous)
            QTimer.singleShot(_LAYER_DELAY_MS, partial(self._show_layers, job, result, waiting[1:]))
            return
        planned = job.settings.training.steps
        converged = result.dynamics.report.converged
        stopped = (result.steps < planned and not converged) or not job.layers
        self._settle(State.CANCELLED if stopped else State.DONE)
        if job.frames_problem:
            self.state = State.FAILED
            self._messages.report(job.frames_problem)
            return
        seconds = time.monotonic() - self._began
        text = outcome_text(
            job,
            result,
            seconds=seconds,
            trained=self._view.continues,
            button=self._view.train.text(),
        ) + arrow_text(self._viewer, job.run_id)
        self._messages.say(text, " ".join(doubts(result.dynamics.report)))

    def _settle(self, state: State) -> None:
        self.state = state
        self._live.end()
        self._view.set_running(False)
        self._view.set_saveable(self._results.can_be_saved)
        self._on_settings_changed()

    # --------------------------------------------------------------- changes

    def _on_theme(self, event: Any = None) -> None:
        self._view.set_palette(palette_of(self._viewer))

    def _on_inserted(self, event: Any) -> None:
        if self.state.running:
            return
        for run in opened_runs([event.value]):
            self._view.form.set_value(run.settings)
            self._tell_settings(run)
        self._known.open_run_of(event.value)

    def _tell_settings(self, run: OpenedRun | None) -> None:
        if run is not None:
            known = f" Known in that run: {run.known}." if run.known else ""
            self._messages.say(f"The form shows the settings of the run {run.name}.{known}")

    def _on_images_changed(self) -> None:
        first, last = (layer.name if layer else "" for layer in self._choices.layers)
        self._series.refresh()
        chosen = (first, last, self._series.images.pixels)
        # Changes of other layers keep the message about this choice.
        if not self.state.running and chosen != self._chosen:
            self._chosen = chosen
            self._messages.forget(first, last, len(self._series.images))
        self._estimate.prefill_interval(self._series.interval())
        self._on_settings_changed()

    def _on_settings_changed(self) -> None:
        if self.state.running and not self._view.form.editor("output.preview").value():
            self._live.hide()
        self._readiness.update()
