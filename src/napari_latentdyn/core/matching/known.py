"""Prior knowledge of one interval, as guidance of the matching."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional

from napari_latentdyn.core.geometry.pixels import inside, nearest_pixels
from napari_latentdyn.core.knowledge.contradictions import AGREES, matched_deviation
from napari_latentdyn.core.knowledge.knowledge import Knowledge
from napari_latentdyn.core.knowledge.kriging import Kriging
from napari_latentdyn.core.knowledge.regions import Regions, extended
from napari_latentdyn.core.knowledge.tracks import Tracks
from napari_latentdyn.core.matching.ensemble import Ensemble
from napari_latentdyn.core.matching.guidance import (
    Guidance,
    KnownVelocity,
    along_walls,
)
from napari_latentdyn.core.observations.patches import Window
from napari_latentdyn.core.physics.sampling import sample

__all__ = [
    "agreeing",
    "grid_of",
    "guidance_of",
    "is_contradicted",
    "respect_regions",
    "window_of_interest",
]

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

#: Width in pixels of the surroundings of the region of interest that are matched, too.
_MARGIN = 48
#: Largest number of cells along a side at which the known velocity is computed.
_CELLS = 48
#: Standard deviation of the velocity between known points: a constant in pixels and a part of the
#: largest displacement.
_LEAST, _PART = 1.0, 0.03
#: Distance from a track, as a fraction of the longer side, at which other bodies may be, and the
#: standard deviation of their velocity as a part of the largest displacement.
_REACH, _OTHER = 0.1, 0.5
#: Standard deviation of a displacement, as a part of it, for each part of the interval that its
#: track does not cover.
_UNCOVERED = 0.5
#: Error of predicted hidden blocks with tracks, relative to that without them, above which the
#: images contradict a track: the errors of members of one pair differ by less.
_WORSE = 1.1


def window_of_interest(regions: Regions) -> Window | None:
    """Return the window of the images that the region of interest needs, None without one."""
    outside = regions.outside
    if outside is None:
        return None
    chosen = ~outside
    rows, columns = (np.flatnonzero(chosen.any(axis=axis)) for axis in (1, 0))
    box = Window(
        int(rows[0]),
        int(columns[0]),
        int(rows[-1] - rows[0]) + 1,
        int(columns[-1] - columns[0]) + 1,
    )
    return box.grown(_MARGIN, (chosen.shape[0], chosen.shape[1]))


def guidance_of(known: Knowledge, shape: tuple[int, int], device: torch.device) -> Guidance | None:
    """Return the guidance of the matching of two images of a shape, None without knowledge."""
    blocked, wall = known.regions.blocked_between, known.regions.wall
    tracks = None if known.tracks is None else known.tracks.used
    if blocked is None and tracks is None:
        return None
    velocity = None if tracks is None else known_velocity(tracks, shape)
    wall = None if wall is None else np.asarray(wall.any(axis=0))
    return Guidance(shape, device, blocked=blocked, wall=wall, known=velocity)


def displacements(tracks: Tracks) -> tuple[Floats, Floats, Floats]:
    """Return the displacements of tracks per interval, from their first to their last position.

    Parameters
    ----------
    tracks : Tracks
        Positions at fractions of the interval.

    Returns
    -------
    places : ndarray, shape (T, 2)
        Positions half way.
    ways : ndarray, shape (T, 2)
        Displacements in pixels per interval.
    sigma : ndarray, shape (T,)
        Standard deviations of the displacements.
    """
    first, last = tracks.ends
    covered = tracks.time[last] - tracks.time[first]
    ways = (tracks.place[last] - tracks.place[first]) / covered[:, None]
    middle = (tracks.time[last] + tracks.time[first])[:, None] / 2
    places = (tracks.place[last] + tracks.place[first]) / 2 + (0.5 - middle) * ways
    errors = np.hypot(tracks.sigma[first], tracks.sigma[last]) / covered
    rest = _UNCOVERED * (1 - covered) * np.hypot(*ways.T)
    return places, ways, np.hypot(errors, rest)


def known_velocity(tracks: Tracks, shape: tuple[int, int]) -> KnownVelocity:
    """Return the velocity that tracks at fractions of the interval give for images of a shape.

    Far from all tracks the variance allows for bodies that move in another way.
    """
    places, ways, sigma = displacements(tracks)
    largest = float(np.hypot(*ways.T).max())
    field = Kriging(places, ways, sigma, float(max(shape)), _LEAST + _PART * largest)
    mean, variance = grid_of(field, shape)
    nearness = np.zeros(shape, np.float32)
    here = places[inside(places, shape)]
    if len(here):
        free = np.ones(shape, bool)
        free[nearest_pixels(here, shape)] = False
        distance = ndimage.distance_transform_edt(free) / (_REACH * max(shape))
        nearness = np.exp(-(distance**2) / 2).astype(np.float32)
    variance = variance + (1 - nearness) * (_OTHER * largest) ** 2
    return KnownVelocity(mean, variance.astype(np.float32), nearness)


def is_contradicted(with_tracks: Ensemble, without: Ensemble) -> bool:
    """Return whether images that are matched without tracks predict hidden blocks better."""
    ours, other = with_tracks.evidence, without.evidence
    if ours is None or other is None or not other.is_found:
        return False
    return not ours.with_motion <= _WORSE * other.with_motion


def agreeing(tracks: Tracks, velocity: NDArray[np.float32]) -> Tracks | None:
    """Return the tracks whose displacement is that of a velocity (2, H, W), None if none is."""
    places, ways, sigma = displacements(tracks)
    at = torch.from_numpy(places.T.astype(np.float32))[None, :, None]
    there = sample(torch.from_numpy(np.ascontiguousarray(velocity))[None], at)[0, :, 0].numpy().T
    allowed = np.hypot(sigma, matched_deviation(np.hypot(*ways.T)))
    agrees = np.hypot(*(ways - there).T) <= AGREES * allowed
    if agrees.all():
        return tracks
    chosen = np.isin(tracks.track, tracks.track[tracks.ends[0][agrees]])
    return tracks.rows(chosen) if agrees.any() else None


def grid_of(
    field: Kriging, shape: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean (d, H, W) and variance (H, W) of a field, computed at few cells."""
    step = max(shape) / min(max(shape), _CELLS)
    cells = (math.ceil(shape[0] / step), math.ceil(shape[1] / step))
    mean, variance = field.grid(cells, step)
    both = torch.from_numpy(np.concatenate([mean, variance[None]]).astype(np.float32))[None]
    # The cells may reach beyond the image by a part of one.
    whole = [round(side * step) for side in cells]
    fine = functional.interpolate(both, whole, mode="bilinear", align_corners=False)[0]
    fine = fine[:, : shape[0], : shape[1]].contiguous()
    return fine[:-1].numpy(), fine[-1].numpy()


def respect_regions(ensemble: Ensemble, regions: Regions) -> Ensemble:
    """Return the ensemble with velocities that do not flow into walls.

    In blocked regions the velocities continue from the nearest pixel that moves, so that
    interpolation next to the region does not read another motion.
    """
    blocked, wall = regions.blocked_between, regions.wall
    if blocked is None:
        return ensemble
    every = np.concatenate([ensemble.velocities, ensemble.centre[None]])
    if wall is not None:
        every = along_walls(every, np.asarray(wall.any(axis=0)))
    every = extended(every, blocked)
    return replace(ensemble, velocities=every[:-1], centre=every[-1])
