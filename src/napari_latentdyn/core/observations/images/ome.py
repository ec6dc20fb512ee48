"""Pixel sizes, times and companion files in OME-XML."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.observations.images.model import plane_size

__all__ = ["OmeImage", "companion", "grid_of", "ome_images", "planes_in"]

#: Units of OME whose symbols mean other units elsewhere: line (not link), point (not pint).
_LENGTHS = {"li": ("in", 1 / 12), "pt": ("in", 1 / 72), "ua": ("m", 149_597_870_700.0)}
#: Part of the mean step from frame to frame that times may deviate and still be even.
_JITTER = 0.02
_LARGEST = 2**26  # bytes of a file of metadata


@dataclass(frozen=True)
class OmeImage:
    """One image of OME metadata.

    `note` is a sentence for the user on the pixel size. `step` and `moments` are the time from
    frame to frame and the times of all frames, in `time_unit`. `planes` has one entry for each
    plane whose file the metadata names: file, time, channel and depth, in the order of the pages of
    the file.
    """

    geometry: Geometry | None
    note: str | None
    step: float | None
    moments: tuple[float, ...]
    time_unit: str | None
    planes: tuple[tuple[str, int, int, int], ...]

    def times(self, count: int) -> NDArray[np.float64] | None:
        """Return the times of frames, or None if the file gives none."""
        numbers = np.arange(count, dtype=np.float64)
        step, moments = self.step, np.array(self.moments, np.float64)
        if len(moments) == count > 1:
            mean = float(moments[-1] - moments[0]) / (count - 1)
            if step is None:
                step = mean
            # Times of a microscope jitter around even ones.
            even = np.abs(moments - moments[0] - step * numbers) <= _JITTER * abs(step)
            if not even.all():
                return np.asarray(moments - moments[0])
        return None if step is None else step * numbers


def planes_in(images: Sequence[OmeImage], name: str) -> list[tuple[int, int, int, int]] | None:
    """Return position, time, channel and depth of the planes in a file, None if it holds all."""
    files = {plane[0] for image in images for plane in image.planes}
    if not files or files == {name} or name not in files:
        return None
    return [
        (place, *plane[1:])
        for place, image in enumerate(images)
        for plane in image.planes
        if plane[0] == name
    ]


def companion(xml: str | None, path: Path) -> tuple[str | None, str | None]:
    """Return the metadata of an image file, and a sentence where the metadata are missing.

    Some programs write the metadata of many files into one file, and name that file in the others.
    """
    root = _parsed(xml)
    names = [] if root is None else [n for n in root.iter() if _local(n.tag) == "BinaryOnly"]
    name = next((_base(node.get("MetadataFile", "")) for node in names), "")
    if not name:
        return xml, None
    note = (
        f"The file keeps its metadata in {name}, which cannot be read: the pixel size is unknown."
    )
    beside = path.with_name(name)
    try:
        with beside.open("rb") as file:
            content = file.read(_LARGEST)
    except OSError:
        return None, note
    if content[:2] in (b"II", b"MM"):
        import tifffile

        try:
            with tifffile.TiffFile(beside) as tif:
                text: str | None = tif.pages.first.description
        except (tifffile.TiffFileError, OSError, ValueError):
            text = None
    else:
        text = content.decode("utf-8", "replace")
    return (text, None) if ome_images(text) else (None, note)


def ome_images(xml: str | None) -> list[OmeImage]:
    """Read the images that OME-XML describes; none if it cannot be parsed.

    The names of elements are read without their name space, which files spell
    with and without a prefix.
    """
    root = _parsed(xml)
    if root is None:
        return []
    return [_image(node) for node in root.iter() if _local(node.tag) == "Pixels"]


def _parsed(xml: str | None) -> ET.Element | None:
    try:
        return ET.fromstring(xml.lstrip("\ufeff")) if xml else None
    except (ET.ParseError, ValueError):
        return None


def _image(pixels: ET.Element) -> OmeImage:
    values = {_local(name): value for name, value in pixels.attrib.items()}
    sides, units = [], []
    for letter in "YX":
        side = _number(values.get(f"PhysicalSize{letter}"))
        # The default units of OME are micrometres and seconds.
        unit = values.get(f"PhysicalSize{letter}Unit", "µm")
        unit, factor = _LENGTHS.get(unit.strip(), (unit, 1.0))
        sides.append(None if side is None else side * factor)
        units.append(unit)
    size, note = plane_size(sides[0], sides[1], units)
    step, unit = _number(values.get("TimeIncrement")), values.get("TimeIncrementUnit", "s")
    moments, moment_unit = _moments(pixels)
    if moments and moment_unit != unit:
        # Times of the planes have a unit of their own.
        step, unit = None, moment_unit
    return OmeImage(size, note, step, moments, unit, tuple(_planes(pixels, values)))


def _moments(pixels: ET.Element) -> tuple[tuple[float, ...], str]:
    """Return the time of the first plane of each frame, and its unit; empty if one is missing."""
    found: dict[int, float] = {}
    units = set()
    for node in pixels:
        if _local(node.tag) != "Plane":
            continue
        frame, moment = _number(node.get("TheT")), _number(node.get("DeltaT"))
        if frame is None or moment is None:
            return (), "s"
        units.add(node.get("DeltaTUnit", "s"))
        found.setdefault(int(frame), moment)
    times = tuple(found[frame] for frame in sorted(found))
    rising = all(b > a for a, b in itertools.pairwise(times))
    if sorted(found) != list(range(len(found))) or not rising or len(units) != 1:
        return (), "s"
    return times, units.pop()


def _planes(pixels: ET.Element, values: dict[str, str]) -> Iterator[tuple[str, int, int, int]]:
    """Yield the planes that files are named for, page by page."""
    # The third letter runs fastest, as in XYCZT.
    order = values.get("DimensionOrder", "")[2:]
    order = order if sorted(order) == ["C", "T", "Z"] else "CZT"
    sizes = {letter: max(1, int(_number(values.get(f"Size{letter}")) or 1)) for letter in "TCZ"}
    samples = [
        max(1, int(_number(node.get("SamplesPerPixel")) or 1))
        for node in pixels
        if _local(node.tag) == "Channel"
    ]
    # The samples of a colour lie in one plane.
    sizes["C"] = len(samples) or sizes["C"]
    found = []
    for node in pixels.iter():
        if _local(node.tag) != "TiffData":
            continue
        name = next((_base(c.get("FileName", "")) for c in node if _local(c.tag) == "UUID"), "")
        if not name:
            continue
        page = int(_number(node.get("IFD")) or 0)
        place = {letter: int(_number(node.get(f"First{letter}")) or 0) for letter in "TCZ"}
        for _ in range(min(max(1, int(_number(node.get("PlaneCount")) or 1)), 10**5)):
            found.append((page, (name, place["T"], place["C"], place["Z"])))
            page += 1
            for letter in order:
                place[letter] += 1
                if place[letter] < sizes[letter]:
                    break
                place[letter] = 0
    for _page, plane in sorted(found, key=lambda one: one[0]):
        yield plane


def grid_of(planes: Sequence[tuple[int, ...]]) -> tuple[tuple[int, int], ...] | None:
    """Return which indices of planes vary, slowest first, and the number of values of each.

    None if the planes do not fill a grid.
    """
    spans = [sorted({plane[k] for plane in planes}) for k in range(len(planes[0]))]
    varying = [k for k, span in enumerate(spans) if len(span) > 1]
    for order in itertools.permutations(varying):
        walk = list(itertools.product(*(spans[k] for k in order)))
        if walk == [tuple(plane[k] for k in order) for plane in planes]:
            return tuple((k, len(spans[k])) for k in order)
    return None


def _base(name: str) -> str:
    return PurePosixPath(PureWindowsPath(name).as_posix()).name


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2]


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    return value if value is not None and np.isfinite(value) else None
