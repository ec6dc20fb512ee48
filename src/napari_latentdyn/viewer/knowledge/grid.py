"""Pixels and times of the images of a run, to which positions in other layers are brought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.geometry.transform import world_matrix
from napari_latentdyn.core.geometry.units import duration, metres
from napari_latentdyn.errors import ObservationError
from napari_latentdyn.viewer.context import mark_of
from napari_latentdyn.viewer.layer_geometry import geometry_of_layer
from napari_latentdyn.viewer.layer_times import times_of_layer

if TYPE_CHECKING:
    from napari.layers import Image, Layer

    from napari_latentdyn.settings import Settings

__all__ = ["KNOWN", "ImageGrid", "interpolate"]

Floats = NDArray[np.float64]
Frame = tuple["Image", tuple[int, ...]]

#: Role of layers with what was known in a run, which its folder has.
KNOWN = "known"

_TRANSFORM = ("scale", "translate", "rotate", "shear", "affine", "units")
#: Distance from an image at which a position lies on it, as a part of the least distance between
#: two frames of a stack, and between two images of two layers.
_ON_FRAME, _ON_IMAGE = 0.5, 0.25


@dataclass(frozen=True, eq=False)
class ImageGrid:
    """Pixels and times of K images.

    Attributes
    ----------
    shape : (int, int)
        Height and width in pixels.
    place : Geometry
        Place of the pixels of the first image.
    frames : sequence of (layer, index)
        The images.
    times : ndarray, shape (K,)
        Times as those of the observations; 0 and 1 for two images.
    axis : int
        Position of the axis of time of a layer, counted from the last axis: 3 for (t, y, x).
    world, moments : ndarray, shape (M,)
        World coordinates of frames along that axis, increasing, and their times.
    unit : str
        Unit of the world coordinates.
    near : float
        Time from an image up to which a position lies on it.
    """

    shape: tuple[int, int]
    place: Geometry
    frames: Sequence[Frame]
    times: Floats
    axis: int
    world: Floats
    moments: Floats
    unit: str
    near: float

    @classmethod
    def of(cls, frames: Sequence[Frame], times: Floats | None, settings: Settings) -> ImageGrid:
        """Return the grid of images, `times` (K,) in the unit of the settings for more than two."""
        layer, index = frames[0]
        full = layer.level_shapes[0] if layer.multiscale else layer.data.shape
        height, width = full[layer.ndim - 2 : layer.ndim]
        count = len(frames)
        when = np.array([0.0, 1.0]) if times is None else np.asarray(times, np.float64)
        along = _stack_axis(frames)
        if along is None:
            unit, world = "pixel", when
            images = settings.images
            if images.interval is not None:
                unit, world = images.interval_unit, when * images.interval
            elif count == 2:
                # Frames of a result count its stages then.
                world = when * settings.model.stages
            axis, moments, near = 3, when, _ON_IMAGE * float(np.diff(when).min())
        else:
            axis, unit = layer.ndim - along, str(layer.units[along])
            numbers = np.array([frame[along] for _, frame in frames])
            numbers, moments = _frame_times(layer, frames, along, numbers, when)
            matrix = world_matrix(_transform(layer), layer.ndim)
            world = matrix[along, along] * numbers + matrix[along, -1]
            near = _ON_FRAME * float((np.diff(moments) / np.abs(np.diff(numbers))).min())
        order = np.argsort(world)
        return cls(
            (int(height), int(width)),
            geometry_of_layer(layer, index),
            tuple(frames),
            when,
            axis,
            np.asarray(world, np.float64)[order],
            np.asarray(moments, np.float64)[order],
            unit,
            near,
        )

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.times)

    @property
    def is_stack(self) -> bool:
        """Whether the images are frames of one stack."""
        return _stack_axis(self.frames) is not None

    def time_axis(self, layer: Layer) -> int | None:
        """Return the axis of time of a layer, None for a layer of a plane.

        Raises
        ------
        ObservationError
            If its axes are neither y and x nor those of the images.
        """
        if layer.ndim == 2:
            return None
        if layer.ndim < self.axis or (layer.ndim > 3 and layer.ndim != self.frames[0][0].ndim):
            raise ObservationError(
                f"the layer “{layer.name}” must have the axes y and x, or those of the images; "
                f"got {layer.ndim} axes."
            )
        return layer.ndim - self.axis

    def pixels(self, layer: Layer, points: ArrayLike) -> Floats:
        """Return places (N, 2), (y, x) in pixels of the images, of positions (N, axes)."""
        world = self._world(layer, points)[:, -2:] * self._factor(layer)
        into = np.linalg.inv(self.place.matrix)
        return np.asarray(world @ into[:2, :2].T + into[:2, 2])

    def size_in_pixels(self, layer: Layer) -> float:
        """Return the size of a pixel of a layer in pixels of the images."""
        plane = geometry_of_layer(layer, (0,) * (layer.ndim - 2)).matrix[:2, :2]
        area = abs(np.linalg.det(plane) / np.linalg.det(self.place.matrix[:2, :2]))
        return float(np.sqrt(area)) * self._factor(layer)

    def moment(self, layer: Layer, points: ArrayLike) -> Floats | None:
        """Return times (N,) of positions (N, axes), None for a layer of a plane."""
        axis = self.time_axis(layer)
        if axis is None:
            return None
        found = self._world(layer, points)[:, axis]
        mark = mark_of(layer)
        if mark.get("role") == KNOWN:
            count = len(mark["observation_times"])
            if count != len(self):
                raise ObservationError(
                    f"the layer “{layer.name}” must have the images of its run, {count}; got "
                    f"{len(self)}: choose all of them, or remove it from the list."
                )
            # The images may have other times here, or a time axis of another unit.
            of_run = interpolate(found, mark["positions"], mark["times"])
            return interpolate(of_run, mark["observation_times"], self.times)
        own, mine = duration(str(layer.units[axis])), duration(self.unit)
        if own is not None and mine is not None:
            found = found * _seconds(own) / _seconds(mine)
        elif self._counts_images(found):
            return interpolate(found, np.arange(len(self), dtype=np.float64), self.times)
        return interpolate(found, self.world, self.moments)

    def image_at(self, times: Floats) -> NDArray[np.intp]:
        """Return the number of the image at times (N,); -1 where there is none."""
        apart = np.abs(np.asarray(times)[:, None] - self.times)
        nearest = apart.argmin(axis=1)
        return np.where(apart.min(axis=1) <= self.near * (1 + 1e-6), nearest, -1)

    def check_place(self, layer: Layer) -> None:
        """Refuse a layer whose pixels do not lie on those of the images.

        Raises
        ------
        ObservationError
            If their number or their place differs.
        """
        full = layer.level_shapes[0] if getattr(layer, "multiscale", False) else layer.data.shape
        plane = tuple(map(int, full[layer.ndim - 2 : layer.ndim]))
        if plane != self.shape:
            raise ObservationError(
                f"the layer “{layer.name}” must have the size of the images, {self.shape[0]} × "
                f"{self.shape[1]} pixels; got {plane[0]} × {plane[1]}: draw it on one of the "
                "images, or use a shapes layer."
            )
        corners = np.zeros((3, layer.ndim))
        corners[1:, -2:] = [np.array(self.shape) - 1, (0, self.shape[1] - 1)]
        apart = float(np.abs(self.pixels(layer, corners) - corners[:, -2:]).max())
        if apart > 0.5:
            raise ObservationError(
                f"the layer “{layer.name}” must lie on the images; got a corner {apart:.3g} pixels "
                "away: set its scale and translation first."
            )

    def _counts_images(self, positions: Floats) -> bool:
        """Whether positions along the axis of two layers or more are numbers of images."""
        layers = {id(layer) for layer, _ in self.frames}
        return len(layers) > 1 and positions.size > 0 and float(positions.max()) <= len(self) - 1

    def _world(self, layer: Layer, points: ArrayLike) -> Floats:
        where = np.asarray(points, np.float64).reshape(-1, layer.ndim)
        matrix = world_matrix(_transform(layer), layer.ndim)
        return np.asarray(where @ matrix[:-1, :-1].T + matrix[:-1, -1])

    def _factor(self, layer: Layer) -> float:
        """Return the factor from the unit of length of a layer to that of the images."""
        own, mine = metres(str(layer.units[-2])), metres(self.place.units[0])
        return own / mine if own and mine else 1.0


def _transform(layer: Layer) -> dict[str, Any]:
    return {name: getattr(layer, name) for name in _TRANSFORM}


def _stack_axis(frames: Sequence[Frame]) -> int | None:
    """Return the axis along which the images are frames of one stack, None for several layers."""
    (layer, first), (other, last) = frames[0], frames[-1]
    if layer is not other:
        return None
    differ = [axis for axis, (a, b) in enumerate(zip(first, last, strict=True)) if a != b]
    return differ[0] if differ else None


def _frame_times(
    layer: Image, frames: Sequence[Frame], along: int, numbers: NDArray[Any], times: Floats
) -> tuple[NDArray[Any], Floats]:
    """Return the numbers of all frames between the images that have known times, and the times."""
    way = 1 if numbers[-1] > numbers[0] else -1
    every = np.arange(numbers[0], numbers[-1] + way, way)
    index = frames[0][1]
    told = times_of_layer(layer, [(*index[:along], int(n), *index[along + 1 :]) for n in every])
    if told is None or len(every) == len(numbers):
        return numbers, times
    first, span = told.values[0], told.values[-1] - told.values[0]
    found = times[0] + (told.values - first) / span * (times[-1] - times[0])
    # The user may have given other times.
    same = np.allclose(found[np.abs(numbers - numbers[0])], times)
    return (every, found) if same else (numbers, times)


def _seconds(length: tuple[float, str]) -> float:
    from napari_latentdyn.core.geometry.units import SECONDS

    return length[0] * SECONDS[length[1]]


def interpolate(positions: ArrayLike, known: ArrayLike, values: ArrayLike) -> Floats:
    """Interpolate linearly, and continue the first and the last part beyond both ends.

    `values` (M,) belong to the `known` positions (M,), which increase.
    """
    positions, known, values = (np.asarray(one, np.float64) for one in (positions, known, values))
    part = np.clip(np.searchsorted(known, positions, side="right") - 1, 0, len(known) - 2)
    share = (positions - known[part]) / (known[part + 1] - known[part])
    return np.asarray(values[part] + share * (values[part + 1] - values[part]))
