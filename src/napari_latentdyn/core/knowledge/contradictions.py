"""Tracks that contradict each other, or a region in which nothing moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_latentdyn.errors import ObservationError

if TYPE_CHECKING:
    from napari_latentdyn.core.knowledge.tracks import Tracks

__all__ = ["check_still", "check_together"]

#: Distance in pixels at which two points move together, and the number of standard deviations by
#: which their ways may differ: beyond, they contradict each other.
_TOGETHER, _CONTRADICTION = 2.0, 6.0


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
                f"points that begin at one place must move together; {_called(tracks, first[a])} "
                f"and {_called(tracks, first[b])} begin near ({y:.6g}, {x:.6g}) and end "
                f"{apart:.3g} pixels apart: correct one, or state larger uncertainties."
            )


def check_still(tracks: Tracks, blocked: NDArray[np.bool_]) -> None:
    """Raise ObservationError if a track moves within what never moves, (H, W)."""
    limits = np.array(blocked.shape) - 1
    for own in tracks.each():
        rows, columns = np.clip(np.rint(own.place), 0, limits).astype(np.intp).T
        way = float(np.hypot(*(own.place - own.place[0]).T).max())
        error = float(np.hypot(own.sigma[0], own.sigma.max()))
        if blocked[rows, columns].all() and way > _TOGETHER + _CONTRADICTION * error:
            kind = _kind(own, 0)
            raise ObservationError(
                f"a {kind} in a still region must not move; {_called(own, 0)} moves by {way:.3g} "
                f"pixels in it: correct the mask or the {kind}, or state a larger uncertainty."
            )


def _kind(tracks: Tracks, row: int | np.intp) -> str:
    return "landmark" if tracks.marked[row] else "track"


def _called(tracks: Tracks, row: int | np.intp) -> str:
    return f"{_kind(tracks, row)} {tracks.name[row]}"
