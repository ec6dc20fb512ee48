"""The controller of "Explore dynamics": it owns jobs and state, between view and viewer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_latentdyn.errors import UserError
from napari_latentdyn.viewer.explore.options import ExploreOptions
from napari_latentdyn.viewer.explore.subject import Subject
from napari_latentdyn.viewer.layers import result_layers
from napari_latentdyn.viewer.timelabel import tell_time
from napari_latentdyn.widgets.background import BackgroundJob, JobQueue
from napari_latentdyn.widgets.explore.display import Display
from napari_latentdyn.widgets.explore.explorable import ExplorableRuns
from napari_latentdyn.widgets.explore.latents import Latents
from napari_latentdyn.widgets.explore.probe import Probe
from napari_latentdyn.widgets.explore.tracers import Tracers
from napari_latentdyn.widgets.explore.view import ExploreView
from napari_latentdyn.widgets.export.exporter import Exporter
from napari_latentdyn.widgets.palette import palette_of
from napari_latentdyn.widgets.texts import sentence

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["ExploreController"]

_WELCOME = "Find the motion between two images first (Learn dynamics), or open a run folder."
#: Pause after a change of an option, within which more may come.
_SETTLE_MS = 250


class ExploreController(QObject):
    """Shows a result in many ways.

    Parameters
    ----------
    viewer : napari.Viewer
        Where layers go to.
    view : ExploreView
        What the user sees.
    """

    def __init__(self, viewer: Viewer, view: ExploreView) -> None:
        super().__init__(view)
        # Plugins are handed a proxy, whose layers are never identical to themselves.
        self._viewer: Viewer = getattr(viewer, "__wrapped__", viewer)
        self._view = view
        self._runs = ExplorableRuns(self._viewer)
        self.subject: Subject | None = None
        self._open = False
        self._queue = JobQueue(self)
        self._queue.changed.connect(view.set_busy)
        self._queue.failed.connect(self._fail)
        self._changes: dict[str, QTimer] = {}
        for group in ExploreOptions.model_fields:
            timer = QTimer(self)
            timer.setSingleShot(True)
            timer.setInterval(_SETTLE_MS)
            timer.timeout.connect(partial(self._renew, group))
            self._changes[group] = timer
        self.probe = Probe(self._viewer, view)
        self.display = Display(self._viewer, view, self._queue, self.probe.follow)
        self.tracers = Tracers(self._viewer, view, self._queue, self.display.show)
        self.latents = Latents(self._viewer, view, self._queue, self.display.show)
        self.exporter = Exporter(self._viewer, view)
        self._lost = QTimer(self)
        self._lost.setSingleShot(True)
        self._lost.timeout.connect(self._on_lost)
        view.optionsChosen.connect(lambda group: self._changes[group].start())
        view.resultChosen.connect(self._choose)
        view.openRequested.connect(self._ask_and_open)
        view.cancelRequested.connect(self._cancel)
        actions: dict[str, Callable[[], Any]] = {
            "draw_frames": self.draw_frames,
            "place_points": self.tracers.place,
            "place_grid": self.tracers.place_grid,
            "carry": self.tracers.carry,
            "draw_line": self.probe.draw_line,
            "show_latents": self.latents.toggle,
            "export": self._export,
        }
        view.pressed.connect(lambda name: actions[name]())
        self.open()

    # ------------------------------------------------------------ life cycle

    def open(self) -> None:
        """Begin to follow the viewer; does nothing if it does already."""
        if self._open:
            return
        self._open = True
        events = self._viewer.layers.events
        for emitter in (events.inserted, events.removed, events.renamed):
            emitter.connect(self._on_layers)
        self._viewer.events.theme.connect(self._on_theme)
        self.probe.connect()
        self._on_theme()
        self._on_layers()

    def close(self) -> None:
        """Stop everything and let go of the viewer."""
        if not self._open:
            return
        self._open = False
        self._queue.close()
        self.exporter.close()
        for timer in self._changes.values():
            timer.stop()
        self._lost.stop()
        self.latents.leave()
        events = self._viewer.layers.events
        for emitter in (events.inserted, events.removed, events.renamed):
            emitter.disconnect(self._on_layers)
        self._viewer.events.theme.disconnect(self._on_theme)
        self.probe.disconnect()
        self.display.close()
        self.subject = None

    # --------------------------------------------------------------- actions

    def open_run(self, folder: str) -> None:
        """Explore a run folder."""
        try:
            run_id = self._runs.open(folder)
        except UserError as error:
            self._fail(str(error))
            return
        self._view.result.set_items(self._runs.items())
        self._view.result.setValue(run_id)
        self._choose()
        self.draw_frames()

    def draw_frames(self) -> None:
        """Draw as many frames as the user wants; arrows and maps follow."""
        options, subject = self._options(), self.subject
        if options is None or subject is None:
            return
        times = np.linspace(0.0, 1.0, options.frames.count + 2)
        finer = subject.at(times)

        def draw(job: BackgroundJob) -> Any:
            return finer.frames(job.cancelled.is_set, job.report)

        def show(frames: Any) -> None:
            self._take(finer)
            self.latents.drop()
            made = result_layers(
                frames=frames,
                times=times,
                velocity=finer.velocity,
                field_times=np.arange(len(finer.velocity)) / len(finer.velocity),
                settings=finer.settings,
                report=finer.report,
                placement=finer.placement,
                run_id=finer.run_id,
                name=finer.name,
            )
            self.display.show(made[:1])
            for group in ("arrows", "maps", "streamlines"):
                self._renew(group)
            self.tracers.renew()
            self._say(f"{len(times)} frames computed. Move the time slider.")

        self._queue.run("frames", "Computing frames", draw, show)

    # --------------------------------------------------------------- changes

    def _renew(self, group: str) -> None:
        options = self._options()
        if options is None or self.subject is None:
            return
        if group == "tracers":
            self.tracers.renew()
        else:
            self.display.renew(group, options)

    def _export(self) -> None:
        if self.subject is not None:
            self.exporter.show(self.subject)

    def _options(self) -> ExploreOptions | None:
        try:
            return self._view.options()
        except UserError as error:
            self._fail(str(error))
            return None

    def _take(self, subject: Subject | None) -> None:
        self.subject = subject
        self.probe.subject = subject
        self.tracers.subject = subject
        self.latents.subject = subject
        self.display.subject = subject
        self.exporter.take(subject)
        self._view.set_usable(subject is not None)
        self._view.show_about("" if subject is None else _about(subject))

    def _choose(self) -> None:
        run_id = self._view.result.value()
        if self.subject is not None and run_id == self.subject.run_id:
            return
        self._queue.cancel()
        try:
            subject = None if run_id is None else self._runs.subject(str(run_id))
        except UserError as error:
            self._fail(str(error))
            subject = None
        self._take(subject)
        self._choose_what_is_shown()
        self._say(_WELCOME if subject is None else "Changes appear immediately.")
        self.display.explain()

    def _choose_what_is_shown(self) -> None:
        """Let the choices say what there is of the result, as another one may have other layers."""
        self._view.set_option("maps.kind", self.display.map_kind() or "none")
        self._view.set_option("maps.axes", self.display.has("strain_axes"))
        self._view.set_option("streamlines.shown", self.display.has("streamlines"))

    def _ask_and_open(self) -> None:
        folder = self._view.ask_folder()
        if folder:
            self.open_run(folder)

    def _cancel(self) -> None:
        self._queue.cancel()
        self._say("Stopped; nothing changed.")

    def _on_layers(self, event: Any = None) -> None:
        # Layers of a run folder that was dropped are added by napari itself.
        tell_time(self._viewer)
        items = self._runs.items()
        known = {key for key, _ in items}
        chosen = self._view.result.value()
        self._view.result.set_items(items)
        if chosen not in known and items:
            self._view.result.setValue(items[-1][0])
        if self.subject is None or self.subject.run_id not in known:
            self._choose()
        self.display.explain()
        # A layer that is renewed is away for a moment.
        self._lost.start()

    def _on_lost(self) -> None:
        """Choose nothing of which the user deleted the layer."""
        if self._queue.busy or any(timer.isActive() for timer in self._changes.values()):
            return
        for name, role, nothing in (
            ("maps.kind", "map", "none"),
            ("maps.axes", "strain_axes", False),
            ("streamlines.shown", "streamlines", False),
        ):
            if self.subject is not None and not self.display.has(role):
                self._view.set_option(name, nothing)
        self.latents.follow()
        self.probe.follow()

    def _on_theme(self, event: Any = None) -> None:
        self._view.set_palette(palette_of(self._viewer))

    def _say(self, text: str) -> None:
        self._view.show_status(text)

    def _fail(self, text: str) -> None:
        from napari.utils.notifications import show_error

        text = sentence(text)
        self._view.show_status(text, error=True)
        show_error(text)


def _about(subject: Subject) -> str:
    height, width = subject.shape
    interval = subject.interval
    took = "" if interval is None else f", {interval[0]:g} {interval[1]}{'s' * (interval[0] != 1)}"
    stages = len(subject.velocity)
    return f"{width} × {height} pixels, {stages} stages, {len(subject.times)} frames{took}"
