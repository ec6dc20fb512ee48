"""Whether tracks meet images in place and time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.pixels import inside
from napari_latentdyn.errors import ObservationError, OutsideError

if TYPE_CHECKING:
    from napari_latentdyn.core.knowledge.tracks import Tracks

__all__ = ["check_outside", "that_meet"]

Floats = NDArray[np.float64]

_HINT = "check the order (y, x), and the reference system"
#: Time between two positions, in units of that between the images, up to which the place at the
#: time of an image is interpolated.
_FAR = 2.0


def that_meet(
    track: NDArray[np.int64], time: Floats, place: Floats, times: Floats, shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Return which positions, (N,), belong to tracks that meet images at times of a shape (H, W).

    A track meets them if it is in the images at some time, and has two positions between the first
    and the last image. Positions beyond count if they are near enough to interpolate. Positions
    without a place are left out. Without such a track, all positions with a place are chosen, so
    that a check of them tells the reason.
    """
    known = np.isfinite(place).all(axis=1)
    tracks, which = np.unique(track, return_inverse=True)
    meets = _cover(which[known], time[known], len(tracks), float(times[0]), float(times[-1]))
    meets &= np.bincount(which[known & inside(place, shape)], minlength=len(tracks)) > 0
    return np.asarray(known & (meets[which] | ~meets.any()))


def check_outside(
    tracks: Tracks,
    times: NDArray[np.float64],
    shape: tuple[int, int],
    name: str = "tracks",
    hint: str | None = None,
    words: Callable[[float], str] | None = None,
) -> None:
    """Raise OutsideError if no track has two positions between images at times, and in them.

    Raise ObservationError if a track leaves the images and returns. In sentences, `name` is the
    name of the tracks, `hint` tells why they may lie outside of the images, and `words` tells a
    time as the user knows it.
    """
    seen = inside(tracks.place, shape)
    if not seen.any():
        turned = inside(tracks.place[:, ::-1], shape).any()
        own = "the order of y and x seems swapped" if turned else _HINT
        low, high = tracks.place.min(axis=0), tracks.place.max(axis=0)
        raise OutsideError(
            f"{name} must lie in the images, 0 to {shape[0] - 1} and 0 to {shape[1] - 1} "
            f"pixels; got {low[0]:.6g} to {high[0]:.6g} and {low[1]:.6g} to {high[1]:.6g}: "
            f"{hint or own}.",
            len(tracks),
        )
    start, end = float(times[0]), float(times[-1])
    numbers, which = np.unique(tracks.track, return_inverse=True)
    if not _cover(which, tracks.time, len(numbers), start, end).any():
        unit = "" if words or len(times) > 2 else " as fractions of the interval"
        moments = (times[0], times[-1], tracks.time.min(), tracks.time.max())
        told = [*map(words or "{:g}".format, moments)]
        raise OutsideError(
            f"{name} must have two positions between the first and the last image, at "
            f"{told[0]} to {told[1]}{unit}; got times from {told[2]} to {told[3]}: check the "
            f"{'times' if words else 'unit of the times'}.",
            len(tracks),
        )
    for number in np.flatnonzero(np.bincount(which[~seen], minlength=len(numbers))):
        (rows,) = np.nonzero((which == number) & (tracks.time >= start) & (tracks.time <= end))
        (here,) = np.nonzero(seen[rows])
        away = [row for row in rows[here[0] : here[-1]] if not seen[row]] if len(here) else []
        if away:
            y, x = tracks.place[away[0]]
            raise ObservationError(
                f"{name} must not leave the images and return; track {tracks.name[away[0]]} is at "
                f"({y:.6g}, {x:.6g}) in between: correct this position, or leave it out."
            )


def _cover(
    which: NDArray[np.intp], time: Floats, count: int, start: float, end: float
) -> NDArray[np.bool_]:
    """Return which of the tracks 0 to count - 1 tell how they move between two times, (count,).

    They have two positions there, or one beyond that is not farther from the next one than twice
    the time between both: else, the unit of the times is another one.
    """
    within = (time >= start) & (time <= end)
    first, last, before, after = (
        np.full(count, value) for value in (np.inf, -np.inf, -np.inf, np.inf)
    )
    np.minimum.at(first, which[within], time[within])
    np.maximum.at(last, which[within], time[within])
    np.maximum.at(before, which[time < start], time[time < start])
    np.minimum.at(after, which[time > end], time[time > end])
    # Without a position in between, those before and after are neighbours. One at the time of an
    # image tells nothing of what is beyond it.
    early = np.where(first > start, np.where(np.isfinite(first), first, after) - before, np.inf)
    late = np.where(last < end, after - np.where(np.isfinite(last), last, before), np.inf)
    return np.asarray((last > first) | (np.minimum(early, late) <= _FAR * (end - start)))
