"""The positions of known tracks, compared with those that a result predicts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.dynamics.motion import Motion
from napari_latentdyn.core.geometry.pixels import inside, nearest_pixels
from napari_latentdyn.core.knowledge.contradictions import AGREES, matched_deviation
from napari_latentdyn.core.knowledge.tracks import Tracks
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.runfolder.schema_known import (
    ComparedReport,
    HeldBackReport,
    TrackReport,
)

__all__ = ["compare_tracks", "predict_tracks"]

Floats = NDArray[np.float64]
Lies = Literal["outside", "missing", "still"] | None

#: Square of the radius that holds 95 % of a normal distribution of two components, in units of the
#: variance of one.
_REGION = -2 * math.log(0.05)
#: Places of all tracks at all of their times that are computed at once: each computation reads the
#: whole field.
_TOGETHER = 1_000_000


@dataclass(frozen=True, eq=False)
class _Prediction:
    """Errors of the predicted positions of one track, after its first position.

    Attributes
    ----------
    track : Tracks
        All positions of the track between the first and the last image.
    squares, variances : ndarray, shape (N,)
        Squares of the distances to the prediction, and variances of one coordinate; N = 0 if fewer
        than two positions lie where the motion was computed.
    matched : float
        Variance of one coordinate that the matching itself leaves.
    """

    track: Tracks
    squares: Floats
    variances: Floats
    matched: float

    @property
    def error(self) -> float:
        return math.sqrt(self.squares.mean())

    @property
    def stated(self) -> float:
        return math.sqrt(2 * self.variances.mean())

    @property
    def allowed(self) -> float:
        return AGREES * math.sqrt(self.variances.mean() + self.matched)

    @property
    def agrees(self) -> bool:
        return self.error <= self.allowed

    def to_report(self, lies: Lies = None) -> TrackReport:
        seen, own = self.squares.size > 0, self.track
        return TrackReport(
            name=str(own.name[0]),
            landmark=bool(own.marked[0]),
            place=own.place[0].tolist(),
            positions=len(self.squares),
            error=self.error if seen else None,
            stated=self.stated if seen else None,
            allowed=self.allowed if seen else None,
            agrees=self.agrees if seen else None,
            lies=lies,
        )


def predict_tracks(motion: Motion, tracks: Tracks | None) -> HeldBackReport | None:
    """Predict the tracks that are held back from their first position.

    Parameters
    ----------
    motion : Motion
        The result of a fit without these tracks.
    tracks : Tracks or None
        All tracks, with times in the unit of the observations.

    Returns
    -------
    HeldBackReport or None
        None if no track is held back, or none is in the images.
    """
    held = None if tracks is None else tracks.kept_back
    found = [one for one in _predictions(motion, held) if one.squares.size]
    if not found:
        return None
    squares, variances = (
        np.concatenate([getattr(one, part) for one in found]) for part in ("squares", "variances")
    )
    worst = max(found, key=lambda one: one.error / one.allowed)
    return HeldBackReport(
        tracks=len(found),
        positions=len(squares),
        error=math.sqrt(squares.mean()),
        stated=math.sqrt(2 * variances.mean()),
        within=float((squares <= _REGION * variances).mean()),
        landmarks=sum(bool(one.track.marked[0]) for one in found),
        worst=None if worst.agrees else worst.to_report(),
    )


def compare_tracks(
    motion: Motion, observations: Observations, *, takes_part: bool
) -> ComparedReport | None:
    """Compare the tracks that are not held back with the result, one by one.

    Images may contradict a track, and then they decide, so that the result differs from it.

    Parameters
    ----------
    motion : Motion
        The result of a fit.
    observations : Observations
        The images with all tracks, and their missing pixels.
    takes_part : bool
        Whether the fit used the tracks.

    Returns
    -------
    ComparedReport or None
        None if there is no such track.
    """
    tracks, regions = observations.known.tracks, observations.known.regions
    blocked = None if regions.blocked is None else np.asarray(regions.blocked.all(axis=0))
    reports = []
    for one in _predictions(motion, None if tracks is None else tracks.used):
        own, seen = one.track, one.squares.size > 0
        rows, columns = nearest_pixels(own.place, observations.shape)
        images = np.abs(own.time[:, None] - observations.times).argmin(axis=1)
        lies: Lies = None
        if not seen:
            lies = "outside"
        elif blocked is not None and blocked[rows[0], columns[0]]:
            lies = "still"
        elif not observations.valid[images, rows, columns].any():
            lies = "missing"
        reports.append(one.to_report(lies))
    return ComparedReport(takes_part=takes_part, tracks=reports) if reports else None


def _predictions(motion: Motion, tracks: Tracks | None) -> Iterator[_Prediction]:
    """Yield the errors of all tracks that have two positions between the images."""
    known = motion.observation_times
    part = None if tracks is None else tracks.within(float(known[0]), float(known[-1]))
    for batch in _batches([] if part is None else list(part.each())):
        seen = [_where_computed(motion, own) for own in batch]
        followed = [own for own in seen if len(own.time) > 1]
        if not followed:
            yield from map(_not_seen, batch)
            continue
        rows = np.concatenate([own.time for own in followed])
        inner = known[(known > rows.min()) & (known < rows.max())]
        times = np.union1d(rows, inner)
        starts = np.stack([own.place[0] for own in followed])
        begin = np.array([own.time[0] for own in followed])
        # Continued beyond the border: a path that leaves the images may be an error, too.
        paths = iter(motion.trajectories(starts, times, begin, extend=True))
        for whole, own in zip(batch, seen, strict=True):
            if len(own.time) < 2:
                yield _not_seen(whole)
                continue
            path = next(paths)
            yield _Prediction(
                whole,
                ((path[np.searchsorted(times, own.time)] - own.place)[1:] ** 2).sum(axis=1),
                own.sigma[1:] ** 2 + own.sigma[0] ** 2,
                _matched(path, times, known, (own.time[0], own.time[-1])),
            )


def _not_seen(track: Tracks) -> _Prediction:
    return _Prediction(track, np.empty(0), np.empty(0), 0.0)


def _matched(path: Floats, times: Floats, known: Floats, span: tuple[float, float]) -> float:
    """Return the variance of matching along a path (T, 2) at times (T,), in a span of time.

    `known` are the times of the images. Errors of intervals are independent.
    """
    steps = np.flatnonzero((times[:-1] >= span[0]) & (times[1:] <= span[1]))
    interval = np.searchsorted(known, times[steps], side="right")
    ways = np.bincount(interval, np.hypot(*np.diff(path, axis=0)[steps].T))
    return float((matched_deviation(ways[np.unique(interval)]) ** 2).sum())


def _batches(tracks: list[Tracks]) -> Iterator[list[Tracks]]:
    """Yield tracks that are followed together, each at the times of all."""
    batch: list[Tracks] = []
    times: set[float] = set()
    for own in tracks:
        times.update(own.time.tolist())
        if batch and (len(batch) + 1) * len(times) > _TOGETHER:
            yield batch
            batch, times = [], set(own.time.tolist())
        batch.append(own)
    if batch:
        yield batch


def _where_computed(motion: Motion, own: Tracks) -> Tracks:
    """Return the positions of a track in the images and in the region of interest."""
    seen, outside = inside(own.place, motion.shape), motion.regions.outside
    if outside is not None:
        seen &= ~outside[nearest_pixels(own.place, motion.shape)]
    return own.rows(seen)
