"""Arrows, maps and streamlines of a result as layers that follow the options."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_latentdyn.core.dynamics.arrows import scale_note
from napari_latentdyn.core.dynamics.intervals import is_large
from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.viewer.context import stage_confidence
from napari_latentdyn.viewer.explore import layers as making
from napari_latentdyn.viewer.explore.options import ExploreOptions
from napari_latentdyn.viewer.layers import METADATA_KEY, find_layer, mark_of, update_or_add
from napari_latentdyn.viewer.lazy import image_confidence
from napari_latentdyn.widgets.background import BackgroundJob, JobQueue
from napari_latentdyn.widgets.explore.circles import ROLE as CIRCLES
from napari_latentdyn.widgets.explore.circles import UncertaintyCircles
from napari_latentdyn.widgets.explore.legend import Scale
from napari_latentdyn.widgets.explore.view import ExploreView

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_latentdyn.core.dynamics.deformation import Deformation
    from napari_latentdyn.viewer.context import LayerTuple

__all__ = ["Display"]

#: Mode of a layer without a drawing tool.
_IDLE = "pan_zoom"
#: Roles of layers with an entry in the legend.
_COLOURED = ("fields", "map", "strain_axes", "streamlines")


class Display:
    """Adds and updates layers and the legend.

    Calls `changed` when other values are shown, and `replaced` when the arrows get other data,
    also from another window.
    """

    def __init__(
        self,
        viewer: Viewer,
        view: ExploreView,
        queue: JobQueue,
        changed: Callable[[], None],
        replaced: Callable[[], None],
    ) -> None:
        self._viewer = viewer
        self._view = view
        self._queue = queue
        self._changed = changed
        self._replaced = replaced
        self._deformation: tuple[float, Deformation] | None = None
        self._dynamics: Dynamics | None = None
        self._followed: Any = None
        self._circles = UncertaintyCircles(viewer, queue, self.show, view.show_status)

    @property
    def dynamics(self) -> Dynamics | None:
        """The result that is explored."""
        return self._dynamics

    @dynamics.setter
    def dynamics(self, dynamics: Dynamics | None) -> None:
        before, self._dynamics = self._dynamics, dynamics
        if dynamics is None or before is None or dynamics.fields is not before.fields:
            self._deformation = None

    def renew(self, group: str, options: ExploreOptions) -> None:
        """Update "arrows", "maps" or "streamlines" to the options."""
        dynamics = self._dynamics
        if dynamics is None:
            return
        if group == "arrows":
            self._renew_arrows(dynamics, options)
        elif group == "maps":
            self._renew_maps(dynamics, options)
        elif group == "streamlines":
            self._renew_streamlines(dynamics, options)

    def _renew_arrows(self, dynamics: Dynamics, options: ExploreOptions) -> None:
        count = options.arrows.uncertainty
        if count == "none":
            self._queue.forget(CIRCLES)
            self._remove(CIRCLES)
            self._circles.tell_removed(self._run_id)

        def show(made: list[LayerTuple]) -> None:
            self.show(made)
            self._circles.renew(dynamics, None if count == "none" else count)

        shown = find_layer(self._viewer, self._run_id, "frames")
        if shown is None or not options.arrows.hide_doubtful:
            self._queue.forget("arrows")
            show([making.arrows(dynamics, options.arrows)])
            return
        if is_large(dynamics):
            self._queue.run(
                "arrows",
                "Placing the arrows",
                lambda _: [making.arrows(dynamics, options.arrows, image_confidence(dynamics))],
                show,
            )
            return
        frames = np.asarray(shown.data)
        if shown.rgb:
            frames = np.moveaxis(frames, -1, 1)
        elif frames.ndim == 4:
            frames = np.moveaxis(frames, 0, 1)
        sure = find_layer(self._viewer, self._run_id, "confidence")
        known = None if sure is None or len(sure.data) != len(frames) else np.asarray(sure.data)

        def place(_: BackgroundJob) -> list[LayerTuple]:
            trust = stage_confidence(frames, dynamics, dynamics.times(), known)
            return [making.arrows(dynamics, options.arrows, trust)]

        self._queue.run("arrows", "Placing the arrows", place, show)

    def _renew_maps(self, dynamics: Dynamics, options: ExploreOptions) -> None:
        chosen = options.maps
        if chosen.kind == "none":
            self._remove("map")
        if not chosen.axes:
            self._remove("strain_axes")
        if chosen.kind == "none" and not chosen.axes:
            self._queue.forget("maps")
            return
        known = self._deformation

        def derive(job: BackgroundJob) -> Any:
            made = []
            if chosen.kind == "uncertainty":
                made.append(making.uncertainty_layer(dynamics, job.cancelled.is_set))
            found = known[1] if known is not None and known[0] == chosen.smooth else None
            if chosen.axes or not made:
                found = found or dynamics.deformation(chosen.smooth)
                if chosen.kind not in ("none", "uncertainty"):
                    made.append(making.map_layer(dynamics, found, chosen))
                if chosen.axes:
                    made.append(making.axes_layer(dynamics, found))
            return found, made

        def show(outcome: Any) -> None:
            found, made = outcome
            if found is not None:
                self._deformation = (chosen.smooth, found)
            self.show(made)

        self._queue.run("maps", "Deriving the map", derive, show)

    def _renew_streamlines(self, dynamics: Dynamics, options: ExploreOptions) -> None:
        if not options.streamlines.shown:
            self._queue.forget("streamlines")
            self._remove("streamlines")
            return
        self._queue.run(
            "streamlines",
            "Computing streamlines",
            lambda _: [making.streamline_layer(dynamics, options.streamlines)],
            self.show,
        )

    # --------------------------------------------------------------- layers

    def show(self, layers: list[LayerTuple]) -> None:
        """Add or update layers, and update the legend."""
        if self._dynamics is None:
            return
        for data, meta, kind in layers:
            role = meta["metadata"][METADATA_KEY].get("role")
            new = find_layer(self._viewer, self._run_id, role) is None
            drawn_in = self._viewer.layers.selection.active
            mode = str(getattr(drawn_in, "mode", _IDLE))
            (layer,) = update_or_add(self._viewer, [(data, meta, kind)])
            if new and drawn_in in self._viewer.layers and mode != _IDLE:
                # napari activates a new layer, which ends the tool of the user.
                self._viewer.layers.selection.active = drawn_in
                drawn_in.mode = mode
            layer.name = meta["name"]
            if role == CIRCLES:
                # New vectors have the colour that the user chose for the earlier ones.
                if len(data) and layer.edge_color_mode == "direct":
                    layer.edge_color = layer.edge_color[0]
                continue
            for look in ("edge_color", "edge_colormap", "edge_contrast_limits", "colormap"):
                if look in meta and len(data):
                    setattr(layer, look, meta[look])
            if "edge_color" in meta and len(data):
                # napari updates colours if features change, but not if limits change.
                layer.refresh_colors(update_color_mapping=False)
            if role == "map":
                layer.contrast_limits = meta["contrast_limits"]
                if new:
                    self._below_arrows(layer)
        self.explain()
        self._changed()

    def has(self, role: str) -> bool:
        """Return whether a layer with a role exists."""
        return find_layer(self._viewer, self._run_id, role) is not None

    def map_kind(self) -> str | None:
        """Return the quantity of the map, None without a map."""
        layer = find_layer(self._viewer, self._run_id, "map")
        return None if layer is None else str(mark_of(layer).get("quantity"))

    def circles(self) -> str | None:
        """Return the number of standard deviations of the circles, None without circles."""
        return None if self._dynamics is None else self._circles.count(self._dynamics)

    def drop_lone_circles(self) -> None:
        """Remove the circles of arrows that the user deleted."""
        if not self.has("fields"):
            self._remove(CIRCLES)
        if not self.has(CIRCLES):
            self._circles.tell_removed(self._run_id)

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
        """Update the legend of all coloured layers."""
        scales = []
        self._follow(find_layer(self._viewer, self._run_id, "fields"))
        for role in _COLOURED:
            layer = find_layer(self._viewer, self._run_id, role)
            if layer is None:
                continue
            info = mark_of(layer)
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
        """Disconnect from the layers."""
        self._follow(None)

    def renew_circles(self) -> None:
        """Draw the circles, if shown, at the arrows that are shown."""
        if self._dynamics is not None:
            self._circles.renew(self._dynamics, self.circles())

    def _follow(self, layer: Any) -> None:
        """Follow the length and the data of the arrows."""
        if layer is self._followed:
            return
        for known, action in ((self._followed, "disconnect"), (layer, "connect")):
            if known is not None:
                getattr(known.events.length, action)(self._on_length)
                getattr(known.events.data, action)(self._on_data)
        self._followed = layer

    def _on_length(self, event: Any = None) -> None:
        self.explain()
        self.renew_circles()

    def _on_data(self, event: Any = None) -> None:
        self._replaced()

    @property
    def _run_id(self) -> str | None:
        return None if self._dynamics is None else self._dynamics.run_id

    def _meaning(self, role: str, info: Any, limits: Any) -> tuple[str, str, float]:
        """Return title, unit and factor of the values of the colours of a layer."""
        if role == "map":
            return str(info.get("quantity", "")).capitalize(), str(info.get("unit", "")), 1.0
        if role == "strain_axes":
            return "Strain axes: squeezing to stretching", str(info.get("unit", "")), 1.0
        if tuple(limits) == (-180.0, 180.0):
            return "direction, 90 is up", "degrees", 1.0
        title = "speed" if role == "fields" else "Streamlines: speed"
        factor, unit = (1.0, "")
        if self._dynamics is not None:
            factor, unit = making.pixel_per_stage(self._dynamics)
        return title, unit, factor
