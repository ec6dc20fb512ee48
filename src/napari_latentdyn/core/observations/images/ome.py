"""What OME-XML says of sizes, times and the files that belong together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.observations.images.units import square_size

__all__ = ["OmeImage", "ome_images"]


@dataclass(frozen=True)
class OmeImage:
    """One image of OME metadata.

    Attributes
    ----------
    pixel_size, unit, note
        Height and width of a pixel, their unit, and a sentence for the user.
    step, step_unit
        Time between frames and its unit, where they are given.
    planes : tuple of (str, int, int, int)
        File, time, channel and depth of each plane that a file is named for.
    """

    pixel_size: tuple[float, float] | None
    unit: str | None
    note: str | None
    step: float | None
    step_unit: str | None
    planes: tuple[tuple[str, int, int, int], ...]

    def in_file(self, name: str) -> list[tuple[int, int, int]] | None:
        """Return time, channel and depth of the planes in a file, None if it holds all."""
        files = {plane[0] for plane in self.planes}
        if not files or files == {name} or name not in files:
            return None
        return [plane[1:] for plane in self.planes if plane[0] == name]

    def times(self, count: int) -> NDArray[np.float64] | None:
        """Return the times of frames, or None if the file gives none."""
        return None if self.step is None else self.step * np.arange(count, dtype=np.float64)


def ome_images(xml: str | None) -> list[OmeImage]:
    """Read the images that OME-XML describes; none if it cannot be parsed.

    The names of elements are read without their name space, which files spell
    with and without a prefix.
    """
    if not xml:
        return []
    try:
        root = ET.fromstring(xml)
    except (ET.ParseError, ValueError):
        return []
    return [_image(node) for node in root.iter() if _local(node.tag) == "Pixels"]


def _image(pixels: ET.Element) -> OmeImage:
    values = {_local(name): value for name, value in pixels.attrib.items()}
    # Micrometres and seconds are what the format means where it names no unit.
    units = [values.get(f"PhysicalSize{letter}Unit", "µm") for letter in "YX"]
    height, width = (_number(values.get(f"PhysicalSize{letter}")) for letter in "YX")
    size, unit, note = square_size(height, width, units[0] if height is not None else units[1])
    if height is not None and width is not None and units[0] != units[1]:
        size, unit, note = _of_two_units(height, width, units)
    planes = []
    for node in pixels.iter():
        if _local(node.tag) != "TiffData":
            continue
        name = next((_file(child) for child in node if _local(child.tag) == "UUID"), "")
        first = [int(_number(node.get(f"First{letter}")) or 0) for letter in "TCZ"]
        if name:
            planes.append((name, first[0], first[1], first[2]))
    step = _number(values.get("TimeIncrement"))
    return OmeImage(size, unit, note, step, values.get("TimeIncrementUnit", "s"), tuple(planes))


def _of_two_units(
    height: float, width: float, units: list[str]
) -> tuple[tuple[float, float] | None, str | None, str | None]:
    first, _, _ = square_size(height, None, units[0])
    second, unit, _ = square_size(None, width, units[1])
    from napari_latentdyn.core.observations.images.units import length, metres

    found = [length(name) for name in units]
    if first is None or second is None or unit is None or found[0] is None:
        return None, None, None
    a, b = metres(found[0][1]), metres(unit)
    return (None, None, None) if not a or not b else ((first[0] * a / b, second[1]), unit, None)


def _file(node: ET.Element) -> str:
    name = node.get("FileName", "")
    return PurePosixPath(PureWindowsPath(name).as_posix()).name


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2]


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    return value if value is not None and np.isfinite(value) else None
