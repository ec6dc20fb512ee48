"""What an image file holds: named axes, missing pixels, pixel size and place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.geometry import Geometry

__all__ = ["ImageFile", "Stack"]


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
    data : ndarray
        Axes as in `axes`; rows and columns are Y and X, channels C.
    axes : tuple of str
        Name of each axis: ``T`` time, ``Z`` depth, ``P`` position, ``I`` images
        of unknown order, ``C`` channel, ``Y``, ``X``, or the name a file gives.
        ``C`` stands directly before Y or after X.
    missing : ndarray of bool or None
        Axes as in `axes` without ``C``; True where a pixel is missing.
    rgb : bool
        Whether the channels are red, green and blue.
    planes : ndarray or None
        All planes of an image, transparency among them, where the planes may be
        a stack.
    geometry, notes, coordinates
        As in `ImageFile`.
    times : ndarray of float64 or None
        Times along T, with their unit in `time_unit`.
    positions : tuple of mapping
        What of these attributes each position along P has of its own; none
        where all have the same.
    """

    data: NDArray[Any]
    axes: tuple[str, ...]
    missing: NDArray[np.bool_] | None = None
    rgb: bool = False
    planes: NDArray[Any] | None = None
    geometry: Geometry | None = None
    times: NDArray[np.float64] | None = None
    time_unit: str | None = None
    notes: tuple[str, ...] = field(default=())
    coordinates: Geometry | None = None
    positions: tuple[Mapping[str, Any], ...] = ()

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
        if "C" in stack.axes and stack.data.shape[stack.axes.index("C")] == 1:
            axis = stack.axes.index("C")
            axes = stack.axes[:axis] + stack.axes[axis + 1 :]
            stack = replace(
                stack, data=np.take(stack.data, 0, axis=axis), axes=axes, rgb=False, planes=None
            )
        return stack

    def unstacked(self) -> Stack:
        """Return the planes of a single image as images, where they may be a stack.

        Some programs write three or four grey images without saying what they
        are, and then they look like the planes of one colour image.
        """
        if self.planes is None or self.leading:
            return self
        axes = ("I", "Y", "X")
        return replace(self, data=self.planes, axes=axes, rgb=False, planes=None, missing=None)
