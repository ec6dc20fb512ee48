"""Large images that are read window by window, from rasters, Zarr and arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.observations.images.guard import guarded
from napari_latentdyn.core.observations.images.raster import (
    opened,
    place_of,
    read_window,
    window_kind,
)
from napari_latentdyn.core.observations.images.selection import parse_source
from napari_latentdyn.core.observations.images.zarr import full_array, is_zarr
from napari_latentdyn.core.observations.patches import Window
from napari_latentdyn.errors import ImageFileError
from napari_latentdyn.files.paths import input_file, named

__all__ = ["ArrayWindows", "WindowedImage", "open_windows"]


class WindowedImage(Protocol):
    """An image that is never read whole.

    Attributes
    ----------
    name : str
        Name for the user.
    shape : (int, int, int)
        Channels, height and width.
    dtype : str
        Data type of the values in the file, such as ``"uint16"``.
    geometry : Geometry or None
        Size of the pixels, where the file gives a length.
    coordinates : Geometry or None
        Place on the Earth.
    rgb : bool
        Whether the channels are red, green and blue.
    """

    @property
    def name(self) -> str:
        """Name for the user."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""

    @property
    def dtype(self) -> str:
        """Data type of the values in the file."""

    @property
    def geometry(self) -> Geometry | None:
        """Size of the pixels."""

    @property
    def coordinates(self) -> Geometry | None:
        """Place on the Earth."""

    @property
    def rgb(self) -> bool:
        """Whether the channels are red, green and blue."""

    def read(self, window: Window) -> NDArray[np.floating[Any]]:
        """Return a window (C, h, w) in physical values; missing pixels are NaN."""


@dataclass(frozen=True)
class ArrayWindows:
    """An array in memory, memory-mapped, of dask or of Zarr.

    Attributes
    ----------
    array : array_like, shape (H, W) or (C, H, W)
        Read by slices of its last two axes.
    name : str
        Name for the user.
    geometry, coordinates : Geometry, optional
        Size of the pixels, and place on the Earth.
    """

    array: Any
    name: str
    geometry: Geometry | None = None
    coordinates: Geometry | None = None
    rgb: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return (1, 1, *self.array.shape)[-3:]

    @property
    def dtype(self) -> str:
        """Data type of the array."""
        return str(self.array.dtype)

    def read(self, window: Window) -> NDArray[np.floating[Any]]:
        """Return a window (C, h, w); missing pixels are NaN."""
        part: Any = self.array[(..., *window.slices)]
        part = part.compute() if hasattr(part, "compute") else part
        if isinstance(part, np.ma.MaskedArray):
            part = np.ma.filled(part.astype(np.float64), np.nan)
        return _real(np.asarray(part), self.name).reshape(-1, window.height, window.width)


@dataclass(frozen=True)
class _RasterWindows:
    """A raster, which is opened for each window, so that it can be sent to other processes."""

    path: Path
    shape: tuple[int, int, int]
    dtype: str
    geometry: Geometry | None
    coordinates: Geometry | None
    rgb: bool

    @property
    def name(self) -> str:
        return self.path.name

    def read(self, window: Window) -> NDArray[np.floating[Any]]:
        place = (window.y, window.x, window.height, window.width)
        values, missing, _ = guarded(self.path, lambda: read_window(self.path, place))
        values = _real(values, self.name)
        if missing is not None:
            values = np.where(missing, np.nan, values).astype(values.dtype)
        return values


@dataclass(frozen=True)
class _ZarrWindows:
    """An array of a Zarr, at `index` of its leading axes."""

    path: Path
    index: tuple[int, ...]
    shape: tuple[int, int, int]
    dtype: str
    geometry: Geometry | None = None
    coordinates: Geometry | None = None
    rgb: bool = False

    @property
    def name(self) -> str:
        return self.path.name

    def read(self, window: Window) -> NDArray[np.floating[Any]]:
        array, _ = guarded(self.path, lambda: full_array(self.path))
        part = np.asarray(array[(*self.index, ..., *window.slices)])
        return _real(part, self.name).reshape(-1, window.height, window.width)


def open_windows(source: str) -> WindowedImage:
    """Open one large image without reading it.

    Parameters
    ----------
    source : str
        A TIFF, BigTIFF, GeoTIFF, COG or another raster with one image, or a Zarr array or
        OME-Zarr; ``FILE:3`` takes one image of a Zarr along its first axis.

    Raises
    ------
    ImageFileError
        If the file cannot be read window by window.
    """
    chosen = parse_source(source)
    path = input_file(chosen.path, ImageFileError, folder=True).absolute()
    if chosen.named or chosen.variable:
        raise ImageFileError(
            f"{source} names an axis or a variable: a large image is chosen by FILE or FILE:3."
        )
    if path.is_dir():
        if not is_zarr(path):
            raise ImageFileError(f"{named(path)} is a folder; give an image file.")
        return guarded(path, lambda: _open_zarr(path, chosen.index))
    if chosen.index is not None:
        raise ImageFileError(
            f"{source}: one image of several is taken from a Zarr only; save the image to use as a "
            "file of its own."
        )
    return guarded(path, lambda: _open_raster(path))


def _open_raster(path: Path) -> WindowedImage:
    problem = window_kind(path)
    if problem is not None:
        raise ImageFileError(f"{named(path)} {problem}.")
    with opened(path) as file:
        size, place = place_of(file)
        window = (0, 0, 1, 1)
        shape, dtype = (file.height, file.width), str(file.dtypes[0])
    values, _, rgb = read_window(path, window)
    _real(values, path.name)
    return _RasterWindows(path, (len(values), *shape), dtype, size, place, rgb)


def _open_zarr(path: Path, index: int | None) -> WindowedImage:
    array, names = full_array(path)
    channels = len(names) > 2 and names[-3].lower().startswith("c")
    leading = array.shape[: -3 if channels else -2]
    at = [0] * len(leading)
    if index is not None:
        if not leading or not -leading[0] <= index < leading[0]:
            raise ImageFileError(
                f"{named(path)} has {leading[0] if leading else 1} images, so there is no image "
                f"{index}."
            )
        at[0] = index % leading[0]
    elif any(size > 1 for size in leading):
        raise ImageFileError(
            f"{named(path)} has several images, of shape {tuple(array.shape)}: choose one with "
            f"{path.name}:0."
        )
    height, width = array.shape[-2:]
    shape = (array.shape[-3] if channels else 1, height, width)
    return _ZarrWindows(path, tuple(at), shape, str(array.dtype))


def _real(values: NDArray[Any], name: str) -> NDArray[np.floating[Any]]:
    """Return values as floating point numbers that hold all their digits."""
    if values.dtype.kind not in "buif":
        raise ImageFileError(f"{name} holds {values.dtype} values; save real numbers.")
    wide = values.dtype.itemsize > (4 if values.dtype.kind == "f" else 2)
    return values.astype(np.float64 if wide else np.float32, copy=False)
