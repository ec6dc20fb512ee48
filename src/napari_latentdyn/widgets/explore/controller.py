"""The one owner of tasks and state of "Explore dynamics", between view and viewer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_latentdyn.errors import UserError
from napari_latentdyn.explore import layers as making
from napari_latentdyn.explore.options import ExploreOptions
from napari_latentdyn.explore.subject import Subject
from napari_latentdyn.layers import METADATA_KEY, find_layer, result_layers, update_or_add
from napari_latentdyn.widgets.explore.exports import Exports
from napari_latentdyn.widgets.explore.legend import Scale
from napari_latentdyn.widgets.explore.probe import Probe
from napari_latentdyn.widgets.explore.results import Findings
from napari_latentdyn.widgets.explore.tracers import Tracers
from napari_latentdyn.widgets.explore.view import ExploreView
from napari_latentdyn.widgets.palette import palette_of
from napari_latentdyn.widgets.tasks import Task, Tasks
from napari_latentdyn.widgets.wording import sentence

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_latentdyn.core.deformation import Deformation
    from napari_latentdyn.reference import LayerTuple

__all__ = ["ExploreController"]

_WELCOME = "Learn the dynamics of two images first, or open a run folder."
#: Pause after a change of an option, within which more may come.
_SETTLE_MS = 250
#: Layers that have colours to explain, by role, with the name of what they tell.
_COLOURED = ("fields", "map", "strain_axes", "streamlines")


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
        self._findings = Findings(self._viewer)
        self.subject: Subject | None = None
        self._deformation: tuple[Subject, float, Deformation] | None = None
        self._open = False
        self._tasks = Tasks(self)
        self._tasks.changed.connect(view.set_busy)
        self._tasks.failed.connect(self._fail)
        self._changes: dict[str, QTimer] = {}
        for group in ExploreOptions.model_fields:
            timer = QTimer(self)
            timer.setSingleShot(True)
            timer.setInterval(_SETTLE_MS)
            timer.timeout.connect(partial(self._renew, group))
            self._changes[group] = timer
        self.probe = Probe(self._viewer, view)
        self.tracers = Tracers(self._viewer, view, self._run, self._show)
        self.exports = Exports(self._viewer, view, self._run)
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
            "show_latents": self.show_latents,
            "export": self.exports.export,
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
        self._tasks.close()
        for timer in self._changes.values():
            timer.stop()
        events = self._viewer.layers.events
        for emitter in (events.inserted, events.removed, events.renamed):
            emitter.disconnect(self._on_layers)
        self._viewer.events.theme.disconnect(self._on_theme)
        self.probe.disconnect()
        self.subject = None
        self._deformation = None

    # --------------------------------------------------------------- actions

    def open_run(self, folder: str) -> None:
        """Explore a run folder."""
        try:
            run_id = self._findings.open(folder)
        except UserError as error:
            self._fail(str(error))
            return
        self._view.result.set_items(self._findings.items())
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

        def draw(task: Task) -> Any:
            return finer.frames(task.stop.is_set, task.report)

        def show(frames: Any) -> None:
            if frames is None:
                return
            self._take(finer)
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
            self._show(made[:1])
            for group in ("arrows", "maps", "streamlines"):
                self._renew(group)
            self.tracers.renew()
            self._say(f"{len(times)} frames drawn. Move the time slider.")

        self._run("frames", "Drawing the frames", draw, show)

    def show_latents(self) -> None:
        """Add the channels of the latent state side by side."""
        subject = self.subject
        if subject is None:
            return

        def show(layers: list[LayerTuple] | None) -> None:
            if layers is None:
                return
            self._show(layers)
            shown = {meta["name"] for _, meta, _ in layers}
            for layer in self._viewer.layers:
                layer.visible = layer.name in shown
            self._viewer.canvas.grid.enabled = True
            self._viewer.canvas.grid.stride = 1
            self._viewer.reset_view()
            self._say(
                f"{len(layers)} channels side by side. Switch the grid off (Ctrl+G) and show the "
                "other layers again to go back."
            )

        self._run(
            "latents",
            "Drawing the latent states",
            lambda task: making.latent_layers(subject, subject.latents(task.stop.is_set)),
            show,
        )

    # --------------------------------------------------------------- showing

    def _renew(self, group: str) -> None:
        options, subject = self._options(), self.subject
        if options is None or subject is None:
            return
        if group == "arrows":
            self._show([making.arrows(subject, options.arrows)])
        elif group == "maps":
            self._renew_maps(subject, options)
        elif group == "streamlines":
            if not options.streamlines.shown:
                self._tasks.forget("streamlines")
                self._remove("streamlines")
                return
            self._run(
                "streamlines",
                "Drawing streamlines",
                lambda _: [making.streamline_layer(subject, options.streamlines)],
                self._show,
            )
        elif group == "tracers":
            self.tracers.renew()

    def _renew_maps(self, subject: Subject, options: ExploreOptions) -> None:
        chosen = options.maps
        if chosen.kind == "none":
            self._remove("map")
        if not chosen.axes:
            self._remove("strain_axes")
        if chosen.kind == "none" and not chosen.axes:
            self._tasks.forget("maps")
            return
        known = self._deformation

        def derive(_: Task) -> Any:
            found = None
            if known is not None and known[0].velocity is subject.velocity:
                found = known[2] if known[1] == chosen.smooth else None
            found = found or making.deformation_of(subject, chosen.smooth)
            made = []
            if chosen.kind != "none":
                made.append(making.map_layer(subject, found, chosen))
            if chosen.axes:
                made.append(making.axes_layer(subject, found))
            return found, made

        def show(outcome: Any) -> None:
            if outcome is not None:
                found, made = outcome
                self._deformation = (subject, chosen.smooth, found)
                self._show(made)

        self._run("maps", "Deriving the map", derive, show)

    def _show(self, layers: list[LayerTuple] | None) -> None:
        if layers is None or not self._open:
            return
        for data, meta, kind in layers:
            role = meta["metadata"][METADATA_KEY].get("role")
            new = find_layer(self._viewer, self._run_id, role) is None
            (layer,) = update_or_add(self._viewer, [(data, meta, kind)])
            layer.name = meta["name"]
            for look in ("edge_color", "edge_colormap", "edge_contrast_limits", "colormap"):
                if look in meta and len(data):
                    setattr(layer, look, meta[look])
            if "edge_color" in meta and len(data):
                # napari colours anew when the feature changes, not when its limits do.
                layer.refresh_colors(update_color_mapping=False)
            if role == "map":
                layer.contrast_limits = meta["contrast_limits"]
                if new:
                    self._below_arrows(layer)
        self._explain()

    def _below_arrows(self, layer: Any) -> None:
        arrows = find_layer(self._viewer, self._run_id, "fields")
        if arrows is not None:
            layers = self._viewer.layers
            layers.move(layers.index(layer), layers.index(arrows))

    def _remove(self, role: str) -> None:
        layer = find_layer(self._viewer, self._run_id, role)
        if layer is not None:
            self._viewer.layers.remove(layer)
        self._explain()

    def _explain(self) -> None:
        scales = []
        for role in _COLOURED:
            layer = find_layer(self._viewer, self._run_id, role)
            if layer is None:
                continue
            info = layer.metadata[METADATA_KEY]
            is_map = role == "map"
            colours = layer.colormap if is_map else layer.edge_colormap
            limits = layer.contrast_limits if is_map else layer.edge_contrast_limits
            title, unit = _meaning(role, info, limits)
            if limits is None:
                continue
            scales.append(Scale(title, unit, float(limits[0]), float(limits[1]), colours.colors))
        self._view.legend.show_scales(scales)

    # --------------------------------------------------------------- changes

    @property
    def _run_id(self) -> str | None:
        return None if self.subject is None else self.subject.run_id

    def _options(self) -> ExploreOptions | None:
        try:
            return self._view.options()
        except UserError as error:
            self._fail(str(error))
            return None

    def _run(
        self,
        kind: str,
        what: str,
        function: Callable[[Task], Any],
        done: Callable[[Any], None],
    ) -> None:
        self._tasks.run(Task(kind, what, function, done))

    def _take(self, subject: Subject | None) -> None:
        self.subject = subject
        self.probe.subject = subject
        self.tracers.subject = subject
        self.exports.subject = subject
        self._view.set_usable(subject is not None)
        self._view.show_about("" if subject is None else _about(subject))

    def _choose(self) -> None:
        run_id = self._view.result.value()
        if self.subject is not None and run_id == self.subject.run_id:
            return
        self._tasks.cancel()
        try:
            subject = None if run_id is None else self._findings.subject(str(run_id))
        except UserError as error:
            self._fail(str(error))
            subject = None
        self._take(subject)
        self._deformation = None
        self._say(_WELCOME if subject is None else "Choose what to show; it follows at once.")
        self._explain()

    def _ask_and_open(self) -> None:
        folder = self._view.ask_folder()
        if folder:
            self.open_run(folder)

    def _cancel(self) -> None:
        self._tasks.cancel()
        self._say("Stopped; nothing changed.")

    def _on_layers(self, event: Any = None) -> None:
        items = self._findings.items()
        known = {key for key, _ in items}
        chosen = self._view.result.value()
        self._view.result.set_items(items)
        if chosen not in known and items:
            self._view.result.setValue(items[-1][0])
        if self.subject is None or self.subject.run_id not in known:
            self._choose()
        self._explain()

    def _on_theme(self, event: Any = None) -> None:
        self._view.set_palette(palette_of(self._viewer))

    def _say(self, text: str) -> None:
        self._view.show_status(text)

    def _fail(self, text: str) -> None:
        from napari.utils.notifications import show_error

        text = sentence(text)
        self._view.show_status(text, error=True)
        show_error(text)


def _meaning(role: str, info: Any, limits: Any) -> tuple[str, str]:
    """Return what the colours of a layer tell, and the unit."""
    if role == "map":
        return str(info.get("quantity", "")).capitalize(), str(info.get("unit", ""))
    if role == "strain_axes":
        return "Strain axes: squeezing to stretching", str(info.get("unit", ""))
    if limits is not None and tuple(limits) == (-180.0, 180.0):
        return "Arrows: direction, 90 is up", "degrees"
    title = "Arrows" if role == "fields" else "Streamlines"
    return f"{title}: speed", str(info.get("speed_unit", ""))


def _about(subject: Subject) -> str:
    height, width = subject.shape
    interval = subject.interval
    took = "" if interval is None else f", {interval[0]:g} {interval[1]}{'s' * (interval[0] != 1)}"
    stages = len(subject.velocity)
    return f"{width} × {height} pixels, {stages} stages, {len(subject.times)} frames{took}"
