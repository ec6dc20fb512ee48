"""TIFF, OME-TIFF and ImageJ TIFF, through tifffile and imagecodecs."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.observations.images.gdal import missing_in, scaled, tags_of, turned
from napari_latentdyn.core.observations.images.limits import check_claim
from napari_latentdyn.core.observations.images.model import (
    Stack,
    check_same_size,
    joined,
    plane_size,
)
from napari_latentdyn.core.observations.images.ome import (
    OmeImage,
    companion,
    grid_of,
    ome_images,
    planes_in,
)
from napari_latentdyn.core.observations.images.raster import read_place, read_raster
from napari_latentdyn.errors import ImageFileError
from napari_latentdyn.files.tiffcheck import check_pages, longest_segment

__all__ = ["read_tiff"]

_ALPHA = (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA)
_PHOTOMETRIC = tifffile.PHOTOMETRIC
#: Tags of the place of a GeoTIFF.
_PLACE_TAGS = (33550, 33922, 34264, 34735)
_REDUCED, _MASK = 1, 4
#: Letters of axes in tifffile that differ from those of this package.
_AXES = {"Q": "I", "R": "P", "S": "C"}
#: Names for axes beside one of the same name.
_SPARE = "IJKLMNOUVWABDEFGH"
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def read_tiff(path: Path) -> Stack:
    """Read all images of a TIFF file."""
    check_pages(path)
    with tifffile.TiffFile(path) as tif:
        page = tif.pages.first
        series = [one for one in tif.series if not _kind(one) & (_REDUCED | _MASK)]
        # GDAL knows masks, in the file or beside it, and places on the Earth.
        masked = any(_kind(one) & _MASK for one in tif.series)
        masked = masked or path.with_name(f"{path.name}.msk").is_file()
        placed = masked or any(tag in page.tags for tag in _PLACE_TAGS)
        if placed and not tif.is_ome and not tif.is_imagej:
            return read_raster(path, lambda index: tags_of(tif.pages[index]))
        about, note = companion(page.description if tif.is_ome else None, path)
        images = ome_images(about)
        own = planes_in(images, path.name)
        if own is not None:
            stack = _part_of_set(path, own)
            images = [images[place] for place in dict.fromkeys(plane[0] for plane in own)]
        else:
            stack = _stacked(path, series or list(tif.series), ome=bool(tif.is_ome))
        stack = _described(stack, tif, images, tags_of(page).orientation)
        if note is not None:
            stack = replace(stack, notes=(*stack.notes, note))
        return read_place(path, stack, tags_of(page)) if placed else stack


def _kind(series: Any) -> int:
    return int(getattr(series.keyframe, "subfiletype", 0) or 0)


def _part_of_set(path: Path, planes: list[tuple[int, int, int, int]]) -> Stack:
    """Read the planes of one file of a set that are in this file."""
    # The other files may be missing, and tifffile then fills their planes with zeros.
    with tifffile.TiffFile(path, is_ome=False) as tif:
        stack = _stacked(path, list(tif.series), ome=False)
    if stack.leading != ("I",) or stack.sizes["I"] != len(planes):
        return stack
    grid = grid_of(planes)
    if not grid or ("C" in stack.axes and any("PTCZ"[k] == "C" for k, _ in grid)):
        return stack
    at = stack.axes.index("I")
    names = [*stack.axes[:at], *("PTCZ"[k] for k, _ in grid), *stack.axes[at + 1 :]]
    sizes = [size for _, size in grid]
    data = stack.data.reshape(*stack.data.shape[:at], *sizes, *stack.data.shape[at + 1 :])
    missing = stack.missing
    if missing is not None:
        missing = missing.reshape(*sizes, *missing.shape[1:])
        if "C" in names and "C" not in stack.axes:
            missing = np.asarray(missing.all(axis=names.index("C")))
    data, names = _ordered(data, names, samples="C" in stack.axes)
    return replace(stack, data=data, axes=tuple(names), missing=missing)


def _stacked(path: Path, series: list[Any], *, ome: bool) -> Stack:
    # Before reading: all images of a file can be large.
    check_same_size(path, [(one.shape, one.axes) for one in series])
    stacks = [_one(path, one) for one in series]
    if len(stacks) == 1:
        return stacks[0]
    # OME calls its images positions or scenes; other files number pages.
    names = ("P" if ome else "I", *_SPARE)
    return joined(path, stacks, next(name for name in names if name not in stacks[0].axes))


def _one(path: Path, series: Any) -> Stack:
    page = series.keyframe
    letters = series.axes
    for name in "YX":
        if letters.count(name) != 1:
            raise ImageFileError(f"{path} has axes {letters}, in which no image is found.")
    check_claim(path, int(series.nbytes))
    if longest_segment(series) > path.stat().st_size:
        raise ImageFileError(
            f"{path} is cut off or damaged: a part of its image is longer than the file."
        )
    data: NDArray[Any] = series.asarray()
    if "S" in letters and "C" in letters:
        if data.shape[letters.index("C")] > 1 and data.shape[letters.index("S")] > 1:
            raise ImageFileError(
                f"{path} has channels of colours (axes {letters}); save one of them to use it."
            )
        drop = letters.index("C" if data.shape[letters.index("C")] == 1 else "S")
        data, letters = np.take(data, 0, axis=drop), letters[:drop] + letters[drop + 1 :]
    axes = _named(letters)
    data, axes = _ordered(data, axes, samples="S" in letters)
    data = turned(data, axes.index("Y"), axes.index("X"), tags_of(page).orientation)
    return _coloured(path, Stack(data, tuple(axes)), page, "S" in letters)


def _named(letters: str) -> list[str]:
    """Return names of axes, each of its own: files may number images along several."""
    axes: list[str] = []
    for letter in letters:
        name = _AXES.get(letter, letter)
        if name in axes or (name != letter and name in letters):
            name = next(other for other in _SPARE if other not in (*axes, *letters))
        axes.append(name)
    return axes


def _ordered(
    data: NDArray[Any], axes: list[str], *, samples: bool
) -> tuple[NDArray[Any], list[str]]:
    """Move channels beside rows and columns, where they stood nearest."""
    last = [name for name in axes if name in ("Y", "X", "C")]
    if "C" in last and last.index("C") == 1:
        last = ["C", "Y", "X"] if not samples else ["Y", "X", "C"]
    elif last[-3:] not in (["C", "Y", "X"], ["Y", "X", "C"]) and len(last) == 3:
        last = ["C", "Y", "X"]
    if len(last) == 2:
        last = ["Y", "X"]
    front = [name for name in axes if name not in last]
    order = [*front, *last]
    return data.transpose([axes.index(name) for name in order]), order


def _coloured(path: Path, stack: Stack, page: Any, samples: bool) -> Stack:
    """Return grey values that count from black, and colours as red, green and blue."""
    kind, tags = page.photometric, tags_of(page)
    if kind in (_PHOTOMETRIC.CIELAB, _PHOTOMETRIC.ICCLAB, _PHOTOMETRIC.ITULAB):
        raise ImageFileError(f"{path} has the colour space Lab; save the image as RGB or grey.")
    if samples and "C" in stack.axes:
        stack = _opaque(stack, page)
    unknown, notes = missing_in(stack.data, tags.nodata)
    stack = replace(stack, notes=(*stack.notes, *notes))
    if kind == _PHOTOMETRIC.PALETTE and page.colormap is not None and not samples:
        # Scale and offset do not apply to indices of colours.
        stack = scaled(stack, replace(tags, scales={}, offsets={}), unknown)
        table = np.moveaxis(np.asarray(page.colormap), 0, -1)
        # Some programs write colours of 8 bits where the format asks for 16.
        table = (table if table.max() < 256 else table >> 8).astype(np.uint8)
        return replace(stack, data=table[stack.data], axes=(*stack.axes, "C"), rgb=True)
    if "C" in stack.axes and not samples:
        # Each channel is a page, and has the tags of the first.
        channels = range(stack.data.shape[stack.axes.index("C")])
        tags = replace(
            tags,
            scales={k: tags.scales.get(0, 1.0) for k in channels},
            offsets={k: tags.offsets.get(0, 0.0) for k in channels},
        )
    stack = scaled(stack, tags, unknown)
    if "C" not in stack.axes or not samples:
        return stack
    axis = stack.axes.index("C")
    if kind == _PHOTOMETRIC.SEPARATED:
        return _from_inks(path, stack, axis)
    rgb = stack.data.shape[axis] == 3 and kind in (_PHOTOMETRIC.RGB, _PHOTOMETRIC.YCBCR)
    return replace(stack, rgb=rgb)


def _opaque(stack: Stack, page: Any) -> Stack:
    """Take transparency out of the channels, as missing pixels."""
    axis = stack.axes.index("C")
    count = stack.data.shape[axis]
    planes = stack.data if stack.axes == ("C", "Y", "X") else None
    if count == 1 or not page.extrasamples or page.extrasamples[-1] not in _ALPHA:
        return replace(stack, planes=planes)
    missing = np.take(stack.data, -1, axis=axis) == 0
    data = np.take(stack.data, range(count - 1), axis=axis)
    return replace(stack, data=data, missing=missing, planes=planes)


def _from_inks(path: Path, stack: Stack, axis: int) -> Stack:
    if stack.data.shape[axis] != 4 or stack.data.dtype.kind != "u":
        raise ImageFileError(
            f"{path} has {stack.data.shape[axis]} inks as colours; save the image as RGB or grey."
        )
    top = np.iinfo(stack.data.dtype).max
    left = 1.0 - np.moveaxis(stack.data, axis, -1).astype(np.float64) / top
    colours = np.round(left[..., :3] * left[..., 3:] * top).astype(stack.data.dtype)
    return replace(stack, data=np.moveaxis(colours, -1, axis), rgb=True)


def _described(
    stack: Stack, tif: tifffile.TiffFile, images: list[OmeImage], orientation: int
) -> Stack:
    """Add pixel size, unit and times, from OME or ImageJ metadata."""
    count = stack.sizes.get("T", 0)
    if images:
        positions = [_of_ome(stack, image, count, orientation) for image in images]
        common = dict(positions[0])
        if len({one["geometry"] for one in positions}) > 1:
            note = "The positions have pixels of different sizes: the pixel size is unknown."
            common |= {"geometry": None, "notes": (*stack.notes, note)}
        complete = stack.sizes.get("P") == len(positions)
        return replace(stack, **common, positions=tuple(positions) if complete else ())
    about = tif.imagej_metadata or {}
    # Pixels per unit, as fractions.
    tags = tif.pages.first.tags
    sides = [_side(tags.valueof(name)) for name in ("YResolution", "XResolution")]
    if about.get("unit"):
        # ImageJ names the unit of rows only where it is another one.
        units = (str(about.get("yunit") or about["unit"]), str(about["unit"]))
        size, assumed = plane_size(sides[0], sides[1], units)
        notes = (*stack.notes, *((assumed,) if assumed else ()))
        stack = replace(stack, geometry=_swapped(size, orientation), notes=notes)
    step = about.get("finterval")
    if count and isinstance(step, int | float) and np.isfinite(step) and step > 0:
        times = float(step) * np.arange(count, dtype=np.float64)
        stack = replace(stack, times=times, time_unit=str(about.get("tunit") or "s"))
    return stack


def _of_ome(stack: Stack, image: OmeImage, count: int, orientation: int) -> dict[str, Any]:
    return {
        "geometry": _swapped(image.geometry, orientation),
        "notes": (*stack.notes, *((image.note,) if image.note else ())),
        "times": image.times(count) if count else None,
        "time_unit": image.time_unit,
    }


def _swapped(size: Geometry | None, orientation: int) -> Geometry | None:
    """Return the size of a pixel in an image that has been turned."""
    if size is None or orientation < 5:
        return size
    height, width = size.pixel_size
    return Geometry.from_pixel_size((width, height), size.units)


def _side(fraction: Any) -> float | None:
    try:
        return float(fraction[1]) / float(fraction[0])
    except (TypeError, ValueError, IndexError, ZeroDivisionError):
        return None
