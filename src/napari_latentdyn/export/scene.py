"""Frames of a large scene: an OME-Zarr that is filled tile by tile, and a BigTIFF of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.dynamics.dataset import make_dataset
from napari_latentdyn.core.observations.images.windows import WindowedImage
from napari_latentdyn.core.observations.patches import covering
from napari_latentdyn.core.scene.folder import SceneFolder
from napari_latentdyn.core.scene.request import SceneRequest, frame_shapes, tile_side
from napari_latentdyn.errors import ExportError
from napari_latentdyn.export.omezarr import make_frames
from napari_latentdyn.settings import Settings

__all__ = ["make_scene_frames", "write_big_tiff"]

#: Side of the tiles of a TIFF.
_TILE = 512


def make_scene_frames(
    path: Path,
    request: SceneRequest,
    images: tuple[WindowedImage, WindowedImage],
    settings: Settings,
) -> None:
    """Make the OME-Zarr of the frames of a large scene."""
    import dask.array

    shape: tuple[int, ...] = (len(request.times), request.channels, *request.shape)
    if request.channels == 1:
        shape = (shape[0], *shape[2:])
    solution = SceneFolder(path.parent).solution()
    # As in a run folder, where single precision would lose digits of the images.
    double = solution is not None and bool(solution["double"][0])
    frames = dask.array.zeros(shape, dtype=np.float64 if double else np.float32)
    places = [p for image in images for p in (image.coordinates, image.geometry)]
    geometry = next((place for place in places if place is not None), None)
    length, unit = settings.images.interval, settings.images.interval_unit
    data = make_dataset(
        frames=frames,
        times=np.array(request.times),
        placement=geometry,
        interval=None if length is None else (length, unit),
        title="frames",
    )
    make_frames(path, data, frame_shapes(request), tile_side(request))


def write_big_tiff(frames: Path, path: Path) -> None:
    """Write the full resolution of an OME-Zarr of frames, (T, [C,] Y, X), as BigTIFF.

    The planes are read tile by tile.

    Raises
    ------
    ExportError
        If the file cannot be written.
    """
    import tifffile
    import zarr

    array = zarr.open_array(str(frames / "0"), mode="r")
    try:
        tifffile.imwrite(
            path,
            _tiles(array),
            shape=array.shape,
            dtype=array.dtype,
            bigtiff=True,
            tile=(_TILE, _TILE),
            photometric="minisblack",
            metadata={"axes": "TYX" if array.ndim == 3 else "TCYX"},
        )
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror or error}.") from None


def _tiles(array: Any) -> Iterator[NDArray[Any]]:
    for index in np.ndindex(*array.shape[:-2]):
        for tile in covering(array.shape[-2:], _TILE):
            part = np.asarray(array[(*index, *tile.slices)])
            rest = [(0, _TILE - side) for side in part.shape]
            yield np.pad(part, rest, mode="edge")
