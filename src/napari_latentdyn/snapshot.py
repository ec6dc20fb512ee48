"""A copy of the plane of an image layer that is shown, with where it lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.errors import PairError
from napari_latentdyn.georeference import geo_of_layer
from napari_latentdyn.placement import Placement

if TYPE_CHECKING:
    from napari.components import Dims
    from napari.layers import Image

__all__ = ["Snapshot", "snapshot"]


@dataclass(frozen=True)
class Snapshot:
    """The plane of a layer as it was when it was copied.

    Attributes
    ----------
    array : ndarray
        (Y, X), or (Y, X, 3) of an RGB layer: a copy in the layer's own type.
    channel_axis : int or None
        -1 for RGB, else None.
    placement : Placement
        Where the plane lies.
    name : str
        Name of the layer.
    note : str
        What of the layer is used, for the user; empty if it is all of it.
    layer_id : str
        The same for all snapshots of one layer.
    metadata : dict
        A copy of the layer's metadata.
    geo : dict or None
        Where a GeoTIFF lies on the Earth, as `georeference.read_geo` returns it.
    """

    array: NDArray[Any]
    channel_axis: int | None
    placement: Placement
    name: str
    note: str
    layer_id: str
    metadata: dict[str, Any]
    geo: dict[str, Any] | None = None


def snapshot(layer: Image, current_step: Sequence[int] | Dims | None = None) -> Snapshot:
    """Copy the plane of an image layer that is shown.

    Of a stack the frame shown is taken, of a multiscale layer the full
    resolution, of an RGBA image the three colours. Lazy data is computed for
    this plane alone.

    Parameters
    ----------
    layer : napari.layers.Image
        The layer.
    current_step : napari.components.Dims or sequence of int, optional
        Best ``viewer.dims``, which says where in the world the sliders stand.
        Otherwise indices into the layer's axes, right-aligned. Without it the
        first frame is taken.

    Raises
    ------
    PairError
        If the layer is no image of at least two dimensions.
    """
    from napari.layers import Image

    if not isinstance(layer, Image) or layer.ndim < 2:
        raise PairError(f"the layer '{layer.name}' is not an image; choose an image layer.")
    data = layer.data[0] if layer.multiscale else layer.data
    index = _plane_index(layer, current_step)
    plane = np.array(data[index] if index else data, copy=True)
    notes = []
    if index:
        sizes = data.shape[: len(index)]
        where = " and ".join(
            f"frame {position + 1} of {size}" for position, size in zip(index, sizes, strict=True)
        )
        notes.append(f"using {where}")
    if layer.multiscale:
        notes.append("using the full resolution")
    if layer.rgb and plane.shape[-1] == 4:
        plane = np.ascontiguousarray(plane[..., :3])
        notes.append("ignoring transparency")
    return Snapshot(
        array=plane,
        channel_axis=-1 if layer.rgb else None,
        placement=Placement.from_layer(layer, index),
        name=layer.name,
        note=f"{layer.name}: {', '.join(notes)}." if notes else "",
        layer_id=str(layer.unique_id),
        metadata=dict(layer.metadata),
        geo=geo_of_layer(layer),
    )


def _plane_index(layer: Image, step: Sequence[int] | Dims | None) -> tuple[int, ...]:
    front = layer.ndim - 2
    if front == 0:
        return ()
    if step is None:
        return (0,) * front
    if hasattr(step, "point"):
        position = layer.world_to_data(_point_in_layer_units(layer, step))
    else:
        values = [0] * layer.ndim + [int(value) for value in step]
        position = values[-layer.ndim :]
    sizes = layer.level_shapes[0] if layer.multiscale else layer.data.shape
    return tuple(
        int(np.clip(round(float(value)), 0, size - 1))
        for value, size in zip(position[:front], sizes[:front], strict=True)
    )


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
