"""Exact optimal transport: displacement interpolation between the two images (POT)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.baselines.interface import Interpolation, OnProgress, ShouldStop
from napari_latentdyn.core.baselines.mass import Masses, masses_of
from napari_latentdyn.core.baselines.progress import draw, run_interruptible, tell
from napari_latentdyn.core.observations.pair import ImagePair

__all__ = ["exact_transport"]

#: Most cells with mass in an image: the memory grows with the square, the time faster.
_MOST_CELLS = 2400
_ITERATIONS = 10_000_000
#: Pixels that are moved at once, which bounds the memory.
_CHUNK = 500_000

Array = NDArray[np.float64]


def exact_transport(
    pair: ImagePair,
    times: NDArray[np.float64],
    *,
    should_stop: ShouldStop,
    on_progress: OnProgress,
) -> Interpolation:
    """Move mass from the first image to the last with the least sum of squared ways.

    Intensity above the darkest pixel is mass, channel by channel, and both
    images have the mass one. Mass moves on straight lines at constant speed
    (displacement interpolation, McCann 1997); a frame has the mass that lies
    linearly between those of the two images. Both ends are the images, and
    there is no field, because mass of one place may go to several.

    What is reduced: the plan is found by network simplex between cells of f x f
    pixels, with the smallest f that leaves at most 2400 cells with mass in each
    image (f = 1 for sparse or small ones). A pixel belongs to the up to four
    nearest cells by bilinear weights, and its mass goes where theirs goes. So
    the pixels of the first image are moved on and those of the last one back, at
    full size, and the two frames are mixed by time.
    """
    plans: list[_Plan | None] = []
    for c in range(pair.channels):
        tell(on_progress, c, pair.channels, "Finding the transport plan")
        masses = masses_of(pair, c)
        plans.append(
            None if masses is None else run_interruptible(lambda m=masses: _planned(m), should_stop)  # type: ignore[misc]
        )

    def made(time: float) -> Array:
        return np.stack(
            [
                (1 - time) * pair.first[c] + time * pair.last[c]
                if plan is None
                else plan.frame(time)
                for c, plan in enumerate(plans)
            ]
        )

    return Interpolation(draw(pair, times, made, should_stop, on_progress))


@dataclass(frozen=True)
class _Plan:
    """What goes from which cell to which.

    Attributes
    ----------
    masses : Masses
        The images.
    cells : tuple of _Cells
        The cells along both axes.
    origin, target : ndarray of int, shape (E, 2)
        Cell, as row and column, from where and to where each part goes.
    leaving, arriving : ndarray, shape (E,)
        Each part as a share of the mass of the cell that it leaves, and of
        that where it arrives.
    """

    masses: Masses
    cells: tuple[_Cells, _Cells]
    origin: NDArray[np.intp]
    target: NDArray[np.intp]
    leaving: Array
    arriving: Array

    def frame(self, time: float) -> Array:
        """Return the frame (H, W) at a time, in the units of the images."""
        way = np.stack(
            [
                axis.centres[self.target[:, i]] - axis.centres[self.origin[:, i]]
                for i, axis in enumerate(self.cells)
            ],
            axis=1,
        )
        on = self._moved(self.masses.first, self.origin, self.leaving, time * way)
        back = self._moved(self.masses.last, self.target, self.arriving, (time - 1) * way)
        return self.masses.image((1 - time) * on + time * back, time)

    def _moved(self, mass: Array, cell: NDArray[np.intp], share: Array, way: Array) -> Array:
        """Move the mass of cells, each by a way of its own, bilinearly to the pixels."""
        height, width = mass.shape
        moved = np.zeros(height * width)
        vertical, horizontal = self.cells
        for part in _chunks(len(cell), _CHUNK // (vertical.reach * horizontal.reach) + 1):
            rows, columns = vertical.pixels[cell[part, 0]], horizontal.pixels[cell[part, 1]]
            weight = share[part, None] * vertical.weights[cell[part, 0]]
            value = weight[:, :, None] * horizontal.weights[cell[part, 1]][:, None, :]
            value = value * mass[rows[:, :, None], columns[:, None, :]]
            corner = np.floor(way[part]).astype(int)
            rest = way[part] - corner
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
    """The cells along one axis, and the pixels that belong to each.

    Attributes
    ----------
    centres : ndarray, shape (n,)
        In pixels.
    pixels : ndarray of int, shape (n, k)
        Those that may belong to a cell.
    weights : ndarray, shape (n, k)
        How much they do: over all cells, 1 for every pixel.
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
        summed: Array = (mass[..., self.pixels] * self.weights).sum(axis=-1)
        return summed


def _planned(masses: Masses) -> _Plan:
    """Find the plan of least squared ways between the cells of both images."""
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
    """Bring places beyond the border back in, so that no mass is lost."""
    index = np.where(index < 0, -1 - index, index)
    index = np.where(index >= length, 2 * length - 1 - index, index)
    inner: NDArray[Any] = np.clip(index, 0, length - 1)
    return inner


def _chunks(count: int, size: int) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, start + size)
