"""The course of points between two images, measured on tracks with positions in between.

Two images determine where points arrive, and not when they moved. The deviation of each track from
its matched path, a Brownian bridge between both images, is interpolated in space.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import linalg

from napari_latentdyn.core.knowledge.kriging import Kriging
from napari_latentdyn.core.knowledge.tracks import Tracks
from napari_latentdyn.core.matching.ensemble import Ensemble
from napari_latentdyn.core.matching.known import agreeing, grid_of
from napari_latentdyn.core.physics.course import Course, displacement, motion_terms
from napari_latentdyn.core.physics.motion import Motion
from napari_latentdyn.core.physics.sampling import pixel_grid, sample

__all__ = ["follow_tracks"]

Floats = NDArray[np.float64]

#: Number of equal parts of the interval between whose ends the deviation is linear: even, so that
#: a turn half way has a knot.
_PARTS = 8
#: Standard deviation of the deviation half way, a constant in pixels and a part of the displacement
#: of the track; that of the error of a matched displacement in pixels.
_LEAST, _PART, _MATCHED = 1.0, 0.5, 1.0
#: Least standard deviation of the deviation between tracks, in pixels, and as a part of the largest
#: deviation.
_BETWEEN, _BETWEEN_PART = 0.1, 0.05
#: Displacements, as parts of those of the tracks, up to which points stand still, and from which
#: they move as tracks do.
_STILL, _MOVES = 0.1, 0.3
#: Standard deviation in pixels that a deviation must exceed to vary in space.
_EVEN = 0.1


@dataclass(frozen=True)
class _Deviation:
    """Deviation of one track at the knots: mean (m - 1, 2) and variance (m - 1,).

    `place` is that of the track half way, and `way` the length of its displacement in pixels.
    """

    mean: Floats
    variance: Floats
    place: Floats
    way: float


def follow_tracks(ensemble: Ensemble, tracks: Tracks | None, motion: Motion) -> Ensemble:
    """Return the ensemble with points that move when the tracks say.

    Parameters
    ----------
    ensemble : Ensemble
        Velocities of two images, and the course that a series gave.
    tracks : Tracks or None
        Positions at fractions of the interval. Tracks with two positions say nothing about the
        course, and those that do not end where the images were matched are left out.
    motion : {"steady", "inertial", "local"}
        Acceleration with which the velocities were matched.
    """
    tracks = None if tracks is None else tracks.used
    tracks = None if tracks is None else agreeing(tracks, ensemble.centre)
    if tracks is None:
        return ensemble
    shape = (ensemble.centre.shape[-2], ensemble.centre.shape[-1])
    terms = motion_terms(torch.from_numpy(ensemble.centre)[None], motion, ensemble.course)
    found = [_deviation(own, terms) for own in tracks.each() if len(own.time) > 2]
    if not found:
        return ensemble
    deviation = _between(found, shape) * _moving(ensemble.centre, found)
    known = ensemble.course or Course.unknown(shape)
    # The point at a pixel half way was matched at the place without its deviation.
    shift = torch.from_numpy(np.ascontiguousarray(deviation[_PARTS // 2 - 1]))[None]
    grid = pixel_grid(*shape) - shift

    def shifted(velocity: NDArray[np.float32]) -> NDArray[np.float32]:
        return sample(torch.from_numpy(velocity)[None], grid)[0].numpy()

    return replace(
        ensemble,
        velocities=np.stack([shifted(velocity) for velocity in ensemble.velocities]),
        centre=shifted(ensemble.centre),
        course=replace(known, deviation=deviation),
    )


def _deviation(track: Tracks, terms: torch.Tensor) -> _Deviation:
    """Return the deviation of a track from its matched path.

    Its place half way and the error of the matched displacement are unknown, too.
    """
    times, when = np.linspace(0.0, 1.0, _PARTS + 1)[1:-1], track.time
    middle = np.array([np.interp(0.5, when, axis) for axis in track.place.T])
    at = torch.from_numpy(middle.astype(np.float32)).view(1, 2, 1, 1)
    here = sample(terms, at)
    path = np.array([displacement(here, 0.0, t - 0.5)[0, :, 0, 0].tolist() for t in when])
    residual = track.place - middle - path
    hats = np.maximum(0.0, 1.0 - np.abs(when[:, None] - times) * _PARTS)
    way = float(torch.linalg.vector_norm(here[0, :2]))
    bridge = 4 * (np.minimum(times[:, None], times) - times[:, None] * times)
    prior = (_LEAST + _PART * way) ** 2 * bridge
    # What the place half way and the displacement explain has a wide prior of its own.
    wide = (10 * (_LEAST + way)) ** 2
    noise = wide + _MATCHED**2 * np.outer(when - 0.5, when - 0.5) + np.diag(track.sigma**2)
    matrix = hats @ prior @ hats.T + noise
    factor = linalg.cho_factor(matrix, lower=True)
    gain = linalg.cho_solve(factor, hats @ prior).T
    variance = np.diag(prior - gain @ hats @ prior)
    return _Deviation(gain @ residual, np.maximum(variance, 0.0), middle, way)


def _moving(velocity: NDArray[np.float32], found: list[_Deviation]) -> NDArray[np.float32]:
    """Return 1 where points move as tracks do, and 0 where they stand still, (H, W) or (1, 1).

    Land and other bodies that do not move have no part in the course of the tracks.
    """
    way = float(np.median([one.way for one in found]))
    if way < max(float(np.abs(one.mean).max()) for one in found):
        # The tracks return to where they began; the displacement does not say what moves.
        return np.ones((1, 1), np.float32)
    speed = np.hypot(*velocity) / way
    share = np.clip((speed - _STILL) / (_MOVES - _STILL), 0.0, 1.0)
    return np.asarray(share[:1, :1] if share.min() == 1 else share, np.float32)


def _between(found: list[_Deviation], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return the deviation at the knots, (m - 1, 2, H, W), or (.., 1, 1) where it is uniform."""
    places = np.stack([one.place for one in found])
    values = np.stack([one.mean.ravel() for one in found])
    sigma = np.sqrt(np.stack([one.variance for one in found]).mean(axis=1))
    least = _BETWEEN + _BETWEEN_PART * float(np.abs(values).max())
    field = Kriging(places, values, sigma, float(max(shape)), least)
    mean = grid_of(field, shape)[0].reshape(_PARTS - 1, 2, *shape)
    if float(np.ptp(mean, axis=(2, 3)).max()) < _EVEN:
        mean = mean.mean(axis=(2, 3), keepdims=True)
    return np.ascontiguousarray(mean, np.float32)
