"""Copies of single planes of image layers, with their positions."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.observations.images.arrays import mask_of_bands, plain_array
from napari_latentdyn.errors import ObservationError
from napari_latentdyn.viewer.frames import clipped, frame_text, front_sizes, shown_index
from napari_latentdyn.viewer.layer_geometry import (
    coordinates_of_layer,
    geometry_of_layer,
    missing_of_layer,
)

if TYPE_CHECKING:
    from napari.components import Dims
    from napari.layers import Image

__all__ = [
    "Snapshot",
    "frame_key",
    "is_image",
    "is_rgb",
    "read_values",
    "snapshot",
    "with_nan",
]


@dataclass(frozen=True)
class Snapshot:
    """Copy of a plane of a layer.

    `array` is (Y, X), or (Y, X, 3) with `channel_axis` -1, in the type of the layer. `placement` is
    the position in the viewer, `coordinates` those in the file of the layer. `missing`, (Y, X),
    marks pixels without a value. `index` is the index of the plane along each leading axis, and
    `note` a sentence on which part of the layer is used, empty for the whole layer.
    """

    array: NDArray[Any]
    channel_axis: int | None
    placement: Geometry
    name: str
    note: str
    layer_id: str
    metadata: dict[str, Any]
    coordinates: Geometry | None = None
    index: tuple[int, ...] = ()
    missing: NDArray[np.bool_] | None = None
    layer: weakref.ref[Any] | None = field(default=None, compare=False, repr=False)

    @property
    def known(self) -> NDArray[Any]:
        """`array` with NaN for missing pixels; the same array if no pixel is missing."""
        return with_nan(self.array, self.missing)

    @property
    def key(self) -> str:
        """The same for all snapshots of one frame of one layer."""
        return frame_key(self.layer_id, self.index)


def frame_key(layer_id: str, index: Sequence[int]) -> str:
    """Return a key that identifies one frame of one layer."""
    return " ".join([layer_id, *map(str, index)])


def read_values(
    data: Any, channel_axis: int | None = None
) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Return a copy of the data of a layer, and the missing pixels without the channel axis.

    A pixel is missing if all colours are masked; in real data, if any colour is masked.
    """
    # The axes of an xarray.DataArray stay in the order of the layer.
    plain = plain_array(data.data if hasattr(data, "dims") else data)
    values = np.array(plain.values, copy=True)
    if plain.masked is None:
        return values, None
    return values, mask_of_bands(plain.masked, channel_axis, real=values.dtype.kind == "f")


def with_nan(values: NDArray[Any], missing: NDArray[np.bool_] | None) -> NDArray[Any]:
    """Return values with NaN for missing pixels; integers become floats if any is missing."""
    if missing is None:
        return values
    if values.dtype.kind != "f":
        values = values.astype(np.float32 if values.dtype.itemsize <= 2 else np.float64)
    known = values.copy()
    known[missing] = np.nan
    return known


def is_image(layer: Any) -> bool:
    """Return whether a layer is an image or labels layer.

    napari opens files of 32 and 64 bit integers as labels.
    """
    from napari.layers import Image, Labels

    return isinstance(layer, Image | Labels)


def is_rgb(layer: Any) -> bool:
    """Return whether a layer is an RGB image."""
    return bool(getattr(layer, "rgb", False))


def snapshot(
    layer: Image,
    current_step: Sequence[int] | Dims | None = None,
    *,
    index: Sequence[int] | None = None,
) -> Snapshot:
    """Copy one plane of an image layer.

    The copy has the full resolution of a multiscale layer and the three colours of an RGBA
    image, whose transparent pixels are missing. The frame of a stack is that at `index`, or that
    at `current_step`, which is best ``viewer.dims``; without both it is the first frame. Only this
    plane of lazy data is computed. A layer that is not an image raises `ObservationError`.
    """
    if not is_image(layer) or layer.ndim < 2:
        raise ObservationError(f"the layer '{layer.name}' is not an image; choose an image layer.")
    data = layer.data[0] if layer.multiscale else layer.data
    sizes = front_sizes(layer)
    place = shown_index(layer, current_step) if index is None else clipped(index, sizes)
    rgb = is_rgb(layer)
    plane, missing = read_values(data[place] if place else data, -1 if rgb else None)
    gaps = missing_of_layer(layer)
    if gaps is not None:
        missing = gaps if missing is None else missing | gaps
    notes = []
    if any(size > 1 for size in sizes):
        notes.append(f"using {frame_text(layer, place)}")
    if layer.multiscale:
        notes.append("using the full resolution")
    if rgb and plane.shape[-1] == 4:
        clear = plane[..., 3] == 0
        plane = np.ascontiguousarray(plane[..., :3])
        if clear.any():
            missing = clear if missing is None else missing | clear
            notes.append("transparent pixels are missing")
        else:
            notes.append("ignoring transparency")
    return Snapshot(
        array=plane,
        channel_axis=-1 if rgb else None,
        placement=geometry_of_layer(layer, place),
        name=layer.name,
        note=f"{layer.name}: {', '.join(notes)}." if notes else "",
        layer_id=str(layer.unique_id),
        metadata=dict(layer.metadata),
        coordinates=coordinates_of_layer(layer),
        index=place,
        missing=missing,
        layer=weakref.ref(layer),
    )
