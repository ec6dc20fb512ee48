"""Tracers: paths of points that a sequence of fields carries (Lagrangian paths)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache, partial
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from napari_latentdyn.core.geometry.pixels import inside, nearest_pixels
from napari_latentdyn.core.knowledge.regions import extended
from napari_latentdyn.errors import DerivedError, SettingsError

__all__ = ["Interpolation", "Reader", "checked_points", "checked_times", "inside", "trajectories"]

Floats = NDArray[np.float64]
Interpolation = Literal["cubic", "linear"]

#: Longest step in pixels, and its longest duration in units of the inverse of the largest
#: derivative of the field.
_WAY, _TURN = 8.0, 0.25
_MAX_STEPS = 64


class Reader:
    """Reads a field (2, H, W) between its pixels; places beyond the border are clamped to it.

    Interpolates with cubic B-splines through the values, or bilinearly; all values are finite.
    """

    _RIM = 12

    def __init__(self, field: ArrayLike, interpolation: Interpolation = "cubic") -> None:
        values = np.asarray(field, dtype=np.float64)
        self._order = 3 if interpolation == "cubic" else 1
        self._last = np.array(values.shape[1:], dtype=np.float64)[:, None] - 1
        rim = self._rim = self._RIM if self._order == 3 else 0
        # Point reflection keeps an even change even at the border.
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
    extend: bool = False,
    breaks: Sequence[int] = (),
    blocked: NDArray[np.bool_] | None = None,
) -> Floats:
    """Follow points along the fields, forwards and backwards from their start.

    Between the middles of two stages the velocity is interpolated linearly; before
    the first and after the last it is constant. The paths are integrated with the
    classical Runge-Kutta method of fourth order, in steps that are short compared
    with the variation of the velocity in space, and that end at the middles of stages.

    Parameters
    ----------
    fields : array_like, shape (n, 2, H, W)
        Velocity (dy, dx) in pixels per stage, in the middle of each stage.
    points : array_like, shape (P, 2)
        Places (y, x) in pixels at `start_time`.
    times : array_like, shape (T,)
        Times of the result, as fractions of the interval, in any order.
    start_time : float or array_like of shape (P,)
        Times of `points`, as fractions of the interval.
    interpolation : {"cubic", "linear"}
        Interpolation of the velocity between pixels. Cubic is more accurate for
        smooth fields; linear does not overshoot at jumps between pixels.
    extend : bool
        Follow points outside of the image, too, with the velocity at its border.
    breaks : sequence of int
        Stages at whose start the velocity in pixels per stage jumps, such as between two
        intervals of different length. It is constant from there to the next middle.
    blocked : ndarray of bool, shape (m, H, W), optional
        Where nothing moves during each of m equal parts of the stages. Points there stay, and
        others do not enter; the velocity next to it is not interpolated with that inside.

    Returns
    -------
    ndarray of float64, shape (P, T, 2)
        (y, x) in pixels. Unless `extend`, NaN after a point has left the image, half a
        pixel around the outermost pixels, and, backwards, before it entered.

    Raises
    ------
    DerivedError
        If shapes do not fit, or the fields are not finite.
    SettingsError
        If a time lies outside of [0, 1].
    """
    if interpolation not in get_args(Interpolation):
        raise DerivedError(f"interpolation must be cubic or linear; got {interpolation!r}.")
    velocity = np.asarray(fields)
    if velocity.ndim != 4 or velocity.shape[1] != 2 or 0 in velocity.shape:
        raise DerivedError(f"fields must have the shape (n, 2, H, W); got {velocity.shape}.")
    if not np.isfinite(velocity).all():
        raise DerivedError("the fields must be finite: fill in the other values first.")
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
    flow = _Flow(velocity, interpolation, extend, frozenset(breaks), blocked)
    flow.follow(start, starts, chosen, paths)
    # Backwards in time, the order of the stages and all velocities are reversed.
    flow.turned().follow(start, 1.0 - starts, 1.0 - chosen, paths)
    return paths


class _Flow:
    """The velocity as a function of place and time, and steps along it."""

    def __init__(
        self,
        fields: NDArray[Any],
        interpolation: Interpolation,
        extend: bool,
        breaks: frozenset[int],
        blocked: NDArray[np.bool_] | None,
        sign: int = 1,
    ) -> None:
        self.fields = fields
        self.interpolation = interpolation
        self.extend = extend
        self.breaks = breaks
        self.blocked = blocked
        self.sign = sign
        self.stages = len(fields)
        self.shape = fields.shape[2:]
        # Functions that refer to the flow would keep its memory alive.
        self._reader = lru_cache(maxsize=2)(
            partial(_signed_reader, fields, sign, interpolation, blocked)
        )
        self._pace = cache(lambda k: _steps_of_stage(fields[k]))
        self._is_same_as_next = cache(lambda k: np.array_equal(fields[k], fields[k + 1]))

    def turned(self) -> _Flow:
        breaks = frozenset(self.stages - start for start in self.breaks)
        blocked = None if self.blocked is None else self.blocked[::-1]
        fields = self.fields[::-1]
        return _Flow(fields, self.interpolation, self.extend, breaks, blocked, -self.sign)

    def follow(self, start: Floats, starts: Floats, times: Floats, paths: Floats) -> None:
        """Fill in the places of points at all times that are not before their start."""
        points = self._known(start)
        order = np.argsort(times)
        middles = (np.arange(self.stages) + 0.5) / self.stages
        jumps = np.array(sorted(self.breaks), np.float64) / self.stages
        ends = np.unique(np.concatenate([[starts.min()], middles, jumps, times]))
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
        # Points that start later make shorter steps, so that all arrive together.
        begin = np.clip(starts, now, end)
        moving = np.flatnonzero((begin < end) & np.isfinite(points[:, 0]))
        if moving.size == 0:
            return points
        here, begin = points[moving], begin[moving, None]
        middle = 0.5 * (now + end) * self.stages - 0.5
        k = int(np.clip(np.floor(middle), 0, self.stages - 1))
        following = min(k + 1, self.stages - 1) if middle > 0 else k
        if following in self.breaks and following != k:
            k = following = following if middle - k > 0.5 else k
        if following != k and self._is_same_as_next(k):
            following = k
        read, read_next = self._reader(k), self._reader(following)
        steps = self._steps({k, following}, (end - now) * self.stages)
        length = (end - begin) * self.stages / steps
        blocked = self.blocked

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
            way = length / 6 * (a + 2 * b + 2 * c + d)
            here = self._known(_beside(here, way, _during(blocked, k, self.stages)))
        points = points.copy()
        points[moving] = here
        return points

    def _known(self, points: Floats) -> Floats:
        """Return points with NaN where they are outside of the image, unless extended."""
        if self.extend:
            return points
        return np.where(inside(points, self.shape)[:, None], points, np.nan)

    def _steps(self, stages: set[int], duration: float) -> int:
        """Return the number of steps for a part of a stage, so that no step is too long."""
        return int(np.clip(np.ceil(duration * max(map(self._pace, stages))), 1, _MAX_STEPS))


def _steps_of_stage(field: NDArray[Any]) -> float:
    """Return the number of steps for a whole stage of a field (2, H, W)."""
    bends = [np.abs(np.diff(field, axis=a)).max(initial=0.0) for a in (1, 2)]
    return float(max(np.hypot(*field).max() / _WAY, max(bends) / _TURN))


def _during(blocked: NDArray[np.bool_] | None, stage: int, stages: int) -> NDArray[np.bool_] | None:
    """Return what is blocked during a stage, (H, W)."""
    return None if blocked is None else blocked[stage * len(blocked) // stages]


def _signed_reader(
    fields: NDArray[Any],
    sign: int,
    interpolation: Interpolation,
    blocked: NDArray[np.bool_] | None,
    stage: int,
) -> Reader:
    around = _during(blocked, stage, len(fields))
    return Reader(sign * extended(fields[stage], around), interpolation)


def _beside(points: Floats, way: Floats, blocked: NDArray[np.bool_] | None) -> Floats:
    """Return points (P, 2) after their way, along the edge of what is blocked, (H, W), not into it.

    Points in a blocked pixel stay.
    """
    moved = points + way
    if blocked is None:
        return moved

    def is_blocked(places: Floats) -> NDArray[np.bool_]:
        return np.asarray(blocked[nearest_pixels(np.nan_to_num(places), blocked.shape)])

    stays = is_blocked(points)
    free = ~is_blocked(moved) & ~stays
    found = np.where(free[:, None], moved, points)
    # Of both ways along an axis, the longer one is tried last, and taken.
    for axes in (np.abs(way).argmin(axis=1), np.abs(way).argmax(axis=1)):
        single = np.where(axes[:, None] == np.arange(2), moved, points)
        taken = ~free & ~stays & ~is_blocked(single)
        found[taken] = single[taken]
    return found


def checked_points(points: ArrayLike) -> Floats:
    """Return points as (P, 2) of float64; DerivedError if they have another shape."""
    try:
        places = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError):
        raise DerivedError("points must be numbers (P, 2), (y, x) in pixels.") from None
    if places.shape in ((0,), (2,)):
        places = places.reshape(-1, 2)
    if places.ndim != 2 or places.shape[1] != 2:
        raise DerivedError(f"points must have the shape (P, 2), (y, x); got {np.shape(points)}.")
    return places


def checked_times(times: ArrayLike) -> Floats:
    """Return times as (T,) of float64; SettingsError if one is not a fraction of the interval."""
    try:
        chosen = np.atleast_1d(np.asarray(times, dtype=np.float64))
    except (TypeError, ValueError):
        chosen = np.array([np.nan])
    if chosen.ndim != 1 or not np.all((chosen >= 0.0) & (chosen <= 1.0)):
        raise SettingsError("times are fractions of the interval: give numbers between 0 and 1.")
    return chosen
