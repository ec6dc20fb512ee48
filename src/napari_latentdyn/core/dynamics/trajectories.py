"""Tracers: where points go that a sequence of fields carries (Lagrangian paths)."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from napari_latentdyn.errors import DerivedError, SettingsError

__all__ = ["Interpolation", "Reader", "checked_points", "checked_times", "inside", "trajectories"]

Floats = NDArray[np.float64]
Interpolation = Literal["cubic", "linear"]

#: Longest way of a step in pixels, and its longest duration in units of the time in which
#: the field changes by itself (the inverse of its largest derivative).
_WAY, _TURN = 8.0, 0.25
_MAX_STEPS = 64


class Reader:
    """Reads a field between its pixels; beyond the border it is that of the border.

    Parameters
    ----------
    field : array_like, shape (2, H, W)
        Components at the pixels, all finite.
    interpolation : {"cubic", "linear"}
        Cubic B-splines through the values, or bilinear.
    """

    _RIM = 12

    def __init__(self, field: ArrayLike, interpolation: Interpolation = "cubic") -> None:
        values = np.asarray(field, dtype=np.float64)
        self._order = 3 if interpolation == "cubic" else 1
        self._last = np.array(values.shape[1:], dtype=np.float64)[:, None] - 1
        rim = self._rim = self._RIM if self._order == 3 else 0
        # Point reflection: a spline with any other end would bend an even change at the border.
        wide = np.pad(values, ((0, 0), (rim, rim), (rim, rim)), "reflect", reflect_type="odd")
        self._parts = [
            ndimage.spline_filter(part, 3, mode="mirror") if self._order == 3 else part
            for part in wide
        ]

    def __call__(self, points: Floats) -> Floats:
        """Return the field at points (P, 2), shape (P, 2); NaN where a point is NaN."""
        lost = np.isnan(points).any(axis=1)
        places = np.clip(np.where(lost, 0.0, points.T), 0.0, self._last) + self._rim
        read = [
            ndimage.map_coordinates(p, places, order=self._order, mode="mirror", prefilter=False)
            for p in self._parts
        ]
        values = np.stack(read, axis=1)
        values[lost] = np.nan
        return values


def trajectories(
    fields: ArrayLike,
    points: ArrayLike,
    times: ArrayLike,
    start_time: ArrayLike = 0.0,
    *,
    interpolation: Interpolation = "cubic",
) -> Floats:
    """Follow points along the fields, back and forth from when they are where they are.

    Between the middles of two stages the velocity changes evenly; before the
    first and after the last it is constant. The paths are integrated with the
    classical Runge-Kutta method of fourth order, in steps that are short
    beside the time in which the velocity changes from place to place, and that
    end wherever its change in time has a bend.

    Parameters
    ----------
    fields : array_like, shape (n, 2, H, W)
        Velocity (dy, dx) in pixels per stage, in the middle of each stage.
    points : array_like, shape (P, 2)
        Where the points are at `start_time`, (y, x) in pixels.
    times : array_like, shape (T,)
        When to tell where they are, as fractions of the interval, in any order.
    start_time : float or array_like of shape (P,)
        When they are at `points`, as fractions of the interval.
    interpolation : {"cubic", "linear"}
        How the velocity is read between pixels. Cubic is far closer to smooth
        fields; linear does not overshoot where a field jumps from one pixel to
        the next.

    Returns
    -------
    ndarray of float64, shape (P, T, 2)
        (y, x) in pixels; NaN once a point has left the image, half a pixel
        around the outermost pixels, and, going back, before it came in.

    Raises
    ------
    DerivedError
        If shapes do not fit, or the fields hold values that are no numbers.
    SettingsError
        If a time lies outside of [0, 1].
    """
    if interpolation not in get_args(Interpolation):
        raise DerivedError(f"there is no interpolation '{interpolation}': give cubic or linear.")
    velocity = np.asarray(fields)
    if velocity.ndim != 4 or velocity.shape[1] != 2 or 0 in velocity.shape:
        raise DerivedError(f"fields of shape {velocity.shape} carry no points: give (n, 2, H, W).")
    if not np.isfinite(velocity).all():
        raise DerivedError("the fields hold values that are no numbers: fill them in first.")
    start = checked_points(points)
    chosen = checked_times(times)
    starts = checked_times(start_time)
    if starts.size not in (1, len(start)):
        raise DerivedError(
            f"{starts.size} start times do not fit {len(start)} points: give one, or one for each."
        )
    starts = np.broadcast_to(starts, len(start))
    paths = np.full((len(start), len(chosen), 2), np.nan)
    if len(start) == 0 or len(chosen) == 0:
        return paths
    flow = _Flow(velocity, interpolation)
    flow.follow(start, starts, chosen, paths)
    # The same backwards in time: later becomes earlier, and all velocities turn round.
    flow.turned().follow(start, 1.0 - starts, 1.0 - chosen, paths)
    return paths


class _Flow:
    """The velocity as a function of place and time, and steps along it."""

    def __init__(self, fields: NDArray[Any], interpolation: Interpolation) -> None:
        self.fields = fields
        self.interpolation = interpolation
        self.stages = len(fields)
        self.shape = fields.shape[2:]
        self._read: dict[int, Reader] = {}
        self._paces: dict[int, float] = {}
        self._steady: dict[int, bool] = {}

    def turned(self) -> _Flow:
        return _Flow(-self.fields[::-1], self.interpolation)

    def follow(self, start: Floats, starts: Floats, times: Floats, paths: Floats) -> None:
        """Fill in where points are at all times that are not before they start."""
        points = np.where(inside(start, self.shape)[:, None], start, np.nan)
        order = np.argsort(times)
        middles = (np.arange(self.stages) + 0.5) / self.stages
        ends = np.unique(np.concatenate([[starts.min()], middles, times]))
        ends = ends[(ends >= starts.min()) & (ends <= times.max())]
        now = starts.min()
        for end in ends:
            if end > now:
                points = self._advance(points, starts, now, end)
                now = end
            for t in order[times[order] == end]:
                begun = starts <= end
                paths[begun, t] = points[begun]

    def _advance(self, points: Floats, starts: Floats, now: float, end: float) -> Floats:
        """Move the points that have started from `now` to `end`, within one pair of middles."""
        # Those that start on the way make shorter steps, so that all arrive together.
        begin = np.clip(starts, now, end)
        moving = np.flatnonzero((begin < end) & np.isfinite(points[:, 0]))
        if moving.size == 0:
            return points
        here, begin = points[moving], begin[moving, None]
        middle = 0.5 * (now + end) * self.stages - 0.5
        k = int(np.clip(np.floor(middle), 0, self.stages - 1))
        following = min(k + 1, self.stages - 1) if middle > 0 else k
        if following != k and self._is_same_as_next(k):
            following = k
        read, read_next = self._reader(k), self._reader(following)
        steps = self._steps({k, following}, (end - now) * self.stages)
        length = (end - begin) * self.stages / steps

        def velocity(places: Floats, step: float) -> Floats:
            if following == k:
                return read(places)
            share = begin * self.stages + step * length - 0.5 - k
            return (1 - share) * read(places) + share * read_next(places)

        for step in range(steps):
            a = velocity(here, step)
            b = velocity(here + 0.5 * length * a, step + 0.5)
            c = velocity(here + 0.5 * length * b, step + 0.5)
            d = velocity(here + length * c, step + 1)
            here = here + length / 6 * (a + 2 * b + 2 * c + d)
            here[~inside(here, self.shape)] = np.nan
        points = points.copy()
        points[moving] = here
        for done in [key for key in self._read if key < k]:
            del self._read[done]
        return points

    def _reader(self, k: int) -> Reader:
        if k not in self._read:
            self._read[k] = Reader(self.fields[k], self.interpolation)
        return self._read[k]

    def _is_same_as_next(self, k: int) -> bool:
        if k not in self._steady:
            self._steady[k] = np.array_equal(self.fields[k], self.fields[k + 1])
        return self._steady[k]

    def _steps(self, stages: set[int], duration: float) -> int:
        """Return how many steps a part of a stage takes, so that none goes too far."""
        return int(np.clip(np.ceil(duration * max(map(self._pace, stages))), 1, _MAX_STEPS))

    def _pace(self, k: int) -> float:
        """Return how many steps a whole stage takes."""
        if k not in self._paces:
            rows, columns = self.fields[k]
            bends = [np.abs(np.diff(self.fields[k], axis=a)).max(initial=0.0) for a in (1, 2)]
            self._paces[k] = float(max(np.hypot(rows, columns).max() / _WAY, max(bends) / _TURN))
        return self._paces[k]


def inside(points: Floats, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return which points (P, 2) lie within the image; its pixels reach half a pixel around."""
    limit = np.asarray(shape, dtype=np.float64) - 0.5
    within: NDArray[np.bool_] = np.all((points >= -0.5) & (points <= limit), axis=-1)
    return within


def checked_points(points: ArrayLike) -> Floats:
    """Return points as (P, 2) of float64.

    Raises
    ------
    DerivedError
        If they have another shape.
    """
    try:
        places = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError):
        raise DerivedError("points are no numbers: give (P, 2), (y, x) in pixels.") from None
    if places.shape in ((0,), (2,)):
        places = places.reshape(-1, 2)
    if places.ndim != 2 or places.shape[1] != 2:
        raise DerivedError(
            f"points of shape {np.shape(points)} are no places: give (P, 2), (y, x)."
        )
    return places


def checked_times(times: ArrayLike) -> Floats:
    """Return times as (T,) of float64.

    Raises
    ------
    SettingsError
        If one is no fraction of the interval.
    """
    try:
        chosen = np.atleast_1d(np.asarray(times, dtype=np.float64))
    except (TypeError, ValueError):
        chosen = np.array([np.nan])
    if chosen.ndim != 1 or not np.all((chosen >= 0.0) & (chosen <= 1.0)):
        raise SettingsError("times are fractions of the interval: give numbers between 0 and 1.")
    return chosen
