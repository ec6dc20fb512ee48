"""Images of a series: several files, all files of a folder or a pattern, or one stack."""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.observations.images.files import SUFFIXES, image_of, load, read_image
from napari_latentdyn.core.observations.images.model import ImageFile, Stack
from napari_latentdyn.core.observations.images.selection import parse_source, select
from napari_latentdyn.core.observations.images.zarr import is_zarr
from napari_latentdyn.errors import ImageFileError
from napari_latentdyn.files.paths import absolute, exists, named

__all__ = ["ImageSeries", "expand", "read_series"]

_PATTERN = re.compile(r"[*?\[]")
#: Axes of a stack that may be times.
_TIMES = ("T", "I")


@dataclass(frozen=True)
class ImageSeries:
    """Images in order, and their times as far as one file gives them.

    Attributes
    ----------
    images : tuple of ImageFile
        At least one.
    times : ndarray of float64, shape (K,), or None
        Times of the images of a stack.
    unit : str or None
        Unit of the times.
    start : datetime or None
        Date at which the times are 0.
    """

    images: tuple[ImageFile, ...]
    times: NDArray[np.float64] | None = None
    unit: str | None = None
    start: datetime | None = None


def expand(sources: Sequence[str]) -> list[str]:
    """Return the files that sources name: files, folders of images, and patterns such as ``*.tif``.

    Files of a folder or a pattern are in the order of their names, with numbers in the order of
    their values. A file that has the name of a pattern is this file.

    Raises
    ------
    ImageFileError
        If a folder or a pattern holds no image, or a folder is not the only source.
    """
    found: list[str] = []
    for source in sources:
        path = absolute(source, ImageFileError)
        if exists(path) and path.is_dir() and not is_zarr(path):
            if len(sources) > 1:
                raise ImageFileError(
                    f"{named(path)} is a folder; give image files, or this folder alone."
                )
            files = [entry for entry in path.iterdir() if entry.suffix.lower() in SUFFIXES]
            if not files:
                raise ImageFileError(f"{named(path)} is a folder that holds no image.")
        elif _PATTERN.search(source) and not exists(path):
            files = [Path(entry) for entry in glob.glob(str(path), recursive=True)]  # noqa: PTH207
            if not files:
                raise ImageFileError(f"no file fits the pattern {source}.")
        else:
            found.append(source)
            continue
        found.extend(str(entry) for entry in sorted(files, key=_natural))
    return found


def read_series(sources: Sequence[str]) -> ImageSeries:
    """Read images, one from each source, or all images of a single stack in order of time.

    Raises
    ------
    ImageFileError
        If a file cannot be read, or holds several images where others are given, too.
    """
    if len(sources) == 1:
        chosen = parse_source(sources[0])
        if chosen.index is None:
            stack = load(chosen).unstacked()
            if stack.squeezed().leading:
                return _of_stack(sources[0], stack)
    return ImageSeries(tuple(read_image(source) for source in sources))


def _of_stack(source: str, stack: Stack) -> ImageSeries:
    chosen = parse_source(source)
    part, label = select(stack, chosen, all_times=True)
    axis = next((name for name in part.leading if name in _TIMES), None)
    if axis is None:
        return ImageSeries((read_image(source),))
    count = part.sizes[axis]
    images = tuple(
        image_of(part.select({axis: number}), chosen, f"{label}:{number}")
        for number in range(count)
    )
    if axis != "T" or part.times is None or len(part.times) != count:
        return ImageSeries(images)
    return ImageSeries(images, part.times, part.time_unit, part.start)


def _natural(path: Path) -> list[tuple[int, int | str]]:
    """Return a key that sorts numbers in names by their value."""
    parts = re.split(r"(\d+)", str(path))
    return [(0, int(part)) if part.isdecimal() else (1, part.casefold()) for part in parts]
