"""Shows the time of a result on the canvas, as napari's slider only counts frames."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.units import unit_symbol
from napari_latentdyn.viewer.context import elapsed_times, mark_of

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["tell_time", "tells_time"]


#: All texts written so far by viewer: an earlier text may come back, for example after a movie.
_written: WeakKeyDictionary[ViewerModel, set[str]] = WeakKeyDictionary()


def tell_time(viewer: ViewerModel) -> None:
    """Show the time of the slider, such as "5.75 h", on the canvas from now on.

    The time appears while a result with a known interval is visible. A text from elsewhere stays,
    and a text that the user hid stays hidden.
    """
    if viewer not in _written:
        _written[viewer] = set()
        reference = weakref.ref(viewer)

        def update(event: Any = None) -> None:
            followed = reference()
            if followed is not None:
                _write(followed)

        for emitter in (
            viewer.dims.events.point,
            viewer.layers.events.inserted,
            viewer.layers.events.removed,
        ):
            emitter.connect(update)
    _write(viewer)


def tells_time(viewer: ViewerModel) -> bool:
    """Return whether `tell_time` wrote the text on the canvas."""
    return viewer.canvas.overlays.text.text in _written.get(viewer, ())


def _write(viewer: ViewerModel) -> None:
    """Write the time, or an empty text if the time is unknown."""
    overlay = viewer.canvas.overlays.text
    before, now = overlay.text, _time(viewer)
    if now == before or (before and before not in _written[viewer]):
        return
    overlay.text = now
    if not now:
        overlay.visible = False
        return
    _written[viewer].add(now)
    if not before:
        overlay.position = "top_right"
        overlay.visible = True


def _counted(info: Mapping[str, Any]) -> tuple[NDArray[np.float64], str] | None:
    """Return the times of the frames of a series without a unit; None for two images."""
    times, images = info.get("times"), info.get("observation_times") or ()
    if not times or len(images) < 3:
        return None
    return np.asarray(times, np.float64), ""


def _time(viewer: ViewerModel) -> str:
    """Return the time of the slider on the axis of the topmost visible result."""
    if viewer.dims.ndim < 3:
        return ""
    for layer in reversed(viewer.layers):
        info = mark_of(layer)
        if not layer.visible or layer.ndim < 3:
            continue
        known = elapsed_times(info) or _counted(info)
        # The data of shapes is a list.
        shape = getattr(layer.data, "shape", ())
        if known is None or shape[layer.ndim - 3 : layer.ndim - 2] != (len(known[0]),):
            continue
        times, unit = known
        position = (viewer.dims.point[-3] - layer.translate[-3]) / layer.scale[-3]
        if not -0.5 <= position <= len(times) - 0.5:
            # Another layer is longer.
            continue
        time = float(np.interp(position, np.arange(len(times)), times))
        return f"{time:.4g} {unit_symbol(unit)}".strip()
    return ""
