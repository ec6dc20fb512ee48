"""Points whose positions are known at some times: buoys, tracked features, landmarks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_latentdyn.core.knowledge.contradictions import check_together
from napari_latentdyn.core.knowledge.names import LONGEST, from_codes, to_codes
from napari_latentdyn.core.knowledge.overlap import check_outside
from napari_latentdyn.errors import ObservationError
from napari_latentdyn.settings.text import shown

__all__ = ["SIGMA", "Tracks"]

Floats = NDArray[np.float64]

#: Standard deviation in pixels of positions without one of their own.
SIGMA = 0.5
_PREFIX = "track."


@dataclass(frozen=True, eq=False)
class Tracks:
    """N positions of points that move with the flow, in order of track and time.

    Attributes
    ----------
    track : ndarray of int64, shape (N,)
        Number of the track of each position.
    time : ndarray of float64, shape (N,)
        In the unit of the times of the images; 0 to 1 between two images.
    place : ndarray of float64, shape (N, 2)
        (y, x) in pixels.
    sigma : ndarray of float64, shape (N,)
        Standard deviation of each coordinate of a position, in pixels.
    held : ndarray of bool, shape (N,)
        True for all positions of tracks that are held back: they take no part in the result, and
        tell how well it predicts them.
    name : ndarray of str, shape (N,)
        Name of the track of each position, as the user gave it.
    marked : ndarray of bool, shape (N,)
        True for landmarks: points that were marked in images.
    """

    track: NDArray[np.int64]
    time: Floats
    place: Floats
    sigma: Floats
    held: NDArray[np.bool_]
    name: NDArray[np.str_]
    marked: NDArray[np.bool_]

    @classmethod
    def from_rows(
        cls,
        track: ArrayLike,
        time: ArrayLike,
        place: ArrayLike,
        sigma: ArrayLike = SIGMA,
        held: ArrayLike = False,
        name: ArrayLike | None = None,
        marked: ArrayLike = False,
    ) -> Tracks:
        """Check positions, and sort them by track and time.

        Parameters
        ----------
        track, time, place, sigma, held, name, marked
            See the attributes; `sigma`, `held` and `marked` may be one value for all. The names
            are the numbers by default.

        Raises
        ------
        ObservationError
            If values are not finite numbers, a track has one position only, or two at one time, or
            is held back in part.
        """
        when, where = np.asarray(time, np.float64), np.asarray(place, np.float64)
        count = when.size
        names = np.asarray(track)
        if name is not None and np.shape(name) != (count,):
            raise ObservationError(
                f"tracks must have one name for each of {count} positions; got {np.shape(name)}."
            )
        if when.ndim != 1 or where.shape != (count, 2) or names.shape != (count,):
            raise ObservationError(
                f"tracks must have N numbers, times and places (N, 2); got shapes {names.shape}, "
                f"{when.shape} and {where.shape}."
            )
        if not count:
            raise ObservationError("tracks must have positions; got none.")
        try:
            spread = np.broadcast_to(np.asarray(sigma, np.float64), when.shape)
            back, points = (
                np.broadcast_to(np.asarray(which, bool), when.shape) for which in (held, marked)
            )
        except ValueError:
            raise ObservationError(
                f"sigma, held and marked of tracks must have one value, or one for each of {count} "
                f"positions; got the shapes {np.shape(sigma)}, {np.shape(held)} and "
                f"{np.shape(marked)}."
            ) from None
        whole = names.dtype.kind in "iu" or (names.dtype.kind == "f" and _is_whole(names))
        if not whole:
            raise ObservationError(
                f"the numbers of tracks must be whole numbers; got {shown(names.tolist())}."
            )
        for what, values in (("times", when), ("places", where), ("uncertainties", spread)):
            if not np.isfinite(values).all():
                raise ObservationError(f"the {what} of tracks must be finite; got NaN or infinity.")
        if not (spread > 0).all():
            raise ObservationError(
                f"the uncertainty of a position must be positive; got {spread.min():g} pixels."
            )
        order = np.lexsort((when, names))
        number, when = names[order].astype(np.int64), when[order]
        called = (number if name is None else np.asarray(name)[order]).astype(f"U{LONGEST}")
        again = (np.diff(number) == 0) & (np.diff(when) <= 0)
        if again.any():
            first = int(np.flatnonzero(again)[0])
            raise ObservationError(
                f"a track must have one position at each time; track {number[first]} has two at "
                f"{when[first]:g}."
            )
        single = [
            int(n) for n, c in zip(*np.unique(number, return_counts=True), strict=True) if c < 2
        ]
        if single:
            raise ObservationError(
                "a track must have at least two positions at different times; got one in track "
                f"{shown(single[0] if len(single) == 1 else single)}."
            )
        back = back[order].copy()
        if (np.diff(number) == 0)[np.diff(back)].any():
            raise ObservationError(
                "a track must be held back with all its positions or with none; got a part."
            )
        spread, points = spread[order].copy(), points[order].copy()
        return cls(number, when, where[order], spread, back, called, points)

    @classmethod
    def landmarks(
        cls,
        first: ArrayLike,
        last: ArrayLike,
        times: tuple[float, float] = (0.0, 1.0),
        sigma: ArrayLike = SIGMA,
    ) -> Tracks:
        """Make tracks of points that were marked in two images.

        Parameters
        ----------
        first, last : array_like, shape (P, 2)
            Places (y, x) in pixels, of the same points in the same order.
        times : (float, float)
            Times of both images.
        sigma : float or array_like of shape (P,)
            Standard deviation of the places in pixels.

        Raises
        ------
        ObservationError
            If both have not the same number of points.
        """
        ends = [np.asarray(places, np.float64).reshape(-1, 2) for places in (first, last)]
        count = len(ends[0])
        if count != len(ends[1]):
            raise ObservationError(
                f"landmarks must have a place in both images; got {count} places in the first "
                f"image and {len(ends[1])} in the last."
            )
        spread = np.broadcast_to(np.asarray(sigma, np.float64), (count,))
        return cls.from_rows(
            np.tile(np.arange(count), 2),
            np.repeat(times, count),
            np.concatenate(ends),
            np.tile(spread, 2),
            marked=True,
        )

    def __len__(self) -> int:
        """Return the number of tracks."""
        return len(self.ends[0])

    @property
    def landmark_count(self) -> int:
        """Number of tracks that are landmarks."""
        return int(self.marked[self.ends[0]].sum())

    def joined(self, other: Tracks) -> Tracks:
        """Return the positions of both; the tracks of the other one are numbered after these."""
        shift = int(self.track.max()) + 1 - int(other.track.min())
        return _together([self, replace(other, track=other.track + shift)])

    @property
    def ends(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows of the first and of the last position of each track."""
        first = np.flatnonzero(np.append(True, np.diff(self.track) != 0))
        return first, np.append(first[1:], len(self.track)) - 1

    def each(self) -> Iterator[Tracks]:
        """Yield the tracks one by one."""
        for first, last in zip(*self.ends, strict=True):
            yield self.rows(slice(first, last + 1))

    def rows(self, chosen: NDArray[np.bool_ | np.intp] | slice) -> Tracks:
        """Return some of the positions."""
        return Tracks(*(getattr(self, part.name)[chosen] for part in fields(self)))

    def moved(self, offset: tuple[float, float]) -> Tracks:
        """Return the tracks with an offset (y, x) in pixels added to all places."""
        return replace(self, place=self.place + np.asarray(offset))

    def hold_back(self, part: float) -> Tracks:
        """Return the tracks with a part of them, 0 to 1, held back, evenly chosen.

        At least one is held back and one is not if the part is positive.
        """
        every = np.unique(self.track)
        count = 0 if part <= 0 or len(every) < 2 else round(part * len(every))
        if part > 0 and len(every) > 1:
            count = min(max(count, 1), len(every) - 1)
        steps = np.linspace(0, len(every), count, endpoint=False) + len(every) / max(2 * count, 1)
        chosen = every[steps.astype(np.intp)] if count else every[:0]
        return replace(self, held=np.isin(self.track, chosen))

    @property
    def used(self) -> Tracks | None:
        """The tracks that are not held back; None if there are none."""
        return None if self.held.all() else self.rows(~self.held)

    @property
    def kept_back(self) -> Tracks | None:
        """The tracks that are held back; None if there are none."""
        return self.rows(self.held) if self.held.any() else None

    def within(self, start: float, end: float) -> Tracks | None:
        """Return the parts of the tracks between two times, None if no track has two positions.

        Where a track leads beyond, its place at that time is interpolated between both positions.
        """
        found = []
        for own in self.each():
            ends = np.array([t for t in (start, end) if own.time[0] < t < own.time[-1]])
            ends = np.setdiff1d(ends, own.time)
            when = np.concatenate([own.time, ends])
            order = np.argsort(when)
            place = np.stack([np.interp(when, own.time, p) for p in own.place.T], axis=1)
            sigma = np.interp(when, own.time, own.sigma)
            chosen = order[(when[order] >= start) & (when[order] <= end)]
            if len(chosen) > 1:
                part = {"time": when[chosen], "place": place[chosen], "sigma": sigma[chosen]}
                found.append(replace(own.rows(np.zeros(len(chosen), np.intp)), **part))
        return _together(found) if found else None

    def fits(self, times: Floats, shape: tuple[int, int]) -> Tracks:
        """Return the tracks after a check against the times and the shape (H, W) of the images.

        Raises
        ------
        OutsideError
            If no track tells how it moves between the images and in them.
        ObservationError
            If a track leaves the images and returns between two of them, or two tracks contradict
            each other.
        """
        check_outside(self, times, shape)
        for start, end in itertools.pairwise(times):
            some = self.within(float(start), float(end))
            if some is not None:
                check_together(some)
        return self

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the columns by names of arrays, as `from_arrays` reads them."""
        arrays = {_PREFIX + part.name: getattr(self, part.name) for part in fields(self)}
        return arrays | {_PREFIX + "name": to_codes(self.name)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Tracks | None:
        """Make the tracks that `to_arrays` described; None where there are none.

        Names and landmarks may be missing, as earlier versions did not write them. These versions
        counted tracks of two positions as landmarks.
        """
        given = {n: arrays[_PREFIX + n] for f in fields(cls) if _PREFIX + (n := f.name) in arrays}
        if not {"track", "time", "place", "sigma", "held"} <= given.keys():
            return None
        if "marked" not in given:
            _, which, count = np.unique(given["track"], return_inverse=True, return_counts=True)
            given["marked"] = count[which] == 2
        if "name" in given:
            given["name"] = from_codes(given["name"])
        return cls.from_rows(**given)


def _together(parts: Sequence[Tracks]) -> Tracks:
    """Return the positions of all, one after the other."""
    columns = (part.name for part in fields(Tracks))
    return Tracks(*(np.concatenate([getattr(one, name) for one in parts]) for name in columns))


def _is_whole(numbers: NDArray[Any]) -> bool:
    """Return whether real numbers are integers that are exact in double precision."""
    return bool(np.array_equal(numbers, np.rint(numbers)) and (np.abs(numbers) < 2.0**53).all())
