"""The controller of "Large scene", between view and viewer."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QMessageBox

from napari_latentdyn.core.scene.folder import SceneFolder
from napari_latentdyn.errors import SettingsError
from napari_latentdyn.viewer.context import mark_of
from napari_latentdyn.viewer.image_reader import PLUGIN
from napari_latentdyn.widgets.background import JobQueue
from napari_latentdyn.widgets.closing import Stake
from napari_latentdyn.widgets.display import TimeLeft
from napari_latentdyn.widgets.layouts import single_shot
from napari_latentdyn.widgets.messages import Messages
from napari_latentdyn.widgets.palette import palette_of
from napari_latentdyn.widgets.preset_box import CUSTOM
from napari_latentdyn.widgets.scene.form_state import FormState
from napari_latentdyn.widgets.scene.job import SceneJob
from napari_latentdyn.widgets.scene.look import (
    WELCOME,
    Asked,
    Found,
    Holding,
    holding,
    layer_sources,
    look,
    next_step,
    summary,
)
from napari_latentdyn.widgets.scene.question import ask_about
from napari_latentdyn.widgets.scene.view import LargeSceneView
from napari_latentdyn.widgets.texts import describe, duration, sentence

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["LargeSceneController"]

#: Pause after the last change of the form, before files are opened.
_PAUSE_MS = 250
_STOPPING = "Stopping after this tile. The finished tiles are kept."


class LargeSceneController(QObject):
    """Looks at images and folder, computes scenes in the background, and opens their layers."""

    def __init__(self, viewer: Viewer, view: LargeSceneView) -> None:
        super().__init__(view)
        self._viewer = viewer
        self._view = view
        self._state = FormState(viewer, view)
        self._messages = Messages(view, WELCOME)
        self._open = False
        self._found: Found | None = None
        #: Whether the message is about earlier values.
        self._edited = True
        self._stopping = False
        self._began = 0.0
        self._time_left = TimeLeft()
        self._queue = JobQueue(self)
        self._queue.changed.connect(self._on_progress)
        self._queue.failed.connect(self._on_failed)
        self._queue.stopped.connect(self._on_stopped)
        self._timer = single_shot(self, _PAUSE_MS, self._look)
        self._state.restore()
        view.edited.connect(self._on_edited)
        view.presetChosen.connect(self._on_preset)
        view.layersRequested.connect(self._state.take_layers)
        view.startRequested.connect(self.start)
        view.stopRequested.connect(self.stop)
        self._messages.forget()
        self.open()

    # ------------------------------------------------------------ life cycle

    @property
    def job(self) -> SceneJob | None:
        """The scene in progress, None if there is none."""
        job = self._queue.job
        return job if isinstance(job, SceneJob) else None

    def open(self) -> None:
        """Connect to the viewer, unless connected."""
        if self._open:
            return
        self._open = True
        self._viewer.events.theme.connect(self._on_theme)
        self._viewer.layers.selection.events.changed.connect(self._offer_layers)
        self._viewer.layers.events.inserted.connect(self._offer_layers)
        self._viewer.layers.events.removed.connect(self._offer_layers)
        self._on_theme()
        self._offer_layers()
        self._refresh()

    def close(self, *, viewer_closes: bool = False) -> None:
        """Stop the scene and disconnect; finished tiles are kept."""
        if not self._open:
            return
        self._open = False
        self._state.keep()
        self._timer.stop()
        if self.job is not None:
            self.job.abort()
        self._queue.close()
        if not viewer_closes:
            self._view.set_running(False)
        self._viewer.events.theme.disconnect(self._on_theme)
        self._viewer.layers.selection.events.changed.disconnect(self._offer_layers)
        self._viewer.layers.events.inserted.disconnect(self._offer_layers)
        self._viewer.layers.events.removed.disconnect(self._offer_layers)

    def at_stake(self) -> Stake | None:
        """Return the scene that `close` would stop, or None."""
        if self.job is None:
            return None
        kept = "Finished tiles are kept: Start continues the scene in the same folder."
        return Stake(self.job.scene, "", False, (id(self.job),), kept)

    # --------------------------------------------------------------- actions

    def start(self) -> None:
        """Begin or continue the scene of the form; ask if its folder holds another result."""
        found = self._found
        if self.job is not None or found is None or found.plan is None or found.folder is None:
            return
        # The folder may have changed since the last look.
        known = holding(found.folder, found.plan.request)
        if known.scene and (known.finished or known.problem):
            self._ask(found, known)
        else:
            self._run(found)

    def stop(self) -> None:
        """Stop after this tile; a second call stops within it."""
        job = self.job
        if job is None:
            return
        if self._stopping:
            job.abort()
            self._view.stop.setEnabled(False)
            self._messages.say("Stopping within this tile. The finished tiles are kept.")
            return
        self._stopping = True
        job.cancel()
        self._messages.say(f"{_STOPPING} Press Stop again to leave this tile unfinished.")

    def _run(self, found: Found, *, overwrite: bool = False) -> None:
        assert found.plan is not None
        assert found.folder is not None
        if overwrite:
            # Their arrays are about to be deleted.
            for layer in self._layers_of(found.folder):
                self._viewer.layers.remove(layer)
        self._stopping = False
        self._began = time.monotonic()
        self._time_left = TimeLeft()
        self._view.set_running(True)
        self._messages.set_problem("")
        self._messages.say("Preparing.")
        job = SceneJob(found.plan, found.folder, overwrite=overwrite)
        self._queue.start(job, partial(self._on_done, job))

    def _ask(self, found: Found, known: Holding) -> None:
        folder = found.folder
        assert folder is not None

        def reply(answer: QMessageBox.StandardButton) -> None:
            if answer == QMessageBox.StandardButton.Open:
                self._show(folder, "Opened")
            elif answer == QMessageBox.StandardButton.Yes and self.job is None:
                self._run(found, overwrite=True)

        ask_about(self._view, folder.path, known, reply)

    # -------------------------------------------------------------- progress

    def _on_progress(self) -> None:
        job = self.job
        if job is None:
            return
        steps = job.take_steps()
        if not steps:
            return
        last = steps[-1]
        # Per mille, as tiles of different kinds count differently.
        done = int(1000 * last.done / last.total)
        left = "" if self._stopping else self._time_left.text(last.done, last.total)
        self._view.show_progress(done, 1000, f"%p %{left}")
        if not self._stopping:
            self._messages.say(sentence(last.message))

    def _on_failed(self, text: str) -> None:
        self._settle()
        self._messages.report(text)

    def _on_stopped(self, job: Any) -> None:
        if not isinstance(job, SceneJob):
            return
        # As in Learn dynamics, napari may stop the jobs of another viewer.
        if job.from_outside and not self._view.window().isVisible():
            self.close(viewer_closes=True)
            return
        self._settle()
        self._messages.say(f"Stopped; Start continues the scene in {job.folder.path}.")

    def _on_done(self, job: SceneJob, _: None) -> None:
        self._settle()
        self._show(job.folder, f"Done in {duration(time.monotonic() - self._began)}")

    def _settle(self) -> None:
        self._view.set_running(False)
        self._refresh()

    def _show(self, folder: SceneFolder, what: str) -> None:
        """Open the layers of a finished scene, unless they are open."""
        if self._layers_of(folder):
            self._messages.say(f"The layers of {folder.path} are in the viewer already.")
            return
        try:
            self._viewer.open(str(folder.path), plugin=PLUGIN)
        except Exception as error:  # noqa: BLE001 - napari raises errors of many kinds
            self._messages.report(describe(error, f"Opening {folder.path} failed"))
            return
        frames = len(folder.request().times)
        self._messages.say(f"{what}: {frames} frames in {folder.path}. Move the time slider.")

    def _layers_of(self, folder: SceneFolder) -> list[Any]:
        shown = str(folder.path)
        return [layer for layer in self._viewer.layers if mark_of(layer).get("folder") == shown]

    # --------------------------------------------------------------- changes

    def _on_edited(self) -> None:
        self._edited = True
        self._refresh()

    def _on_preset(self, name: str) -> None:
        if name != CUSTOM:
            self._state.take_preset(name)
            self._on_edited()

    def _refresh(self) -> None:
        """Look at the files soon; until then nothing can start."""
        self._found = None
        self._view.set_ready(False)
        self._timer.start()

    def _look(self) -> None:
        if not self._open or self.job is not None:
            return
        try:
            asked = self._state.asked()
        except SettingsError as error:
            self._messages.set_problem(sentence(str(error)))
            return
        self._queue.run(
            "look", "Reading the images", lambda _: look(asked), partial(self._on_found, asked)
        )

    def _on_found(self, asked: Asked, found: Found) -> None:
        if not self._open or self._timer.isActive():
            return
        if not any(asked.sources) and found.holding.request is not None:
            try:
                self._state.take_scene(found.holding.request)
            except SettingsError as error:
                self._messages.set_problem(sentence(str(error)))
            return
        view = self._view
        view.first.show_facts(found.facts[0])
        view.last.show_facts(found.facts[1])
        request = None if found.plan is None else found.plan.request
        view.show_summary("" if request is None else summary(request))
        view.pair_notes.say(() if found.plan is None else found.plan.oddities)
        self._messages.set_problem(sentence(found.problem))
        if self._edited:
            self._edited = False
            self._messages.say(next_step(asked, found))
        ready = found.plan is not None and found.folder is not None and not found.problem
        self._found = found if ready else None
        view.set_ready(ready)

    def _offer_layers(self, event: Any = None) -> None:
        known = layer_sources(self._viewer)
        self._view.show_layers(None if known is None else known[0])

    def _on_theme(self, event: Any = None) -> None:
        self._view.set_palette(palette_of(self._viewer))
