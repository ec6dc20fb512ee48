"""Times of the frames of a stack: from the file of a layer, or from its time axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_latentdyn.core.geometry.units import duration
from napari_latentdyn.core.observations.times import ImageTimes

if TYPE_CHECKING:
    from napari.layers import Image

__all__ = ["TIMES_KEY", "times_of_layer"]

#: Metadata key for the uneven times of the frames of a layer, and their unit.
TIMES_KEY = "latentdyn_times"


def times_of_layer(layer: Image, frames: Sequence[tuple[int, ...]]) -> ImageTimes | None:
    """Return the times of frames of a stack, None if the layer has no times along their axis.

    Parameters
    ----------
    layer : Image
        The stack.
    frames : sequence of K tuples of int
        Indices along the leading axes, which differ along one of them.
    """
    differ = [axis for axis, numbers in enumerate(zip(*frames, strict=True)) if len({*numbers}) > 1]
    if len(differ) != 1:
        return None
    axis = differ[0]
    numbers = [frame[axis] for frame in frames]
    unit = str(layer.units[axis])
    known = duration(unit)
    told = layer.metadata.get(TIMES_KEY)
    size = (layer.level_shapes[0] if layer.multiscale else layer.data.shape)[axis]
    if isinstance(told, dict) and len(told.get("values", ())) == size:
        values = np.asarray(told["values"], np.float64)[numbers]
        found = ImageTimes(values, told.get("unit"))
    elif known is not None:
        values = layer.translate[axis] + layer.scale[axis] * np.asarray(numbers, np.float64)
        found = ImageTimes(values * known[0], known[1])
    else:
        return None
    if found.values[-1] < found.values[0]:
        # Backwards, time begins at the first image that is used.
        return ImageTimes(found.values[0] - found.values, found.unit)
    return found
