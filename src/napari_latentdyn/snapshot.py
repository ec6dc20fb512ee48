"""A copy of one plane of an image layer, with where it lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.errors import PairError
from napari_latentdyn.frames import clipped, frame_text, front_sizes, shown_index
from napari_latentdyn.georeference import geo_of_layer
from napari_latentdyn.placement import Placement

if TYPE_CHECKING:
    from napari.components import Dims
    from napari.layers import Image

__all__ = ["Snapshot", "frame_key", "snapshot"]


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
    index : tuple of int
        Position of the plane along each axis in front of it.
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
    index: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        """The same for all snapshots of one frame of one layer."""
        return frame_key(self.layer_id, self.index)


def frame_key(layer_id: str, index: Sequence[int]) -> str:
    """Return a text that is the same for one frame of one layer."""
    return " ".join([layer_id, *map(str, index)])


def snapshot(
    layer: Image,
    current_step: Sequence[int] | Dims | None = None,
    *,
    index: Sequence[int] | None = None,
) -> Snapshot:
    """Copy one plane of an image layer.

    Of a stack the frame at `index` or the frame shown is taken, of a multiscale
    layer the full resolution, of an RGBA image the three colours. Lazy data is
    computed for this plane alone.

    Parameters
    ----------
    layer : napari.layers.Image
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
    from napari.layers import Image

    if not isinstance(layer, Image) or layer.ndim < 2:
        raise PairError(f"the layer '{layer.name}' is not an image; choose an image layer.")
    data = layer.data[0] if layer.multiscale else layer.data
    sizes = front_sizes(layer)
    place = shown_index(layer, current_step) if index is None else clipped(index, sizes)
    plane = np.array(data[place] if place else data, copy=True)
    notes = []
    if any(size > 1 for size in sizes):
        notes.append(f"using {frame_text(layer, place)}")
    if layer.multiscale:
        notes.append("the full resolution is used")
    if layer.rgb and plane.shape[-1] == 4:
        plane = np.ascontiguousarray(plane[..., :3])
        notes.append("transparency is left out")
    return Snapshot(
        array=plane,
        channel_axis=-1 if layer.rgb else None,
        placement=Placement.from_layer(layer, place),
        name=layer.name,
        note=f"{layer.name}: {', '.join(notes)}." if notes else "",
        layer_id=str(layer.unique_id),
        metadata=dict(layer.metadata),
        geo=geo_of_layer(layer),
        index=place,
    )
