"""Regions out of layers: labels, images of two values, and shapes."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.observations.known.outlines import draw_shape
from napari_latentdyn.errors import ObservationError
from napari_latentdyn.viewer.snapshot import read_values

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer, Shapes

    from napari_latentdyn.viewer.knowledge.grid import ImageGrid

__all__ = ["is_mask", "region_of"]

Region = NDArray[Any]

#: Bytes up to which whole numbers are read in the thread of the window, and pixels of a first look
#: along each axis.
_AT_ONCE, _LOOK = 2**28, 64
#: Whether the array of a layer, in a weak reference, is a mask.
_FOUND: weakref.WeakKeyDictionary[Layer, tuple[Any, bool]] = weakref.WeakKeyDictionary()


def is_mask(layer: Any) -> bool:
    """Return whether an image layer has booleans, or the whole number 0 and one other number.

    Lazy arrays of whole numbers are not read, and are not taken for masks.
    """
    from napari.layers import Image

    if not isinstance(layer, Image) or layer.rgb or layer.dtype == bool:
        return isinstance(layer, Image) and not layer.rgb
    data = layer.data[0] if layer.multiscale else layer.data
    if not isinstance(data, np.ndarray) or data.dtype.kind not in "iu" or data.nbytes > _AT_ONCE:
        return False
    known, found = _FOUND.get(layer, (None, False))
    if known is None or known() is not data:
        # Nearly all other images show a third value at once.
        look = data[tuple(slice(None, None, max(1, size // _LOOK)) for size in data.shape)]
        found = _values(look) <= 2 and _values(data) == 2 and not data.all()
        _FOUND[layer] = weakref.ref(data), found
    return found


def _values(data: NDArray[Any]) -> int:
    """Return the number of different values, 3 for more than two."""
    if not data.size:
        return 0
    low, high = data.min(), data.max()
    return 1 if low == high else 2 if ((data == low) | (data == high)).all() else 3


def region_of(
    layer: Layer,
    grid: ImageGrid,
    *,
    label: int | None = None,
    spreads: bool = True,
    numbered: bool = False,
) -> Region:
    """Return the region of a layer, (1, H, W) for all images or (K, H, W), of bool.

    Parameters
    ----------
    layer : Labels, Image or Shapes
        A layer with a time axis has a region for each image.
    grid : ImageGrid
        Pixels and times of the images.
    label : int, optional
        The label that is the region; all labels by default.
    spreads : bool
        Whether a region that is drawn on a single frame holds for all images.
    numbered : bool
        Whether to return the labels, or the numbers of the shapes from 1, as int32.

    Raises
    ------
    ObservationError
        If the layer does not fit the images, or has no region on them.
    """
    from napari.layers import Shapes

    read = _of_shapes if isinstance(layer, Shapes) else _of_pixels
    planes = read(layer, grid, label, spreads, np.int32 if numbered else bool)
    if not planes.any():
        what = "a region" if label is None else f"the label {label}"
        raise ObservationError(
            f"the layer “{layer.name}” must have {what} on an image; got none: draw it, or remove "
            "it from the list."
        )
    return planes


def _of_pixels(
    layer: Labels | Image, grid: ImageGrid, label: int | None, spreads: bool, kind: type
) -> Region:
    grid.check_place(layer)
    data = layer.data[0] if layer.multiscale else layer.data
    axis = grid.time_axis(layer)
    if axis is None:
        return _chosen(data, label, kind)[None]
    count = int(data.shape[axis])

    def plane(number: int) -> Region:
        index: list[Any] = [slice(None)] * data.ndim
        for other in range(layer.ndim - 2):
            index[other] = number if other == axis else _fixed(layer, grid, other)
        return _chosen(data[tuple(index)], label, kind)

    if count == 1:
        return plane(0)[None]
    if spreads and (drawn := _single(plane, count)) is not None:
        return plane(drawn)[None]
    # Positions of all frames of the layer.
    where = np.zeros((count, layer.ndim))
    where[:, axis] = np.arange(count)
    moments = grid.moment(layer, where)
    assert moments is not None
    if count == len(grid):
        images = np.arange(count)
    else:
        apart = np.abs(moments[[0, -1]] - grid.times[[0, -1]]).max()
        if not grid.is_stack and apart > np.ptp(moments) / (count - 1) / 2:
            # Frames of a result begin and end with an image; other stacks belong to other images.
            raise _wrong_count(layer, count, axis)
        images = grid.image_at(moments)
    found: Region = np.zeros((len(grid), *grid.shape), kind)
    for number, image in enumerate(images):
        if image >= 0:
            found[image] = np.maximum(found[image], plane(number))
    return found


def _chosen(values: Any, label: int | None, kind: type) -> Region:
    plain, missing = read_values(values)
    chosen = plain if label is None else plain == label
    return np.where(missing, 0, chosen).astype(kind) if missing is not None else chosen.astype(kind)


def _fixed(layer: Layer, grid: ImageGrid, axis: int) -> int:
    """Return the index along an axis that is not time: that of the images."""
    size = int(layer.data.shape[axis])
    index = grid.frames[0][1]
    if len(index) == layer.ndim - 2 and index[axis] < size:
        return index[axis]
    if size == 1:
        return 0
    raise _wrong_count(layer, size, axis)


def _wrong_count(layer: Layer, size: int, axis: int) -> ObservationError:
    return ObservationError(
        f"the layer “{layer.name}” must have one plane, or one for each image; got {size} along "
        f"axis {axis}."
    )


def _single(plane: Any, count: int) -> int | None:
    """Return the number of the only plane with a region, None if several have one."""
    drawn: list[int] = []
    for number in range(count):
        if plane(number).any():
            drawn.append(number)
        if len(drawn) > 1:
            return None
    return drawn[0] if drawn else None


def _of_shapes(
    layer: Shapes, grid: ImageGrid, label: int | None, spreads: bool, kind: type
) -> Region:
    del label
    shapes = [np.asarray(shape) for shape in layer.data]
    if not shapes:
        return np.zeros((1, *grid.shape), kind)
    moments = grid.moment(layer, np.stack([shape[0] for shape in shapes]))
    name = f"a shape of the layer “{layer.name}”"
    regions = zip(shapes, layer.shape_type, layer.edge_width, strict=True)
    if moments is None or (spreads and np.ptp(moments) == 0):
        found: Region = np.zeros((1, *grid.shape), kind)
        images = np.zeros(len(shapes), np.intp)
    else:
        found = np.zeros((len(grid), *grid.shape), kind)
        images = grid.image_at(moments)
    for number, ((shape, form, width), image) in enumerate(zip(regions, images, strict=True), 1):
        if image >= 0:
            places, wide = grid.pixels(layer, shape), width * grid.size_in_pixels(layer)
            found[image][draw_shape(form, places, grid.shape, wide, name)] = number
    return found
