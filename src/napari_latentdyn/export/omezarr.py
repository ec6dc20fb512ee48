"""Frames and velocities as OME-Zarr: a pyramid in chunks, for large images and pipelines."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.dynamics.dataset import GRID
from napari_latentdyn.core.geometry.units import ngff_unit
from napari_latentdyn.core.observations.ometiff import even_step
from napari_latentdyn.errors import ExportError
from napari_latentdyn.export.format import Format, Option, Steps
from napari_latentdyn.export.grid import (
    length_units,
    matrix,
    pixel_size,
    pixel_velocity,
    time_unit,
)

if TYPE_CHECKING:
    import xarray

__all__ = ["FORMAT", "make_frames"]

_CHUNK, _SMALLEST = 512, 256
#: Files of a Zarr group; all else are folders.
_FILES = {".zgroup", ".zattrs", ".zmetadata", "zarr.json"}


def _is_zarr(folder: Path) -> bool:
    """Return whether a folder is a Zarr group and nothing else, so that it may be replaced."""
    files = {entry.name for entry in folder.iterdir() if not entry.is_dir()}
    return bool(files & {".zgroup", "zarr.json"}) and files <= _FILES


def _write(data: xarray.Dataset, path: Path, steps: Steps, *, ngff: str, fields: bool) -> None:
    import zarr

    if ngff not in ("0.4", "0.5"):
        raise ExportError(f"ngff must be 0.4 or 0.5; got {ngff}.")
    frames, velocity = data.frames.values, pixel_velocity(data) if fields else np.zeros(0)
    root = zarr.open_group(str(path), mode="w", zarr_format=2 if ngff == "0.4" else 3)
    moments = data.time.values
    images = [_planes(root, frames, data, _axis(moments), ngff, data.attrs["title"])]
    if len(velocity):
        group = root.create_group("fields")
        bounds = data.stage_bounds.values
        middles = bounds.mean(axis=1)
        time = _axis(middles) if len(bounds) > 1 else (float(np.ptp(bounds)), float(middles[0]))
        images.append(_planes(group, velocity, data, time, ngff, "fields"))
        group.attrs["latentdyn"] = {
            "channels": ["dy", "dx"],
            "units": "pixel per stage",
            "time": middles.tolist(),
        }
    for _ in steps.over(chain.from_iterable(images), len(frames) + len(velocity)):
        pass
    root.attrs["latentdyn"] = _about(data)


def _axis(moments: NDArray[np.float64]) -> tuple[float, float]:
    """Return scale and translation of a time axis, which counts planes where these are uneven."""
    step = even_step(moments)
    return (1.0, 0.0) if step is None else (step, float(moments[0]))


def make_frames(
    path: Path, data: xarray.Dataset, sizes: Sequence[tuple[int, int]], tile: int
) -> None:
    """Make an OME-Zarr of version 0.4 whose frames are written later, window by window.

    Parameters
    ----------
    path : Path
        Folder to write; what is in it is deleted.
    data : xarray.Dataset
        As `make_dataset` returns it; the values of its frames are not read.
    sizes : sequence of (int, int)
        Height and width of each level, full resolution first.
    tile : int
        Side in pixels of the windows that are written; a chunk lies in one of them, so that
        two processes never write the same chunk.
    """
    import zarr

    root = zarr.open_group(str(path), mode="w", zarr_format=2)
    shape, moments = data.frames.shape, data.time.values
    chunk, title = _chunk_in(tile), data.attrs["title"]
    _create(root, shape, data.frames.dtype, sizes, data, _axis(moments), "0.4", title, chunk)
    root.attrs["latentdyn"] = _about(data)


def _chunk_in(tile: int) -> int:
    """Return the side of chunks that divide a tile, of at most 512 pixels if there is one."""
    sides = [tile // parts for parts in range(1, 9) if tile % parts == 0]
    return next((side for side in sides if side <= _CHUNK), sides[-1])


def _about(data: xarray.Dataset) -> dict[str, Any]:
    # A scale expresses even steps only.
    return {
        "fraction": data.fraction.values.tolist(),
        "time": data.time.values.tolist(),
        "source": data.attrs["source"],
    }


def _planes(
    group: Any,
    planes: NDArray[Any],
    data: xarray.Dataset,
    time: tuple[float, float],
    ngff: str,
    name: str,
) -> Iterator[None]:
    """Write planes (T, [C,] Y, X) one by one, each level half as high and wide as the one before.

    A level of at most 256 pixels is the last.
    """
    levels = [planes.shape[-2:]]
    while max(levels[-1]) > _SMALLEST and min(levels[-1]) >= 2:
        levels.append((levels[-1][0] // 2, levels[-1][1] // 2))
    arrays = _create(group, planes.shape, planes.dtype, levels, data, time, ngff, name)
    for index, plane in enumerate(planes):
        for array in arrays:
            array[index] = plane
            plane = _halved(plane)
        yield


def _create(
    group: Any,
    shape: tuple[int, ...],
    dtype: Any,
    sizes: Sequence[tuple[int, int]],
    data: xarray.Dataset,
    time: tuple[float, float],
    ngff: str,
    name: str,
    chunk: int = _CHUNK,
) -> list[Any]:
    """Make the arrays of all levels of planes (T, [C,] Y, X), and describe them."""
    from yaozarrs import v04, v05

    axes = "tyx" if len(shape) == 3 else "tcyx"
    model = v04 if ngff == "0.4" else v05
    multiscale = _multiscale(model, data, axes, len(sizes), name, time)
    plain = model.Image(multiscales=[multiscale]).model_dump(mode="json", exclude_none=True)
    options: dict[str, Any] = {"dimension_names": list(axes)}
    if ngff == "0.4":
        options = {"chunk_key_encoding": {"name": "v2", "separator": "/"}}
    group.attrs.update(plain if ngff == "0.4" else {"ome": {"version": ngff, **plain}})
    return [
        group.create_array(
            str(level),
            shape=(*shape[:-2], *size),
            dtype=dtype,
            chunks=(*(1,) * (len(shape) - 2), *(min(chunk, side) for side in size)),
            **options,
        )
        for level, size in enumerate(sizes)
    ]


def _multiscale(
    model: Any,
    data: xarray.Dataset,
    axes: str,
    levels: int,
    name: str,
    time: tuple[float, float],
) -> Any:
    """Return the metadata of a pyramid, checked by yaozarrs."""
    from yaozarrs import DimSpec

    units = dict(zip("yx", length_units(data), strict=True)) | {"t": time_unit(data) or ""}
    height, width = pixel_size(data)
    # A scale is positive: it expresses neither a y axis to the north nor a rotation.
    is_plain = "crs_wkt" not in data[GRID].attrs and "world_y" not in data.coords
    y, x = matrix(data)[:2, 2] if is_plain else (0.0, 0.0)
    places = {"t": time, "c": (1.0, 0.0), "y": (height, y), "x": (width, x)}
    dims = [
        DimSpec(
            name=axis,
            scale=places[axis][0],
            translation=places[axis][1],
            unit=ngff_unit(units.get(axis, "")),
        )
        for axis in axes
    ]
    multiscale = model.Multiscale.from_dims(dims, name=name, n_levels=levels)
    multiscale.type = "mean"
    for level, dataset in enumerate(multiscale.datasets):
        # The first pixel of a coarse level is centred on a block of fine pixels.
        shift = (2.0**level - 1) / 2
        translation = dataset.coordinateTransformations[1].translation
        translation[-2] += shift * height
        translation[-1] += shift * width
    return multiscale


def _halved(plane: NDArray[Any]) -> NDArray[Any]:
    """Return the means of blocks of 2x2 pixels, over the finite pixels of each block."""
    height, width = plane.shape[-2] // 2, plane.shape[-1] // 2
    if not height or not width:
        return plane
    blocks = plane[..., : 2 * height, : 2 * width]
    blocks = blocks.reshape(*plane.shape[:-2], height, 2, width, 2)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        mean = np.nanmean(blocks, axis=(-3, -1))
    if plane.dtype.kind in "iu":
        mean = np.rint(mean)
    return np.asarray(mean.astype(plane.dtype))


FORMAT = Format(
    "ome-zarr",
    "OME-Zarr",
    (".ome.zarr", ".zarr"),
    _write,
    about="Frames as a pyramid in chunks with scale, position and units, and the velocities.",
    what="the image",
    extra="export",
    modules=("zarr", "yaozarrs"),
    options=(
        Option("ngff", str, "0.4", "Version of OME-NGFF.", choices=("0.4", "0.5")),
        Option("fields", bool, True, "Write the velocities beside the frames."),
    ),
    is_ours=_is_zarr,
)
