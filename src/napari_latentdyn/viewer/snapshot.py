"""A copy of one plane of an image layer, with where it lies."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.observations.images.arrays import mask_of_bands, plain_array
from napari_latentdyn.errors import PairError
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
    """The plane of a layer as it was when it was copied.

    Attributes
    ----------
    array : ndarray
        (Y, X), or (Y, X, 3) of an RGB layer: a copy in the layer's own type.
    channel_axis : int or None
        -1 for RGB, else None.
    placement : Geometry
        Where the plane lies.
    name : str
        Name of the layer.
    note : str
        What of the layer is used, for the user; empty if it is all of it.
    layer_id : str
        The same for all snapshots of one layer.
    index : tuple of int
        Position of the plane along each axis in front of it.
    missing : ndarray of bool or None
        (Y, X), True where the layer's data, a masked array, has no value.
    metadata : dict
        A copy of the layer's metadata.
    layer : weakref.ref or None
        The layer, as long as it is there.
    coordinates : Geometry or None
        Coordinates of the rows and columns of its file, on the Earth or not.
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
        """`array` with NaN where it is missing, in its own type where nothing is."""
        return with_nan(self.array, self.missing)

    @property
    def key(self) -> str:
        """The same for all snapshots of one frame of one layer."""
        return frame_key(self.layer_id, self.index)


def frame_key(layer_id: str, index: Sequence[int]) -> str:
    """Return a text that is the same for one frame of one layer."""
    return " ".join([layer_id, *map(str, index)])


def read_values(
    data: Any, channel_axis: int | None = None
) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Copy the data of a layer and where it is masked, which NumPy alone would forget.

    Parameters
    ----------
    data : array_like
        Planes of a layer, lazy or not.
    channel_axis : int, optional
        Axis of the colours; a pixel is missing where all of them are, or where
        one is if they are real numbers.

    Returns
    -------
    values : ndarray
    missing : ndarray of bool or None
        Without the axis of the colours; None if nothing is missing.
    """
    # The axes of an xarray.DataArray stay in the order of the layer.
    plain = plain_array(data.data if hasattr(data, "dims") else data)
    values = np.array(plain.values, copy=True)
    if plain.masked is None:
        return values, None
    return values, mask_of_bands(plain.masked, channel_axis, real=values.dtype.kind == "f")


def with_nan(values: NDArray[Any], missing: NDArray[np.bool_] | None) -> NDArray[Any]:
    """Return values with NaN where they are missing, as real numbers if there are such."""
    if missing is None:
        return values
    if values.dtype.kind != "f":
        values = values.astype(np.float32 if values.dtype.itemsize <= 2 else np.float64)
    known = values.copy()
    known[missing] = np.nan
    return known


def is_image(layer: Any) -> bool:
    """Whether the values of a layer can be an image: an image layer, or one of labels.

    napari opens files of integers of 32 and 64 bits as labels.
    """
    from napari.layers import Image, Labels

    return isinstance(layer, Image | Labels)


def is_rgb(layer: Any) -> bool:
    """Whether a layer holds colours."""
    return bool(getattr(layer, "rgb", False))


def snapshot(
    layer: Image,
    current_step: Sequence[int] | Dims | None = None,
    *,
    index: Sequence[int] | None = None,
) -> Snapshot:
    """Copy one plane of an image layer.

    Of a stack the frame at `index` or the frame shown is taken, of a multiscale
    layer the full resolution, of an RGBA image the three colours, whose
    transparent pixels are missing. Lazy data is computed for this plane alone.

    Parameters
    ----------
    layer : napari.layers.Image or napari.layers.Labels
        The layer.
    current_step : napari.components.Dims or sequence of int, optional
        Best ``viewer.dims``, which says where in the world the sliders stand.
        Otherwise indices into the layer's axes, right-aligned. Without it the
        first frame is taken.
    index : sequence of int, optional
        Position along each axis in front of the plane, whatever is shown.

    Raises
    ------
    PairError
        If the layer is no image of at least two dimensions.
    """
    if not is_image(layer) or layer.ndim < 2:
        raise PairError(f"the layer '{layer.name}' is not an image; choose an image layer.")
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
