"""Tracks that contradict each other, the place and time of images, or a still region."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_latentdyn.core.geometry.pixels import inside
from napari_latentdyn.errors import ObservationError, OutsideError

if TYPE_CHECKING:
    from napari_latentdyn.core.knowledge.tracks import Tracks

__all__ = ["check_outside", "check_still", "check_together"]

#: Distance in pixels at which two points move together, and the number of standard deviations by
#: which their ways may differ: beyond, they contradict each other.
_TOGETHER, _CONTRADICTION = 2.0, 6.0
_HINT = "check the order (y, x), and the reference system"


def check_outside(
    tracks: Tracks,
    times: NDArray[np.float64],
    shape: tuple[int, int],
    name: str,
    hint: str | None,
    words: Callable[[float], str] | None,
) -> None:
    """Raise OutsideError if no track has two positions between images at times, and in them.

    The arguments are those of `Tracks.fits`.
    """
    if not inside(tracks.place, shape).any():
        turned = inside(tracks.place[:, ::-1], shape).any()
        own = "the order of y and x seems swapped" if turned else _HINT
        low, high = tracks.place.min(axis=0), tracks.place.max(axis=0)
        raise OutsideError(
            f"{name} must lie in the images, 0 to {shape[0] - 1} and 0 to {shape[1] - 1} "
            f"pixels; got {low[0]:.6g} to {high[0]:.6g} and {low[1]:.6g} to {high[1]:.6g}: "
            f"{hint or own}.",
            len(tracks),
        )
    if tracks.within(float(times[0]), float(times[-1])) is None:
        unit = "" if words or len(times) > 2 else " as fractions of the interval"
        moments = (times[0], times[-1], tracks.time.min(), tracks.time.max())
        told = [*map(words or "{:g}".format, moments)]
        raise OutsideError(
            f"{name} must have two positions between the first and the last image, at "
            f"{told[0]} to {told[1]}{unit}; got times from {told[2]} to {told[3]}: check the "
            f"{'times' if words else 'unit of the times'}.",
            len(tracks),
        )


def check_together(tracks: Tracks) -> None:
    """Raise ObservationError if two tracks of equal times begin together and move apart."""
    first, last = tracks.ends
    way = tracks.place[last] - tracks.place[first]
    error = np.hypot(tracks.sigma[first], tracks.sigma[last])
    for a, b in sorted(cKDTree(tracks.place[first]).query_pairs(_TOGETHER)):
        same = tracks.time[first[a]] == tracks.time[first[b]]
        same &= tracks.time[last[a]] == tracks.time[last[b]]
        apart = float(np.hypot(*(way[a] - way[b])))
        if same and apart > _TOGETHER + _CONTRADICTION * float(np.hypot(error[a], error[b])):
            y, x = tracks.place[first[a]]
            raise ObservationError(
                f"tracks that begin at one place must move together; tracks "
                f"{tracks.name[first[a]]} and {tracks.name[first[b]]} begin near ({y:.6g}, "
                f"{x:.6g}) and end {apart:.3g} pixels apart: correct one, or state larger "
                "uncertainties."
            )


def check_still(tracks: Tracks, blocked: NDArray[np.bool_]) -> None:
    """Raise ObservationError if a track moves within what never moves, (H, W)."""
    limits = np.array(blocked.shape) - 1
    for own in tracks.each():
        rows, columns = np.clip(np.rint(own.place), 0, limits).astype(np.intp).T
        way = float(np.hypot(*(own.place - own.place[0]).T).max())
        error = float(np.hypot(own.sigma[0], own.sigma.max()))
        if blocked[rows, columns].all() and way > _TOGETHER + _CONTRADICTION * error:
            raise ObservationError(
                f"a track in a still region must not move; track {own.name[0]} moves by "
                f"{way:.3g} pixels in it: correct the mask or the track, or state a larger "
                "uncertainty."
            )
