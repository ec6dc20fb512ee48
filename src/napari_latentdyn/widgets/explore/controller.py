"""The controller of "Explore dynamics", between view and viewer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject

from napari_latentdyn.core.dynamics.result import Dynamics, frame_times
from napari_latentdyn.errors import UserError
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.explore.options import ExploreOptions
from napari_latentdyn.viewer.layers import frames_layer
from napari_latentdyn.viewer.timelabel import tell_time
from napari_latentdyn.widgets.background import BackgroundJob, JobQueue
from napari_latentdyn.widgets.explore.carry import CarryAlong
from napari_latentdyn.widgets.explore.display import Display
from napari_latentdyn.widgets.explore.explorable import ExplorableRuns
from napari_latentdyn.widgets.explore.latents import Latents
from napari_latentdyn.widgets.explore.probe import Probe
from napari_latentdyn.widgets.explore.tracers import Tracers
from napari_latentdyn.widgets.explore.view import ExploreView
from napari_latentdyn.widgets.export.exporter import Exporter
from napari_latentdyn.widgets.file_dialogs import ask_folder
from napari_latentdyn.widgets.layouts import single_shot
from napari_latentdyn.widgets.messages import fail
from napari_latentdyn.widgets.palette import palette_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["ExploreController"]

_WELCOME = "Find the motion between two images first (Learn dynamics), or open a run folder."
#: Delay after a change of an option, in which more changes may follow.
_SETTLE_MS = 250


class ExploreController(QObject):
    """Shows a result as frames, arrows, maps, streamlines, tracers, profiles and latent states."""

    def __init__(self, viewer: Viewer, view: ExploreView) -> None:
        super().__init__(view)
        # Plugins get a proxy, whose layers are never identical to themselves.
        self._viewer: Viewer = getattr(viewer, "__wrapped__", viewer)
        self._view = view
        self._runs = ExplorableRuns(self._viewer)
        self.dynamics: Dynamics | None = None
        self._open = False
        self._queue = JobQueue(self)
        self._queue.changed.connect(self._on_job)
        self._queue.failed.connect(self._fail)
        self._changes = {
            group: single_shot(self, _SETTLE_MS, partial(self._renew, group))
            for group in ExploreOptions.model_fields
        }
        self.probe = Probe(self._viewer, view, self._queue)
        self._rerun = single_shot(self, 0, self._on_rerun)
        self.display = Display(
            self._viewer, view, self._queue, self.probe.follow, self._rerun.start
        )
        self.tracers = Tracers(self._viewer, view, self._queue, self.display.show)
        self.latents = Latents(self._viewer, view, self._queue, self.display.show)
        self.carrying = CarryAlong(self._viewer, view, self._queue, self.display.show)
        self.exporter = Exporter(self._viewer, view)
        self._lost = single_shot(self, 0, self._on_lost)
        view.optionsChosen.connect(lambda group: self._changes[group].start())
        view.resultChosen.connect(self._choose)
        view.openRequested.connect(self._ask_and_open)
        view.cancelRequested.connect(self._cancel)
        actions: dict[str, Callable[[], Any]] = {
            "draw_frames": self.draw_frames,
            "place_points": self.tracers.place,
            "place_grid": self.tracers.place_grid,
            "carry": self.tracers.carry,
            "carry_along": self.carrying.carry,
            "draw_line": self.probe.draw_line,
            "show_latents": self.latents.toggle,
            "export": self._export,
        }
        view.pressed.connect(lambda name: actions[name]())
        self.open()

    # ------------------------------------------------------------ life cycle

    def open(self) -> None:
        """Connect to the viewer, unless connected."""
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
        """Cancel all jobs and disconnect from the viewer."""
        if not self._open:
            return
        self._open = False
        self._queue.close()
        self.exporter.close()
        for timer in self._changes.values():
            timer.stop()
        self._lost.stop()
        self._rerun.stop()
        self.latents.leave()
        events = self._viewer.layers.events
        for emitter in (events.inserted, events.removed, events.renamed):
            emitter.disconnect(self._on_layers)
        self._viewer.events.theme.disconnect(self._on_theme)
        self.probe.disconnect()
        self.display.close()
        self.dynamics = None

    # --------------------------------------------------------------- actions

    def open_run(self, folder: str) -> None:
        """Open a run folder."""
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
        """Compute the number of frames in the options, then update the other layers."""
        options, dynamics = self._options(), self.dynamics
        if options is None or dynamics is None:
            return
        chosen = Settings().updated({"output.frames": options.frames.count})
        times = frame_times(chosen, dynamics.observation_times)
        finer = dynamics.at(times)

        def draw(job: BackgroundJob) -> Any:
            return finer.frames(should_stop=job.cancelled.is_set, on_frame=job.report)

        def show(frames: Any) -> None:
            self._take(finer)
            self.latents.drop()
            self.display.show([frames_layer(finer)])
            for group in ("arrows", "maps", "streamlines"):
                self._renew(group)
            self.tracers.renew()
            self._say(f"{len(times)} frames computed. Move the time slider.")

        self._queue.run("frames", "Computing frames", draw, show)

    # --------------------------------------------------------------- changes

    def _renew(self, group: str) -> None:
        options = self._options()
        if options is None or self.dynamics is None:
            return
        if group == "tracers":
            self.tracers.renew()
        else:
            self.display.renew(group, options)

    def _export(self) -> None:
        if self.dynamics is not None:
            self.exporter.show(self.dynamics)

    def _options(self) -> ExploreOptions | None:
        try:
            return self._view.options()
        except UserError as error:
            self._fail(str(error))
            return None

    def _take(self, dynamics: Dynamics | None) -> None:
        self.dynamics = dynamics
        self.probe.dynamics = dynamics
        self.tracers.dynamics = dynamics
        self.latents.dynamics = dynamics
        self.carrying.dynamics = dynamics
        self.display.dynamics = dynamics
        self.exporter.take(dynamics)
        self._view.set_usable(dynamics is not None)
        self._view.show_about("" if dynamics is None else _about(dynamics))

    def _choose(self) -> None:
        run_id = self._view.result.value()
        if self.dynamics is not None and run_id == self.dynamics.run_id:
            return
        self._queue.cancel()
        try:
            dynamics = None if run_id is None else self._runs.dynamics(str(run_id))
        except UserError as error:
            self._fail(str(error))
            dynamics = None
        self._take(dynamics)
        self._match_options()
        self._say(_WELCOME if dynamics is None else "Changes appear immediately.")
        self.display.explain()

    def _match_options(self) -> None:
        """Set the options to the existing layers of the result."""
        self._view.set_option("arrows.uncertainty", self.display.circles() or "none")
        self._view.set_option("maps.kind", self.display.map_kind() or "none")
        self._view.set_option("maps.axes", self.display.has("strain_axes"))
        self._view.set_option("streamlines.shown", self.display.has("streamlines"))

    def _ask_and_open(self) -> None:
        folder = ask_folder(self._view, "Open a run folder")
        if folder:
            self.open_run(folder)

    def _cancel(self) -> None:
        self._queue.cancel()
        self._say("Stopped; nothing changed.")

    def _on_layers(self, event: Any = None) -> None:
        # napari itself adds the layers of a dropped run folder.
        tell_time(self._viewer)
        items = self._runs.items()
        known = {key for key, _ in items}
        chosen = self._view.result.value()
        self._view.result.set_items(items)
        if chosen not in known and items:
            self._view.result.setValue(items[-1][0])
        if self.dynamics is None or self.dynamics.run_id not in known:
            self._choose()
        self.display.explain()
        self.carrying.follow()
        # Updating a layer may remove it for a moment.
        self._lost.start()

    def _on_job(self, what: str, done: int, total: int) -> None:
        self._view.set_busy(what, done, total)
        if not what:
            self._lost.start()

    def _on_lost(self) -> None:
        """Set the options to the layers that the user deleted, or that a stopped job left."""
        if self._queue.busy or any(timer.isActive() for timer in self._changes.values()):
            return
        self.display.drop_lone_circles()
        self._match_options()
        self.latents.follow()
        self.probe.follow()

    def _on_rerun(self) -> None:
        """Take the result of a later run on the same images, which has updated the layers."""
        before = self.dynamics
        after = None if before is None else self._runs.dynamics(before.run_id)
        if before is None or after is None or after.fields is before.fields:
            return
        self._take(after)
        self.latents.drop()
        self.display.renew_circles()
        for group in ("maps", "streamlines", "tracers"):
            self._renew(group)

    def _on_theme(self, event: Any = None) -> None:
        self._view.set_palette(palette_of(self._viewer))

    def _say(self, text: str) -> None:
        self._view.show_status(text)

    def _fail(self, text: str) -> None:
        fail(self._view, text)


def _about(dynamics: Dynamics) -> str:
    height, width = dynamics.shape
    took = ""
    if dynamics.interval is not None:
        took = f", {dynamics.duration:g} {dynamics.time_unit}{'s' * (dynamics.duration != 1)}"
    stages = len(dynamics.fields)
    return f"{width} × {height} pixels, {stages} stages, {len(dynamics.times())} frames{took}"
