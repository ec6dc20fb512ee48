"""Reading of image files, for the window, the command line and Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.observations.images.arrays import single_keeps_digits
from napari_latentdyn.core.observations.images.cf import image_variables, read_cf
from napari_latentdyn.core.observations.images.guard import guarded
from napari_latentdyn.core.observations.images.model import ImageFile, Stack
from napari_latentdyn.core.observations.images.picture import read_picture
from napari_latentdyn.core.observations.images.raster import DRIVERS, read_raster
from napari_latentdyn.core.observations.images.selection import Selection, parse_source, select
from napari_latentdyn.core.observations.images.tiff import read_tiff
from napari_latentdyn.core.observations.images.zarr import is_zarr
from napari_latentdyn.errors import ImageFileError
from napari_latentdyn.files.paths import input_file, named, why

__all__ = ["SUFFIXES", "image_of", "load", "read_image", "read_mask", "read_stack", "variables_of"]

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PICTURE_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp"}
#: Ends of the names of files that may be images.
SUFFIXES = {".tif", ".tiff", ".nc", ".nc4", ".cdf", ".h5", *_PICTURE_SUFFIXES, *DRIVERS}
_PICTURE_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM")
_CF_MAGIC = (b"CDF\x01", b"CDF\x02", b"CDF\x05", b"\x89HDF")
_FORMATS = "give TIFF, PNG, JPEG, NetCDF or Zarr"


def read_image(source: str) -> ImageFile:
    """Read one image.

    Parameters
    ----------
    source : str
        A TIFF, OME-TIFF, GeoTIFF, PNG, JPEG, NetCDF or Zarr file. ``FILE:3``
        takes the image of index 3 (counted from 0, negative from the end) of a
        file that holds several, or that plane of a file that holds one image in
        planes; ``FILE:t=3,z=0`` names the axes; ``FILE:ice,t=3`` a variable.

    Raises
    ------
    ImageFileError
        If the file cannot be read, or holds several images and none is chosen.
    """
    chosen = parse_source(source)
    stack = load(chosen)
    if chosen.index is not None:
        stack = stack.unstacked()
    image, picked = select(stack, chosen)
    return image_of(image, chosen, picked)


def image_of(image: Stack, chosen: Selection, picked: str) -> ImageFile:
    """Return the one image of a stack; `picked` is the label of the choice in its file."""
    axis = image.axes.index("C") if "C" in image.axes else None
    label = (f":{chosen.variable}" if chosen.variable else "") + picked
    return ImageFile(
        array=image.data,
        channel_axis=axis,
        rgb=image.rgb and axis is not None,
        missing=image.missing,
        geometry=image.geometry,
        name=chosen.path.name + label,
        path=str(chosen.path.expanduser().absolute()) + label,
        notes=tuple(f"{chosen.path.name}: {note}" for note in image.notes),
        coordinates=image.coordinates,
    )


def read_mask(source: str) -> NDArray[np.bool_]:
    """Read a mask: (H, W), True where the image in the file is not zero.

    Raises
    ------
    ImageFileError
        If the file cannot be read, or holds several images and none is chosen.
    """
    image = read_image(source)
    marked: NDArray[np.bool_] = image.array != 0
    return marked if image.channel_axis is None else np.any(marked, axis=image.channel_axis)


def read_stack(source: str, *, grey: bool = False) -> NDArray[np.floating[Any]]:
    """Read all images of a file as (T, H, W), or (T, C, H, W) if they have channels.

    Missing pixels are NaN.

    Parameters
    ----------
    source : str
        An image file; ``FILE:3`` takes one image of it, as `read_image` does.
    grey : bool
        Whether the images are known to have one channel; the planes of a single
        image are then taken for the images.

    Raises
    ------
    ImageFileError
        If the file cannot be read.
    """
    chosen = parse_source(source)
    stack = load(chosen)
    if grey or chosen.index is not None:
        stack = stack.unstacked()
    stack, _ = select(stack, chosen, all_times=True)
    if stack.data.dtype.kind == "c":
        raise ImageFileError(f"{chosen.path} holds complex values; save their amplitude.")
    data = stack.data
    if "C" in stack.axes:
        data = np.moveaxis(data, stack.axes.index("C"), len(stack.leading))
    if not stack.leading:
        data = data[None]
    images: NDArray[np.floating[Any]] = np.asarray(data, dtype=np.float64)
    if stack.missing is not None:
        missing = stack.missing if stack.leading else stack.missing[None]
        images = np.where(missing[:, None] if images.ndim == 4 else missing, np.nan, images)
    return images.astype(np.float32) if single_keeps_digits(images) else images


def load(chosen: Selection) -> Stack:
    """Read all images of a file, or raise `ImageFileError`."""
    path = input_file(chosen.path, ImageFileError, folder=True)
    if path.is_dir():
        if is_zarr(path):
            return _with_pixels(path, guarded(path, lambda: read_cf(path, chosen.variable)))
        raise ImageFileError(f"{named(path)} is a folder; give an image file.")
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ImageFileError(f"cannot read {named(path)}: {why(error)}.") from None
    return _with_pixels(path, guarded(path, lambda: _load(path, magic, chosen.variable)))


def variables_of(path: Path) -> list[str]:
    """Return the names of the variables of a NetCDF or Zarr data set that are images."""
    return guarded(path, lambda: image_variables(path))


def _with_pixels(path: Path, stack: Stack) -> Stack:
    if stack.data.size == 0:
        raise ImageFileError(f"{named(path)} holds an image without pixels.")
    return stack


def _load(path: Path, magic: bytes, variable: str | None) -> Stack:
    suffix = path.suffix.lower()
    if magic in _CF_MAGIC:
        return read_cf(path, variable)
    if variable is not None:
        raise ImageFileError(f"{path} holds no variables, so there is no '{variable[:40]}' in it.")
    if magic in _TIFF_MAGIC:
        return read_tiff(path)
    if suffix in _PICTURE_SUFFIXES or magic.startswith(_PICTURE_MAGIC):
        return read_picture(path)
    if suffix in DRIVERS:
        return read_raster(path)
    raise ImageFileError(f"{path} is not an image that can be read; {_FORMATS}.")
