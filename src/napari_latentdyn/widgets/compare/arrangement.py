"""Layers of comparisons: which there are, which are old, and how they stand side by side."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from napari_latentdyn.viewer.layers import METADATA_KEY, find_layer, update_or_add

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_latentdyn.viewer.reference import LayerTuple

__all__ = ["ROLE", "Arrangement"]

#: Start of the role of every layer of a comparison; the name of the method follows.
ROLE = "compare_"
#: What the name of a layer gets that another comparison left behind.
_OLD = " (earlier)"
#: Size of the names in the grid: several stand side by side on a small screen.
_NAME_SIZE = 8


class Arrangement:
    """Knows the layers of comparisons in a viewer.

    Parameters
    ----------
    viewer : napari.Viewer
        Where they are.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self.gridded = False
        self._visible: weakref.WeakKeyDictionary[Any, bool] = weakref.WeakKeyDictionary()

    def any(self, other_than: str | None = None) -> bool:
        """Return whether there is a layer of a comparison, of another run if one is given."""
        marks = [mark for layer in self._viewer.layers if (mark := _mark(layer)) is not None]
        return any(other_than is None or mark.get("run_id") != other_than for mark in marks)

    def show(self, layers: Iterable[LayerTuple]) -> None:
        """Add or renew the frames of a method, and the map of its errors."""
        made = update_or_add(self._viewer, layers)
        for layer in made:
            if layer.name.endswith(_OLD):
                layer.name = layer.name.removesuffix(_OLD)
                layer.visible = layer is made[0]

    def frames(self, run_id: str, methods: Iterable[str]) -> dict[str, Any]:
        """Return the layers of frames that there are, by method."""
        found = {name: find_layer(self._viewer, run_id, f"{ROLE}{name}") for name in methods}
        return {name: layer for name, layer in found.items() if layer is not None}

    def mark_old(self, run_id: str, methods: Collection[str]) -> None:
        """Hide layers of other runs and methods, and say in their names that they are old."""
        for layer in self._viewer.layers:
            mark = _mark(layer)
            if mark is None:
                continue
            name = str(mark.get("role")).removeprefix(ROLE).removesuffix("_error")
            told = mark.get("run_id") == run_id and name in methods
            if not told and not layer.name.endswith(_OLD):
                layer.name += _OLD
                layer.visible = False

    def side_by_side(self, run_id: str, methods: Iterable[str]) -> None:
        """Show the frames of methods alone, in a grid and with one contrast."""
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
        """End the grid, if it was begun here, and show what was shown before beside the methods."""
        if not self.gridded:
            return
        self.gridded = self._viewer.canvas.grid.enabled = False
        for layer in self._viewer.layers:
            if _mark(layer) is None:
                layer.visible = layer.visible or self._visible.get(layer, False)
            else:
                # One above the other, all names would lie in one corner.
                layer.name_overlay.visible = False

    def one_contrast(self, run_id: str, largest: Mapping[str, float]) -> None:
        """Give all maps of errors the contrast of the largest errors.

        Parameters
        ----------
        run_id : str
            Whose maps.
        largest : mapping of str to float
            By method, the error that nearly all of its pixels stay below.
        """
        for name in largest:
            layer = find_layer(self._viewer, run_id, f"{ROLE}{name}_error")
            if layer is not None:
                layer.contrast_limits = (0.0, max(largest.values()))


def _mark(layer: Any) -> Mapping[str, Any] | None:
    """Return what a layer of a comparison says of itself, None of another layer."""
    mark = layer.metadata.get(METADATA_KEY)
    ours = isinstance(mark, Mapping) and str(mark.get("role")).startswith(ROLE)
    return mark if ours else None
