"""Arrows, maps and streamlines of a result as layers that follow what the user chooses."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_latentdyn.core.dynamics.arrows import scale_note
from napari_latentdyn.viewer.explore import layers as making
from napari_latentdyn.viewer.explore.options import ExploreOptions
from napari_latentdyn.viewer.explore.subject import Subject
from napari_latentdyn.viewer.layers import METADATA_KEY, find_layer, update_or_add
from napari_latentdyn.viewer.reference import arrow_confidence
from napari_latentdyn.widgets.background import BackgroundJob, JobQueue
from napari_latentdyn.widgets.explore.legend import Scale
from napari_latentdyn.widgets.explore.view import ExploreView

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_latentdyn.core.dynamics.deformation import Deformation
    from napari_latentdyn.viewer.reference import LayerTuple

__all__ = ["Display"]

#: Mode of a layer in which the user draws nothing.
_IDLE = "pan_zoom"
#: Layers that have colours to explain, by role.
_COLOURED = ("fields", "map", "strain_axes", "streamlines")


class Display:
    """Adds and renews layers, and keeps the legend true.

    Parameters
    ----------
    viewer : napari.Viewer
        Where layers go to.
    view : ExploreView
        Where the legend is.
    queue : JobQueue
        Computes in the background.
    changed : callable
        Called when other values are shown.
    """

    def __init__(
        self,
        viewer: Viewer,
        view: ExploreView,
        queue: JobQueue,
        changed: Callable[[], None],
    ) -> None:
        self._viewer = viewer
        self._view = view
        self._queue = queue
        self._changed = changed
        self._deformation: tuple[float, Deformation] | None = None
        self._subject: Subject | None = None
        self._followed: Any = None

    @property
    def subject(self) -> Subject | None:
        """What is explored."""
        return self._subject

    @subject.setter
    def subject(self, subject: Subject | None) -> None:
        before, self._subject = self._subject, subject
        if subject is None or before is None or subject.velocity is not before.velocity:
            self._deformation = None

    def renew(self, group: str, options: ExploreOptions) -> None:
        """Show "arrows", "maps" or "streamlines" as the options say."""
        subject = self._subject
        if subject is None:
            return
        if group == "arrows":
            self._renew_arrows(subject, options)
        elif group == "maps":
            self._renew_maps(subject, options)
        elif group == "streamlines":
            self._renew_streamlines(subject, options)

    def _renew_arrows(self, subject: Subject, options: ExploreOptions) -> None:
        shown = find_layer(self._viewer, self._run_id, "frames")
        if shown is None or not options.arrows.hide_doubtful:
            self._queue.forget("arrows")
            self.show([making.arrows(subject, options.arrows)])
            return
        frames = np.asarray(shown.data)
        if shown.rgb:
            frames = np.moveaxis(frames, -1, 1)
        elif frames.ndim == 4:
            frames = np.moveaxis(frames, 0, 1)
        sure = find_layer(self._viewer, self._run_id, "confidence")
        known = None if sure is None or len(sure.data) != len(frames) else np.asarray(sure.data)
        times = np.asarray(shown.metadata[METADATA_KEY]["times"], np.float64)

        def place(_: BackgroundJob) -> list[LayerTuple]:
            trust = arrow_confidence(frames, times, len(subject.velocity), known)
            return [making.arrows(subject, options.arrows, trust)]

        self._queue.run("arrows", "Placing the arrows", place, self.show)

    def _renew_maps(self, subject: Subject, options: ExploreOptions) -> None:
        chosen = options.maps
        if chosen.kind == "none":
            self._remove("map")
        if not chosen.axes:
            self._remove("strain_axes")
        if chosen.kind == "none" and not chosen.axes:
            self._queue.forget("maps")
            return
        known = self._deformation

        def derive(_: BackgroundJob) -> Any:
            found = known[1] if known is not None and known[0] == chosen.smooth else None
            found = found or making.deformation_of(subject, chosen.smooth)
            made = []
            if chosen.kind != "none":
                made.append(making.map_layer(subject, found, chosen))
            if chosen.axes:
                made.append(making.axes_layer(subject, found))
            return found, made

        def show(outcome: Any) -> None:
            found, made = outcome
            self._deformation = (chosen.smooth, found)
            self.show(made)

        self._queue.run("maps", "Deriving the map", derive, show)

    def _renew_streamlines(self, subject: Subject, options: ExploreOptions) -> None:
        if not options.streamlines.shown:
            self._queue.forget("streamlines")
            self._remove("streamlines")
            return
        self._queue.run(
            "streamlines",
            "Computing streamlines",
            lambda _: [making.streamline_layer(subject, options.streamlines)],
            self.show,
        )

    # --------------------------------------------------------------- layers

    def show(self, layers: list[LayerTuple]) -> None:
        """Add layers, or renew those that there are, with what their colours mean."""
        if self._subject is None:
            return
        for data, meta, kind in layers:
            role = meta["metadata"][METADATA_KEY].get("role")
            new = find_layer(self._viewer, self._run_id, role) is None
            drawn_in = self._viewer.layers.selection.active
            mode = str(getattr(drawn_in, "mode", _IDLE))
            (layer,) = update_or_add(self._viewer, [(data, meta, kind)])
            if new and drawn_in in self._viewer.layers and mode != _IDLE:
                # napari makes a new layer the active one, and takes the user's tool away.
                self._viewer.layers.selection.active = drawn_in
                drawn_in.mode = mode
            layer.name = meta["name"]
            for look in ("edge_color", "edge_colormap", "edge_contrast_limits", "colormap"):
                if look in meta and len(data):
                    setattr(layer, look, meta[look])
            if "edge_color" in meta and len(data):
                # napari colours again when the feature changes, not when its limits do.
                layer.refresh_colors(update_color_mapping=False)
            if role == "map":
                layer.contrast_limits = meta["contrast_limits"]
                if new:
                    self._below_arrows(layer)
        self.explain()
        self._changed()

    def has(self, role: str) -> bool:
        """Return whether there is a layer of a role."""
        return find_layer(self._viewer, self._run_id, role) is not None

    def map_kind(self) -> str | None:
        """Return the quantity of the map that there is."""
        layer = find_layer(self._viewer, self._run_id, "map")
        return None if layer is None else str(layer.metadata[METADATA_KEY].get("quantity"))

    def _below_arrows(self, layer: Any) -> None:
        arrows = find_layer(self._viewer, self._run_id, "fields")
        if arrows is not None:
            layers = self._viewer.layers
            layers.move(layers.index(layer), layers.index(arrows))

    def _remove(self, role: str) -> None:
        layer = find_layer(self._viewer, self._run_id, role)
        if layer is not None:
            self._viewer.layers.remove(layer)
            self._changed()
        self.explain()

    def explain(self) -> None:
        """Tell in the legend what the colours of the layers mean."""
        scales = []
        self._follow(find_layer(self._viewer, self._run_id, "fields"))
        for role in _COLOURED:
            layer = find_layer(self._viewer, self._run_id, role)
            if layer is None:
                continue
            info = layer.metadata[METADATA_KEY]
            is_map = role == "map"
            colours = layer.colormap if is_map else layer.edge_colormap
            limits = layer.contrast_limits if is_map else layer.edge_contrast_limits
            if limits is None:
                continue
            title, unit, factor = self._meaning(role, info, limits)
            if role == "fields":
                note = scale_note(float(layer.length))
                title = f"{note[0].upper()}{note[1:]}: {title}"
            low, high = (factor * float(limit) for limit in limits)
            scales.append(Scale(title, unit, low, high, colours.colors))
        self._view.legend.show_scales(scales)

    def close(self) -> None:
        """Let go of the layers."""
        self._follow(None)

    def _follow(self, layer: Any) -> None:
        """Keep the legend true while the user changes the length of a layer of arrows."""
        if layer is self._followed:
            return
        for known, connect in ((self._followed, False), (layer, True)):
            if known is not None:
                emitter = known.events.length
                (emitter.connect if connect else emitter.disconnect)(self._on_length)
        self._followed = layer

    def _on_length(self, event: Any = None) -> None:
        self.explain()

    @property
    def _run_id(self) -> str | None:
        return None if self._subject is None else self._subject.run_id

    def _meaning(self, role: str, info: Any, limits: Any) -> tuple[str, str, float]:
        """Return what the colours of a layer tell, the unit, and what one of its values is."""
        if role == "map":
            return str(info.get("quantity", "")).capitalize(), str(info.get("unit", "")), 1.0
        if role == "strain_axes":
            return "Strain axes: squeezing to stretching", str(info.get("unit", "")), 1.0
        if tuple(limits) == (-180.0, 180.0):
            return "direction, 90 is up", "degrees", 1.0
        title = "speed" if role == "fields" else "Streamlines: speed"
        factor, unit = (1.0, "") if self._subject is None else self._subject.pixel_per_stage
        return title, unit, factor
