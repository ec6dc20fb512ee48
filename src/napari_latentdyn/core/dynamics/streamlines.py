"""Streamlines: evenly placed lines that are tangent to a field, for drawing."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

from napari_latentdyn.core.dynamics.grids import grid_points
from napari_latentdyn.core.dynamics.trajectories import Reader, checked_points, inside
from napari_latentdyn.errors import DerivedError

__all__ = ["streamlines"]

Floats = NDArray[np.float64]

#: Distance of neighbouring lines at density 1, as a part of the longer side.
_APART = 1 / 30
#: Least distance to other lines, where a line ends, and least length of a line, as parts of the
#: distance of neighbours (Jobard and Lefer).
_NEAR, _SHORTEST = 0.5, 1.0
#: Share of the largest speed below which nothing counts as moving.
_STILL = 0.01


def streamlines(
    field: ArrayLike,
    seeds: ArrayLike | None = None,
    *,
    density: float = 1.0,
    max_length: float | None = None,
    step: float = 1.0,
) -> list[Floats]:
    """Return lines that are everywhere tangent to a field.

    Without seeds they are placed evenly: a line ends where it would come too
    near to an earlier one (B. Jobard and W. Lefer, *Creating evenly-spaced
    streamlines of arbitrary density*, 1997). A line makes one whole turn at
    most, ends at the border of the image, and where nothing moves (below 1 % of
    the largest speed).

    Parameters
    ----------
    field : array_like, shape (2, H, W)
        Velocity (dy, dx) of one stage; its unit does not matter.
    seeds : array_like, shape (P, 2), optional
        Places (y, x) in pixels of one line each, at any distance from other lines.
    density : float
        Density of lines without seeds: 1 keeps lines a thirtieth of the longer
        side apart, 2 half of that.
    max_length : float, optional
        Greatest length of a line in pixels; the longer side by default.
    step : float
        Distance of the points of a line in pixels.

    Returns
    -------
    list of ndarray of float64, each of shape (L, 2)
        Points (y, x) in pixels, in the direction of the flow; L is 2 at least,
        so that seeds where nothing moves have no line.

    Raises
    ------
    DerivedError
        If the field has another shape, or density, length or step are not positive.
    """
    flow = np.asarray(field, dtype=np.float64)
    if flow.ndim != 3 or flow.shape[0] != 2 or 0 in flow.shape:
        raise DerivedError(f"the field must have the shape (2, H, W); got {flow.shape}.")
    if not np.isfinite(flow).all():
        raise DerivedError("the field must be finite: fill in the other values first.")
    longest = float(max(flow.shape[1:])) if max_length is None else float(max_length)
    if not min(density, longest, step) > 0:
        raise DerivedError("density, length and step of streamlines must be positive numbers.")
    tracer = _Tracer(flow, step, longest)
    if seeds is not None:
        return [line for line, _ in tracer.lines(checked_points(seeds)) if len(line) > 1]
    return _evenly(tracer, max(2.0, _APART * max(flow.shape[1:]) / density))


def _evenly(tracer: _Tracer, apart: float) -> list[Floats]:
    """Place lines on ever finer grids of seeds, wherever there is still room."""
    tree: KDTree | None = None
    placed: list[Floats] = []
    for spacing in (2 * apart, apart, apart / 2):
        seeds = grid_points(tracer.shape, round(spacing))
        seeds = seeds[_free(seeds, tree, apart)]
        found = tracer.lines(seeds)
        # Long lines first: short ones fill the gaps between them.
        for line, seed in sorted(found, key=lambda pair: -len(pair[0])):
            if not _free(line[seed : seed + 1], tree, apart)[0]:
                continue
            part = _free_part(line, seed, _free(line, tree, _NEAR * apart))
            if (len(part) - 1) * tracer.step >= _SHORTEST * apart:
                placed.append(part)
                tree = KDTree(np.concatenate(placed))
    return placed


class _Tracer:
    """Lines through points in both directions, with points `step` pixels apart."""

    def __init__(self, flow: Floats, step: float, longest: float) -> None:
        self.shape = (flow.shape[1], flow.shape[2])
        self.step = step
        self._count = max(1, round(longest / step / 2))
        self._read = Reader(flow, "linear")
        self._still = _STILL * float(np.hypot(*flow).max())

    def lines(self, seeds: Floats) -> list[tuple[Floats, int]]:
        """Return the line of each seed and the index of the seed in it."""
        after, before = self._half(seeds, 1.0), self._half(seeds, -1.0)
        made = []
        for on, back in zip(after, before, strict=True):
            on, back = on[np.isfinite(on[:, 0])], back[np.isfinite(back[:, 0])]
            if len(on) and len(back):
                made.append((np.concatenate([back[:0:-1], on]), len(back) - 1))
        return made

    def _half(self, seeds: Floats, sign: float) -> Floats:
        """Follow the field in one direction: points (P, L, 2), NaN where a line has ended."""
        here = np.where(inside(seeds, self.shape)[:, None], seeds, np.nan)
        heading = self._direction(here)
        here = np.where(np.isfinite(heading), here, np.nan)
        path, turned = [here], np.zeros(len(here))
        for _ in range(self._count):
            if not np.isfinite(here).any():
                break
            # The midpoint method: errors stay far below a pixel, and only directions count.
            half = self._direction(here + 0.5 * sign * self.step * heading)
            here = here + sign * self.step * half
            here[~inside(here, self.shape)] = np.nan
            ahead = self._direction(here)
            cross = heading[:, 0] * ahead[:, 1] - heading[:, 1] * ahead[:, 0]
            turned += np.arctan2(cross, (heading * ahead).sum(axis=1))
            # Both halves together make a whole turn, so that a closed line is drawn once.
            here[~(np.abs(turned) <= np.pi)] = np.nan
            heading = ahead
            path.append(here)
        return np.stack(path, axis=1)

    def _direction(self, points: Floats) -> Floats:
        velocity = self._read(points)
        speed = np.hypot(velocity[:, 0], velocity[:, 1])
        moving = speed > self._still
        return np.where(moving[:, None], velocity / np.where(moving, speed, 1.0)[:, None], np.nan)


def _free(points: Floats, tree: KDTree | None, distance: float) -> NDArray[np.bool_]:
    """Return which points are at least `distance` from all lines so far."""
    if tree is None:
        return np.ones(len(points), dtype=bool)
    gaps, _ = tree.query(points, distance_upper_bound=distance)
    return np.asarray(gaps >= distance)


def _free_part(line: Floats, seed: int, free: NDArray[np.bool_]) -> Floats:
    """Return the part of a line around its seed that is free throughout."""
    taken = np.flatnonzero(~free)
    begin = taken[taken < seed].max(initial=-1) + 1
    end = taken[taken > seed].min(initial=len(line))
    return line[begin:end]
