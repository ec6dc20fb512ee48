"""Steps of the slider that leave alone what does not depend on the time."""

from __future__ import annotations

import weakref
from typing import Any

from napari_latentdyn.drawing.places import forget_place, keep_place

__all__ = ["spare_slicing"]

_OF_LAYER = ("_slice_dims", "_refresh_sync", "_clear_extent", "_update_draw", "_slice_input")
_OF_VISUAL = ("_on_matrix_change",)


def spare_slicing(layer: Any, visual: Any) -> None:
    """Spare a layer what a step of the slider does in vain.

    napari slices a layer twice at each step, finds out its extent anew, where
    it is on the canvas, and which corner of it is seen. None of these depend on
    the time, as long as nobody moves the layer or the camera.

    Parameters
    ----------
    layer : napari.layers.Layer
        The layer.
    visual : VispyBaseLayer
        What napari draws it with.
    """
    has_all = all(hasattr(layer, name) for name in _OF_LAYER)
    if not has_all or not all(hasattr(visual, name) for name in _OF_VISUAL):
        return
    if getattr(layer, "multiscale", False):
        # The level and the tile that are drawn depend on more than this knows.
        return
    if not isinstance(getattr(vars(layer).get("_slice_dims"), "__self__", None), _Spared):
        _Spared(layer, visual).take_over()


class _Spared:
    """Stands in for methods of a layer and its visual, which do the work where there is any."""

    def __init__(self, layer: Any, visual: Any) -> None:
        # Both hold this, by its methods; they would not go with their window otherwise.
        self._layer = weakref.ref(layer)
        self._visual = weakref.ref(visual)
        self._moved = False
        # A hidden layer does not follow what is done to it: its extent is found at the next step.
        self._was_hidden = not getattr(layer, "visible", True)
        self._sliced: tuple[Any, ...] | None = None
        self._drawn: tuple[Any, ...] | None = None
        # What the next call alone may leave out, because a step of the slider makes it.
        self._same_extent = False
        self._same_place: tuple[int, ...] | None = None

    def take_over(self) -> None:
        layer, visual = self._layer(), self._visual()
        assert layer is not None
        for name, method in (
            ("_slice_dims", self.slice_dims),
            ("_refresh_sync", self.refresh_sync),
            ("_clear_extent", self.clear_extent),
            ("_update_draw", self.update_draw),
        ):
            vars(layer)[name] = method
        layer.events.visible.connect(self.on_visible)
        keep_place(layer)
        vars(visual)["_on_matrix_change"] = self.on_matrix_change

    def slice_dims(self, dims: Any, force: bool = False) -> None:
        """Slice once for one state of the sliders."""
        layer = self._layer()
        if layer is None:
            return
        asked = _state(dims)
        if not force and self._sliced is not None:
            before, done = self._sliced
            # Another input of the slicing means that others sliced in between.
            if before == asked and done is layer._slice_input:  # noqa: SLF001
                return
        if self._moved:
            self._moved = False
            forget_place(layer)
        self._same_extent = not self._was_hidden
        self._was_hidden = not layer.visible
        self._same_place = tuple(layer._slice_input.displayed)  # noqa: SLF001
        try:
            type(layer)._slice_dims(layer, dims, force)  # noqa: SLF001
        finally:
            self._same_extent, self._same_place = False, None
        self._sliced = (asked, layer._slice_input)  # noqa: SLF001

    def on_visible(self, *_: Any) -> None:
        """Trust nothing that was found while the layer was hidden."""
        self._was_hidden = True

    def refresh_sync(self, **parts: Any) -> None:
        """Refresh, but not the extent if it is the slider that asks."""
        layer = self._layer()
        if layer is None:
            return
        if self._same_extent:
            self._same_extent = False
            parts = {**parts, "extent": False}
        type(layer)._refresh_sync(layer, **parts)  # noqa: SLF001

    def clear_extent(self) -> None:
        """Forget the extent, the place, and which corner was seen."""
        layer = self._layer()
        if layer is not None:
            self._drawn = None
            self._moved = True
            forget_place(layer, unless_there=True)
            type(layer)._clear_extent(layer)  # noqa: SLF001

    def update_draw(self, scale_factor: Any, corner_pixels_displayed: Any, **more: Any) -> None:
        """Find out which corner is seen when the camera was moved."""
        layer = self._layer()
        if layer is None:
            return
        seen = (
            scale_factor,
            corner_pixels_displayed.tobytes(),
            tuple(layer._slice_input.displayed),  # noqa: SLF001
            *(tuple(value) for value in more.values()),
        )
        if seen != self._drawn:
            type(layer)._update_draw(  # noqa: SLF001
                layer,
                scale_factor=scale_factor,
                corner_pixels_displayed=corner_pixels_displayed,
                **more,
            )
            self._drawn = seen

    def on_matrix_change(self, *_: Any) -> None:
        """Place the layer on the canvas, but if it is the slider that asks."""
        visual = self._visual()
        if visual is None:
            return
        same, self._same_place = self._same_place, None
        # napari's own call is the last one of a step: if somebody else's was left out
        # before it, as by one who moved the layer, this one places the layer.
        if same is None or same != tuple(visual.layer._slice_input.displayed):  # noqa: SLF001
            type(visual)._on_matrix_change(visual)  # noqa: SLF001


def _state(dims: Any) -> tuple[Any, ...]:
    names = ("ndim", "ndisplay", "order", "point", "margin_left", "margin_right", "units")
    return tuple(getattr(dims, name, None) for name in names)
