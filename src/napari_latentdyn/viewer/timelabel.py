"""Writes the time of a result on the canvas: napari's slider itself only counts frames."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from napari_latentdyn.core.geometry.units import unit_symbol
from napari_latentdyn.viewer.reference import METADATA_KEY

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["tell_time", "tells_time"]


def tell_time(viewer: ViewerModel) -> None:
    """Let a text on the canvas tell the time of the slider, such as "5.75 h", from now on.

    It does where a layer of a result is shown whose interval is known. A text that others
    wrote stays, and a text that the user hid stays hidden.
    """
    label = _labels.get(viewer)
    if label is None:
        _labels[viewer] = label = _TimeLabel(viewer)
    label.tell()


def tells_time(viewer: ViewerModel) -> bool:
    """Return whether the text on the canvas is a time that `tell_time` wrote."""
    label = _labels.get(viewer)
    return label is not None and viewer.canvas.overlays.text.text in label.written


class _TimeLabel:
    """Follows one viewer, which it does not keep alive."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = weakref.ref(viewer)
        #: All texts so far: one that was put away for a while, as by a film, is still its own.
        self.written: set[str] = set()
        for emitter in (
            viewer.dims.events.point,
            viewer.layers.events.inserted,
            viewer.layers.events.removed,
        ):
            emitter.connect(self.tell)

    def tell(self, event: Any = None) -> None:
        """Write the time, or nothing where no time is known."""
        viewer = self._viewer()
        if viewer is None:
            return
        overlay = viewer.canvas.overlays.text
        before, now = overlay.text, _time(viewer)
        if now == before or (before and before not in self.written):
            return
        overlay.text = now
        if not now:
            overlay.visible = False
            return
        self.written.add(now)
        if not before:
            overlay.position = "top_right"
            overlay.visible = True


_labels: WeakKeyDictionary[ViewerModel, _TimeLabel] = WeakKeyDictionary()


def _time(viewer: ViewerModel) -> str:
    """Return the time at which the slider stands, as the topmost visible result knows it."""
    if viewer.dims.ndim < 3:
        return ""
    for layer in reversed(viewer.layers):
        info = layer.metadata.get(METADATA_KEY)
        if not layer.visible or not isinstance(info, Mapping) or layer.ndim < 3:
            continue
        times, interval = info.get("times"), info.get("interval")
        if not times or not interval or np.shape(layer.data)[layer.ndim - 3] != len(times):
            continue
        position = (viewer.dims.point[-3] - layer.translate[-3]) / layer.scale[-3]
        time = float(np.interp(position, np.arange(len(times)), times))
        return f"{time * float(interval['value']):.4g} {unit_symbol(str(interval['unit']))}"
    return ""
