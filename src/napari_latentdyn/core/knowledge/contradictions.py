"""Tracks that contradict each other, or a region in which nothing moves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from napari_latentdyn.core.geometry.pixels import nearest_pixels
from napari_latentdyn.errors import ObservationError

if TYPE_CHECKING:
    from napari_latentdyn.core.knowledge.tracks import Tracks

__all__ = ["AGREES", "check_still", "check_together", "matched_deviation"]

#: Distance in pixels at which two points move together, and the number of standard deviations by
#: which their ways may differ: beyond, they contradict each other.
_TOGETHER, _CONTRADICTION = 2.0, 6.0
#: Number of standard deviations of one coordinate up to which a track agrees with a result: the
#: radius that holds 99.9 % of a normal distribution of two components, as a scene may have hundreds
#: of tracks.
AGREES = math.sqrt(-2 * math.log(0.001))
#: Standard deviation of each coordinate that matching adds in one interval, in pixels and as a part
#: of the way of the point, as on the scenes of `benchmarks.known` with accurate tracks. Without it,
#: a correct track with a tiny uncertainty would disagree.
_MATCHED, _PART = 0.25, 0.02


def matched_deviation(ways: ArrayLike) -> NDArray[np.float64]:
    """Return the standard deviation of matched displacements of these lengths in pixels."""
    return _MATCHED + _PART * np.asarray(ways, np.float64)


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
    for own in tracks.each():
        way = float(np.hypot(*(own.place - own.place[0]).T).max())
        error = float(np.hypot(own.sigma[0], own.sigma.max()))
        within = blocked[nearest_pixels(own.place, blocked.shape)].all()
        if within and way > _TOGETHER + _CONTRADICTION * error:
            kind = _kind(own, 0)
            raise ObservationError(
                f"a {kind} in a still region must not move; {_called(own, 0)} moves by {way:.3g} "
                f"pixels in it: correct the mask or the {kind}, or state a larger uncertainty."
            )


def _kind(tracks: Tracks, row: int | np.intp) -> str:
    return "landmark" if tracks.marked[row] else "track"


def _called(tracks: Tracks, row: int | np.intp) -> str:
    return f"{_kind(tracks, row)} {tracks.name[row]}"
