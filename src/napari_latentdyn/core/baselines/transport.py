"""Exact optimal transport: displacement interpolation between the two images (POT)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.baselines.interface import Interpolation, OnProgress, ShouldStop, Times
from napari_latentdyn.core.baselines.progress import (
    dissolved,
    make_frames,
    report_step,
    run_interruptible,
)
from napari_latentdyn.core.observations.observations import Observations

__all__ = ["Masses", "exact_transport", "masses_of"]

#: Most cells with mass in an image: memory grows with their square, and time faster.
_MOST_CELLS = 2400
_ITERATIONS = 10_000_000
#: Pixels that are moved at once, which bounds the memory.
_CHUNK = 500_000

Array = NDArray[np.float64]


def exact_transport(
    observations: Observations, times: Times, *, should_stop: ShouldStop, on_progress: OnProgress
) -> Interpolation:
    """Move mass from the first image to the last with the least sum of squared distances.

    Intensity above the darkest pixel is mass, channel by channel, and both images have mass
    1. Mass moves on straight lines at constant speed (displacement interpolation, McCann
    1997); the mass of a frame lies linearly between those of the two images. Both ends are
    the images. There is no field, because mass of one place may move to several.

    The plan is found by network simplex between cells of f x f pixels, with the smallest f
    that leaves at most 2400 cells with mass in each image (f = 1 for sparse or small ones).
    A pixel belongs to the up to four nearest cells by bilinear weights, and its mass moves
    with theirs. So the pixels of the first image are moved on and those of the last one
    back, at full size, and the two frames are mixed by time.
    """
    plans: list[_Plan | None] = []
    for c in range(observations.channels):
        report_step(on_progress, c, observations.channels, "Finding the transport plan")
        masses = masses_of(observations, c)
        plans.append(
            None if masses is None else run_interruptible(lambda m=masses: _planned(m), should_stop)  # type: ignore[misc]
        )

    def made(time: float) -> Array:
        return np.stack(
            [
                dissolved(observations, time)[c] if plan is None else plan.frame(time)
                for c, plan in enumerate(plans)
            ]
        )

    return Interpolation(make_frames(observations, times, made, should_stop, on_progress))


@dataclass(frozen=True)
class Masses:
    """One channel of two images as two distributions (H, W) of mass, each with sum 1.

    The darkest intensity of both images, `ground`, has no mass; `totals` are the masses of
    both images, and a frame has the mass between them.
    """

    first: NDArray[np.float64]
    last: NDArray[np.float64]
    ground: float
    totals: tuple[float, float]

    def image(self, share: NDArray[np.float64], time: float) -> NDArray[np.float64]:
        """Return the intensities of a distribution (H, W), scaled to the mass at a time."""
        total = (1 - time) * self.totals[0] + time * self.totals[1]
        return np.asarray(share * (total / share.sum()) + self.ground)


def masses_of(observations: Observations, channel: int) -> Masses | None:
    """Return the masses of a channel; None if one image has no mass, so that nothing can move."""
    ends = observations.images[:, channel].astype(np.float64)
    ground = float(ends.min())
    ends -= ground
    totals = ends.sum(axis=(1, 2))
    if not totals.all():
        return None
    first, last = ends / totals[:, None, None]
    return Masses(first, last, ground, (float(totals[0]), float(totals[1])))


@dataclass(frozen=True)
class _Plan:
    """Transport plan between cells: parts of mass with their cells of origin and target.

    `origin` and `target` (E, 2) are rows and columns of cells; `leaving` and `arriving` (E,)
    are each part as a share of the mass of the cell that it leaves, and where it arrives.
    """

    masses: Masses
    cells: tuple[_Cells, _Cells]
    origin: NDArray[np.intp]
    target: NDArray[np.intp]
    leaving: Array
    arriving: Array

    def frame(self, time: float) -> Array:
        """Return the frame (H, W) at a time, in the units of the images."""
        shift = np.stack(
            [
                axis.centres[self.target[:, i]] - axis.centres[self.origin[:, i]]
                for i, axis in enumerate(self.cells)
            ],
            axis=1,
        )
        on = self._moved(self.masses.first, self.origin, self.leaving, time * shift)
        back = self._moved(self.masses.last, self.target, self.arriving, (time - 1) * shift)
        return self.masses.image((1 - time) * on + time * back, time)

    def _moved(self, mass: Array, cell: NDArray[np.intp], share: Array, shift: Array) -> Array:
        """Move the mass of each cell by its own displacement, bilinearly to the pixels."""
        height, width = mass.shape
        moved = np.zeros(height * width)
        vertical, horizontal = self.cells
        for part in _chunks(len(cell), _CHUNK // (vertical.reach * horizontal.reach) + 1):
            rows, columns = vertical.pixels[cell[part, 0]], horizontal.pixels[cell[part, 1]]
            weight = share[part, None] * vertical.weights[cell[part, 0]]
            value = weight[:, :, None] * horizontal.weights[cell[part, 1]][:, None, :]
            value = value * mass[rows[:, :, None], columns[:, None, :]]
            corner = np.floor(shift[part]).astype(int)
            rest = shift[part] - corner
            for down in (0, 1):
                y = _mirrored(rows + corner[:, :1] + down, height)
                lower = np.abs(1 - down - rest[:, 0])
                for right in (0, 1):
                    x = _mirrored(columns + corner[:, 1:] + right, width)
                    near = lower * np.abs(1 - right - rest[:, 1])
                    index = y[:, :, None] * width + x[:, None, :]
                    lands = near[:, None, None] * value
                    moved += np.bincount(index.ravel(), lands.ravel(), minlength=len(moved))
        return moved.reshape(mass.shape)


@dataclass(frozen=True)
class _Cells:
    """The cells along one axis: their centres (n,) in pixels, and the pixels of each, (n, k).

    The `weights` (n, k) of a pixel sum to 1 over all cells.
    """

    centres: Array
    pixels: NDArray[np.intp]
    weights: Array

    @property
    def reach(self) -> int:
        return int(self.pixels.shape[1])

    @classmethod
    def of(cls, length: int, side: int) -> _Cells:
        """Cut an axis of a length into cells of a side, all in pixels."""
        count = -(-length // side)
        centres = np.minimum(side * (np.arange(count) + 0.5) - 0.5, length - 1)
        place = np.interp(np.arange(length), centres, np.arange(count))
        first = np.floor(centres).astype(int) - side
        pixels = first[:, None] + np.arange(2 * side + 2)
        known = (pixels >= 0) & (pixels < length)
        pixels = np.clip(pixels, 0, length - 1)
        weights = np.clip(1 - np.abs(place[pixels] - np.arange(count)[:, None]), 0, 1)
        return cls(centres, pixels, np.where(known, weights, 0.0))

    def summed(self, mass: Array) -> Array:
        """Sum the mass along the last axis of an array into the cells."""
        return np.asarray((mass[..., self.pixels] * self.weights).sum(axis=-1))


def _planned(masses: Masses) -> _Plan:
    """Find the plan of least squared distances between the cells of both images."""
    from ot import emd

    height, width = masses.first.shape
    for side in range(1, max(height, width) + 1):
        cells = _Cells.of(height, side), _Cells.of(width, side)
        first, last = (
            cells[0].summed(cells[1].summed(mass).T).T for mass in (masses.first, masses.last)
        )
        if max(np.count_nonzero(first), np.count_nonzero(last)) <= _MOST_CELLS:
            break
    origins, targets = np.argwhere(first), np.argwhere(last)
    a, b = first[first > 0], last[last > 0]
    places = [
        np.stack([axis.centres[index[:, i]] for i, axis in enumerate(cells)], axis=1)
        for index in (origins, targets)
    ]
    cost = ((places[0][:, None] - places[1][None]) ** 2).sum(axis=-1)
    plan = emd(a / a.sum(), b / b.sum(), cost / max(cost.max(), 1.0), numItermax=_ITERATIONS)
    i, j = np.nonzero(plan)
    amount = plan[i, j]
    return _Plan(masses, cells, origins[i], targets[j], amount / a[i], amount / b[j])


def _mirrored(index: NDArray[Any], length: int) -> NDArray[Any]:
    """Reflect places beyond the border, so that no mass is lost."""
    index = np.where(index < 0, -1 - index, index)
    index = np.where(index >= length, 2 * length - 1 - index, index)
    return np.asarray(np.clip(index, 0, length - 1))


def _chunks(count: int, size: int) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, start + size)
