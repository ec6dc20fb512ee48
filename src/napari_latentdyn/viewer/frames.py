"""Frames of a stack: the leading axes of a layer and positions along them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari.components import Dims
    from napari.layers import Image

__all__ = ["FrameAxis", "clipped", "frame_axes", "frame_text", "front_sizes", "shown_index"]


class FrameAxis(NamedTuple):
    """An axis of a stack with more than one frame: its index in the layer, label and size.

    Without a label, the name is "axis" and the number that napari shows beside the slider.
    """

    number: int
    name: str
    size: int


def front_sizes(layer: Image) -> tuple[int, ...]:
    """Return the sizes of all axes in front of the plane (Y, X), at full resolution."""
    shape = layer.level_shapes[0] if layer.multiscale else layer.data.shape
    return tuple(int(size) for size in shape[: layer.ndim - 2])


def frame_axes(layer: Image) -> list[FrameAxis]:
    """Return the axes of a stack with more than one frame, the time axis first.

    Time is an axis with a unit of time, or with the label "t", "time" or "frame".
    """
    found = [
        FrameAxis(number, f"axis {label}" if label.startswith("-") else label, size)
        for number, (label, size) in enumerate(
            zip(layer.axis_labels[:-2], front_sizes(layer), strict=True)
        )
        if size > 1
    ]
    found.sort(key=lambda axis: not _is_time(layer, axis))
    return found


def frame_text(layer: Image, index: Sequence[int]) -> str:
    """Describe an index, counted from 1: "frame 3 of 6" or "t 3 of 6, z 1 of 4"."""
    axes = frame_axes(layer)
    if len(axes) == 1:
        axes = [axes[0]._replace(name="frame")]
    return ", ".join(f"{axis.name} {index[axis.number] + 1} of {axis.size}" for axis in axes)


def shown_index(layer: Image, step: Sequence[int] | Dims | None) -> tuple[int, ...]:
    """Return the indices along the leading axes that are shown.

    `step` is ``viewer.dims``, or indices into the axes of the layer, right-aligned, or None for
    the first frame.
    """
    sizes = front_sizes(layer)
    front = len(sizes)
    if front == 0 or step is None:
        return (0,) * front
    if hasattr(step, "point"):
        position = layer.world_to_data(_point_in_layer_units(layer, step))
    else:
        values = [0] * layer.ndim + [int(value) for value in step]
        position = values[-layer.ndim :]
    return clipped([round(float(value)) for value in position[:front]], sizes)


def clipped(index: Sequence[int], sizes: Sequence[int]) -> tuple[int, ...]:
    """Return an index limited to the sizes of the axes."""
    return tuple(
        int(np.clip(value, 0, max(0, size - 1))) for value, size in zip(index, sizes, strict=True)
    )


def _is_time(layer: Image, axis: FrameAxis) -> bool:
    by_unit = "[time]" in dict(layer.units[axis.number].dimensionality)
    return by_unit or axis.name.lower() in ("t", "time", "frame")


def _point_in_layer_units(layer: Image, dims: Dims) -> NDArray[np.float64]:
    point = np.zeros(layer.ndim)
    count = min(layer.ndim, len(dims.point))
    point[-count:] = dims.point[-count:]
    if dims.units is None or len(dims.units) < layer.ndim:
        return point
    for axis, (shown, own) in enumerate(zip(dims.units[-layer.ndim :], layer.units, strict=True)):
        if shown.dimensionality == own.dimensionality:
            point[axis] *= float((1 * shown).to(own).magnitude)
    return point
