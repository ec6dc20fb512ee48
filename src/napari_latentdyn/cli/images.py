"""Image files as arrays, with the size of their pixels where the file knows it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_latentdyn.cli.errors import ImageFileError
from napari_latentdyn.core.ometiff import length_unit
from napari_latentdyn.georeference import read_geo

__all__ = ["ImageFile", "read_image", "read_mask", "read_stack"]

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_TRANSPARENCY = ((tifffile.EXTRASAMPLE.ASSOCALPHA,), (tifffile.EXTRASAMPLE.UNASSALPHA,))
#: Tag of GDAL for the value of missing pixels.
_NODATA = 42113
_PICTURE_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp"}
_PICKED = re.compile(r"^(?P<path>.+):(?P<index>-?\d+)$")


@dataclass(frozen=True)
class ImageFile:
    """One image of a file.

    Attributes
    ----------
    array : ndarray
        (H, W), or 3-D with a channel axis.
    channel_axis : int or None
        Axis of the channels.
    rgb : bool
        Whether the channels are red, green and blue.
    missing : ndarray of bool or None
        (H, W) True where a pixel is fully transparent, or has the value that
        the file has for missing ones.
    pixel_size : (float, float) or None
        Height and width of a pixel.
    unit : str or None
        Unit of the pixel size.
    name : str
        Name of the file, with the index of the image if one was chosen.
    path : str
        The same with its folders.
    geo : dict or None
        Reference system and transform, as `georeference.read_geo` returns them.
    """

    array: NDArray[Any]
    channel_axis: int | None
    rgb: bool
    missing: NDArray[np.bool_] | None
    pixel_size: tuple[float, float] | None
    unit: str | None
    name: str
    path: str = ""
    geo: dict[str, Any] | None = None


@dataclass
class _Loaded:
    """All images of a file, as (N, H, W) or (N, H, W, C) or (N, C, H, W)."""

    images: NDArray[Any]
    channel_axis: int | None = None
    rgb: bool = False
    alpha: bool = False
    pixel_size: tuple[float, float] | None = None
    unit: str | None = None
    planar: bool = False
    geo: dict[str, Any] | None = None
    nodata: float | None = None

    def unstacked(self) -> _Loaded:
        """Return the planes of a single image as images, where they may be a stack.

        Some programs write three or four grey images without a word of what they
        are, and then they look like the planes of one colour image.
        """
        if len(self.images) > 1 or not self.planar:
            return self
        return replace(self, images=self.images[0], channel_axis=None, rgb=False, planar=False)


def read_image(source: str) -> ImageFile:
    """Read one image.

    Parameters
    ----------
    source : str
        A TIFF, OME-TIFF, PNG or JPEG file; ``FILE:3`` takes the image of index
        3 (counted from 0, negative from the end) of a file that holds several,
        or that plane of a file that holds one image in planes.

    Raises
    ------
    ImageFileError
        If the file cannot be read, or holds several images and none is chosen.
    """
    path, index = _split(source)
    loaded = _load(path)
    if index is not None:
        loaded = loaded.unstacked()
    count = len(loaded.images)
    if index is None:
        if count > 1:
            raise ImageFileError(
                f"{path} holds {count} images: choose one, such as {path}:0 for the first or "
                f"{path}:-1 for the last."
            )
        index = 0
    array = loaded.images[_checked_index(path, index, count)]
    axis = loaded.channel_axis
    missing = np.zeros((), bool)
    if loaded.alpha and axis is not None:
        missing = np.take(array, -1, axis=axis) == 0
        array = np.take(array, range(array.shape[axis] - 1), axis=axis)
    if loaded.nodata is not None:
        empty = array == loaded.nodata
        missing = missing | (empty if axis is None else empty.any(axis=axis))
    if axis is not None and array.shape[axis] == 1:
        array, axis = np.squeeze(array, axis=axis), None
    picked = "" if count == 1 else f":{index % count}"
    return ImageFile(
        array=array,
        channel_axis=axis,
        rgb=loaded.rgb and axis is not None,
        missing=missing if missing.any() else None,
        pixel_size=loaded.pixel_size,
        unit=loaded.unit,
        name=path.name + picked,
        path=str(path.expanduser().absolute()) + picked,
        geo=loaded.geo,
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


def read_stack(source: str, *, grey: bool = False) -> NDArray[np.float32]:
    """Read all images of a file as (T, H, W), or (T, C, H, W) if they have channels.

    Parameters
    ----------
    source : str
        A TIFF file; ``FILE:3`` takes one image of it, as `read_image` does.
    grey : bool
        Whether the images are known to have one channel; the planes of a single
        image are then taken for the images.

    Raises
    ------
    ImageFileError
        If the file cannot be read.
    """
    path, index = _split(source)
    loaded = _load(path)
    if grey or index is not None:
        loaded = loaded.unstacked()
    images = loaded.images
    if index is not None:
        images = images[_checked_index(path, index, len(images))][None]
    if loaded.nodata is not None:
        images = np.where(images == loaded.nodata, np.float32(np.nan), images)
    if loaded.channel_axis is not None:
        images = np.moveaxis(images, loaded.channel_axis + 1, 1)
        if loaded.alpha:
            images = images[:, :-1]
        if images.shape[1] == 1:
            images = images[:, 0]
    return np.asarray(images, dtype=np.float32)


def _checked_index(path: Path, index: int, count: int) -> int:
    if not -count <= index < count:
        raise ImageFileError(f"{path} has no image {index}: it holds {count}, counted from 0.")
    return index


def _split(source: str) -> tuple[Path, int | None]:
    # A file may have such a name, and a drive of Windows ends in a colon.
    picked = _PICKED.match(source)
    if picked is None or Path(source).exists():
        return Path(source), None
    return Path(picked["path"]), int(picked["index"])


def _load(path: Path) -> _Loaded:
    if path.is_dir():
        raise ImageFileError(f"{path} is a folder; give an image file.")
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except FileNotFoundError:
        raise ImageFileError(f"there is no file {path}.") from None
    except OSError as error:
        raise ImageFileError(f"cannot read {path}: {error.strerror}.") from None
    if magic not in _TIFF_MAGIC and path.suffix.lower() not in _PICTURE_SUFFIXES:
        raise ImageFileError(f"{path} is not an image that can be read; give TIFF, PNG or JPEG.")
    try:
        loaded = _load_tiff(path) if magic in _TIFF_MAGIC else _load_picture(path)
    except ImageFileError:
        raise
    except MemoryError:
        raise ImageFileError(f"{path} does not fit into the memory.") from None
    # Decoders raise errors of their own kinds for damaged files.
    except Exception as error:  # noqa: BLE001
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise ImageFileError(f"{path} cannot be read as an image: {reason}.") from None
    return loaded


def _load_picture(path: Path) -> _Loaded:
    from skimage.io import imread

    array = np.asarray(imread(path))
    if array.ndim == 2:
        return _Loaded(array[None])
    if array.ndim == 3 and array.shape[-1] in (2, 3, 4):
        channels = array.shape[-1]
        return _Loaded(array[None], 2, rgb=channels > 2, alpha=channels != 3)
    raise ImageFileError(f"{path} holds an animation; save the two images as files of their own.")


def _load_tiff(path: Path) -> _Loaded:
    with tifffile.TiffFile(path) as tif:
        series = tif.series[0]
        if len(tif.series) > 1 and any(s.shape != series.shape for s in tif.series):
            raise ImageFileError(
                f"{path} holds images of different sizes; save the one to use as a file of its own."
            )
        axes = series.axes
        array = np.stack([s.asarray() for s in tif.series])
        page = series.keyframe
        # Bands that the file calls nothing, such as two polarisations, are channels.
        alpha = "S" in axes and page.extrasamples[-1:] in _TRANSPARENCY
        rgb = "S" in axes and page.photometric in (
            tifffile.PHOTOMETRIC.RGB,
            tifffile.PHOTOMETRIC.YCBCR,
        )
        # tifffile says 0 where there is no such value.
        nodata = float(page.nodata) if _NODATA in page.tags else None
        size, unit = _pixel_size(tif)
        geo = read_geo(path) if tif.geotiff_metadata else None
    axes = "!" + axes
    for name in "YX":
        if axes.count(name) != 1:
            raise ImageFileError(f"{path} has axes {axes[1:]}, in which no image is found.")
    channels = [name for name in "CS" if name in axes and array.shape[axes.index(name)] > 1]
    if len(channels) > 1:
        raise ImageFileError(
            f"{path} has channels of colours (axes {axes[1:]}); save one of them to use it."
        )
    kept = [name for name in axes if name in ("Y", "X", *channels)]
    others = [name for name in axes if name not in kept]
    array = array.transpose([axes.index(name) for name in (*others, *kept)])
    array = array.reshape(-1, *array.shape[len(others) :])
    axis = kept.index(channels[0]) if channels else None
    planar = channels == ["S"] and axis == 0
    if axis is not None:
        rgb = rgb and array.shape[axis + 1] - alpha == 3
    return _Loaded(array, axis, rgb, alpha, size, unit, planar, geo, nodata)


def _pixel_size(tif: tifffile.TiffFile) -> tuple[tuple[float, float] | None, str | None]:
    """Height, width and unit of a pixel, from OME, ImageJ or GeoTIFF metadata."""
    if tif.ome_metadata:
        found = re.search(r"<Pixels\b[^>]*>", tif.ome_metadata)
        values = dict(re.findall(r'(\w+)="([^"]*)"', found[0])) if found else {}
        if "PhysicalSizeX" in values and "PhysicalSizeY" in values:
            size = float(values["PhysicalSizeY"]), float(values["PhysicalSizeX"])
            # Micrometres are what the format means where it names no unit.
            return _checked(size, values.get("PhysicalSizeXUnit", "µm"))
        return None, None
    geo = tif.geotiff_metadata or {}
    projected = int(geo.get("GTModelTypeGeoKey", 0)) == 1
    if "ModelPixelScale" in geo:
        x, y = geo["ModelPixelScale"][:2]
        return _checked((float(y), float(x)), "m" if projected else "")
    if "ModelTransformation" in geo:
        # Of a turned image: where a step to the right and one down lead to.
        x, y = np.linalg.norm(np.reshape(geo["ModelTransformation"], (4, 4))[:2, :2], axis=0)
        return _checked((float(y), float(x)), "m" if projected else "")
    if tif.imagej_metadata and tif.imagej_metadata.get("unit"):
        # Pixels per unit, as fractions.
        x, y = (tif.pages.first.tags.valueof(n) for n in ("XResolution", "YResolution"))
        if x and y and x[0] and y[0]:
            unit = str(tif.imagej_metadata["unit"]).replace("\\u00B5", "µ")
            return _checked((y[1] / y[0], x[1] / x[0]), unit)
    return None, None


def _checked(size: tuple[float, float], unit: str) -> tuple[tuple[float, float] | None, str | None]:
    symbol = length_unit(unit)
    known = symbol not in (None, "pixel")
    if not known or not all(math.isfinite(value) and value > 0 for value in size):
        return None, None
    return size, symbol
