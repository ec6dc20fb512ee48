"""Contents of an image file: named axes, missing pixels, pixel size and place."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.geometry.units import length, metres
from napari_latentdyn.errors import ImageFileError
from napari_latentdyn.files.paths import named

__all__ = ["ImageFile", "Stack", "check_same_size", "joined", "plane_size"]


@dataclass(frozen=True)
class ImageFile:
    """One image of a file.

    Attributes
    ----------
    array : ndarray
        (H, W), or 3-D with a channel axis, in physical values: scale and offset
        of the file are applied, palettes and inks are colours.
    channel_axis : int or None
        Axis of the channels.
    rgb : bool
        Whether the channels are red, green and blue.
    missing : ndarray of bool or None
        (H, W) True where the file says that a pixel is missing.
    geometry : Geometry or None
        Size of the pixels, where the file gives a length.
    name : str
        Name of the file, with the index of the image if one was chosen.
    path : str
        The same with its folders.
    notes : tuple of str
        Sentences about how the file was read, for the user.
    coordinates : Geometry or None
        Coordinates of rows and columns, where the file gives them, with the reference system
        of an image on the Earth.
    """

    array: NDArray[Any]
    channel_axis: int | None
    rgb: bool
    missing: NDArray[np.bool_] | None
    geometry: Geometry | None
    name: str
    path: str = ""
    notes: tuple[str, ...] = ()
    coordinates: Geometry | None = None


@dataclass(frozen=True)
class Stack:
    """All images of a file.

    Attributes
    ----------
    axes : tuple of str
        Name of each axis of `data`: ``T`` time, ``Z`` depth, ``P`` position, ``I`` images of
        unknown order, ``C`` channel, ``Y``, ``X``, or a name of the file. ``C`` stands directly
        before Y or after X.
    missing : ndarray of bool or None
        Axes as in `axes` without ``C``; True where a pixel is missing.
    planes : ndarray or None
        All planes of an image, with transparency, where the planes may be a stack.
    times : ndarray of float64 or None
        Times along T, in `time_unit`, since `start`, a date in UTC, if that is known.
    positions : tuple of mapping
        Attributes in which each position along P differs; empty where all are the same.
    """

    data: NDArray[Any]
    axes: tuple[str, ...]
    missing: NDArray[np.bool_] | None = None
    rgb: bool = False
    planes: NDArray[Any] | None = None
    geometry: Geometry | None = None
    times: NDArray[np.float64] | None = None
    time_unit: str | None = None
    start: datetime | None = None
    notes: tuple[str, ...] = ()
    coordinates: Geometry | None = None
    positions: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        if self.missing is not None and not self.missing.any():
            object.__setattr__(self, "missing", None)

    @property
    def leading(self) -> tuple[str, ...]:
        """Names of the axes that number images."""
        return tuple(name for name in self.axes if name not in ("C", "Y", "X"))

    @property
    def sizes(self) -> dict[str, int]:
        """Number of images along each leading axis."""
        return {name: self.data.shape[self.axes.index(name)] for name in self.leading}

    def select(self, chosen: Mapping[str, int]) -> Stack:
        """Return the part at one place along each of some axes, channels among them."""
        data, missing, axes = self.data, self.missing, list(self.axes)
        own: Mapping[str, Any] = {}
        if "P" in chosen and self.positions:
            own = {**self.positions[chosen["P"]], "positions": ()}
        for name, place in chosen.items():
            axis = axes.index(name)
            data = np.take(data, place, axis=axis)
            if name == "C":
                own = {**own, "rgb": False, "planes": None}
            elif missing is not None:
                plain = [other for other in axes if other != "C"]
                missing = np.take(missing, place, axis=plain.index(name))
            axes.pop(axis)
        return replace(self, data=data, missing=missing, axes=tuple(axes), **own)

    def squeezed(self) -> Stack:
        """Return the stack without leading axes and channels of length one."""
        stack = self.select({name: 0 for name, size in self.sizes.items() if size == 1})
        one_channel = "C" in stack.axes and stack.data.shape[stack.axes.index("C")] == 1
        return stack.select({"C": 0}) if one_channel else stack

    def unstacked(self) -> Stack:
        """Return the planes of a single image as images, where the planes may be a stack.

        Some programs write three or four grey images without a description; such images look like
        the planes of one colour image.
        """
        if self.planes is None or self.leading:
            return self
        axes = ("I", "Y", "X")
        return replace(self, data=self.planes, axes=axes, rgb=False, planes=None, missing=None)


def check_same_size(path: Path, kinds: Iterable[object]) -> None:
    """Refuse a file whose images differ in size or axes."""
    if len(set(kinds)) > 1:
        raise ImageFileError(
            f"{named(path)} holds images of different sizes; save the image to use as a file of "
            "its own."
        )


def joined(path: Path, stacks: Sequence[Stack], name: str) -> Stack:
    """Return stacks of equal size as one, along a new first axis."""
    check_same_size(path, [(stack.data.shape, stack.axes) for stack in stacks])
    base = stacks[0]
    missing = None
    if any(stack.missing is not None for stack in stacks):
        sizes = zip(base.axes, base.data.shape, strict=True)
        blank = np.zeros([size for axis, size in sizes if axis != "C"], bool)
        missing = np.stack([blank if s.missing is None else s.missing for s in stacks])
    data = np.stack([stack.data for stack in stacks])
    return replace(base, data=data, axes=(name, *base.axes), missing=missing)


def plane_size(
    height: float | None, width: float | None, units: Sequence[str | None]
) -> tuple[Geometry | None, str | None]:
    """Return the size of the pixels of an image, and a note where one side was assumed.

    A side of unknown size is taken to equal the other. Both are returned in the unit of
    the width.
    """
    sides = [
        (size, unit) if size is not None and math.isfinite(size) and size > 0 else None
        for size, unit in zip((height, width), units, strict=True)
    ]
    known = [side for side in sides if side is not None]
    if not known:
        return None, None
    note = None
    if None in sides:
        side = "height" if sides[0] is None else "width"
        note = f"The file gives no {side} of a pixel; pixels are assumed to be square."
    (y, y_unit), (x, x_unit) = ((size, length(unit)) for size, unit in (known[0], known[-1]))
    if y_unit is None or x_unit is None:
        return None, None
    y, x = y * y_unit[0], x * x_unit[0]
    if y_unit[1] != x_unit[1]:
        y = y * (metres(y_unit[1]) or 1.0) / (metres(x_unit[1]) or 1.0)
    return Geometry.from_pixel_size((y, x), x_unit[1]), note
