"""Layers of comparisons: current and earlier layers, and their grid."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from napari_latentdyn.viewer.layers import find_layer, mark_of, update_or_add

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_latentdyn.viewer.context import LayerTuple

__all__ = ["ROLE", "Arrangement"]

#: Start of the role of every layer of a comparison; the name of the method follows.
ROLE = "compare_"
#: Suffix of the names of layers from earlier comparisons.
_OLD = " (earlier)"
#: Font size of names in the grid, for several columns on a small screen.
_NAME_SIZE = 8


class Arrangement:
    """Manages the layers of comparisons in a viewer."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self.gridded = False
        self._visible: weakref.WeakKeyDictionary[Any, bool] = weakref.WeakKeyDictionary()

    def any(self, other_than: str | None = None) -> bool:
        """Return whether a layer of a comparison exists, except those of a given run."""
        marks = [mark for layer in self._viewer.layers if (mark := _mark(layer)) is not None]
        return any(other_than is None or mark.get("run_id") != other_than for mark in marks)

    def show(self, layers: Iterable[LayerTuple]) -> None:
        """Add or update the frames of a method and its error map."""
        made = update_or_add(self._viewer, layers)
        for layer in made:
            if layer.name.endswith(_OLD):
                layer.name = layer.name.removesuffix(_OLD)
                layer.visible = layer is made[0]

    def frames(self, run_id: str, methods: Iterable[str]) -> dict[str, Any]:
        """Return the existing layers of frames by method."""
        found = {name: find_layer(self._viewer, run_id, f"{ROLE}{name}") for name in methods}
        return {name: layer for name, layer in found.items() if layer is not None}

    def mark_old(self, run_id: str, methods: Collection[str]) -> None:
        """Hide layers of other runs and methods, and mark their names as earlier."""
        for layer in self._viewer.layers:
            mark = _mark(layer)
            if mark is None:
                continue
            name = str(mark.get("role")).removeprefix(ROLE).removesuffix("_error")
            current = mark.get("run_id") == run_id and name in methods
            if not current and not layer.name.endswith(_OLD):
                layer.name += _OLD
                layer.visible = False

    def side_by_side(self, run_id: str, methods: Iterable[str]) -> None:
        """Show only the frames of methods, in a grid with linked contrast."""
        layers = list(self.frames(run_id, methods).values())
        if not layers:
            return
        if not self.gridded:
            there = [(layer, layer.visible) for layer in self._viewer.layers]
            self._visible = weakref.WeakKeyDictionary(there)
        for layer in self._viewer.layers:
            layer.visible = layer in layers
            if _mark(layer) is not None:
                layer.name_overlay.visible = True
                layer.name_overlay.font_size = _NAME_SIZE
        plain = [layer for layer in layers if not getattr(layer, "rgb", False)]
        if len(plain) > 1:
            self._viewer.layers.link_layers(plain, ("contrast_limits", "gamma", "colormap"))
        grid = self._viewer.canvas.grid
        self.gridded = grid.enabled = True
        grid.stride, grid.shape = 1, (-1, -1)
        self._viewer.reset_view()

    def end_grid(self) -> None:
        """End the grid if `side_by_side` began it, and show the earlier layers again."""
        if not self.gridded:
            return
        self.gridded = self._viewer.canvas.grid.enabled = False
        for layer in self._viewer.layers:
            if _mark(layer) is None:
                layer.visible = layer.visible or self._visible.get(layer, False)
            else:
                # Without a grid, all names overlap in one corner.
                layer.name_overlay.visible = False

    def one_contrast(self, run_id: str, largest: Mapping[str, float]) -> None:
        """Give all error maps the contrast of the largest error, by method."""
        for name in largest:
            layer = find_layer(self._viewer, run_id, f"{ROLE}{name}_error")
            if layer is not None:
                layer.contrast_limits = (0.0, max(largest.values()))


def _mark(layer: Any) -> Mapping[str, Any] | None:
    """Return the metadata of a layer of a comparison, None for other layers."""
    mark = mark_of(layer)
    return mark if str(mark.get("role")).startswith(ROLE) else None
