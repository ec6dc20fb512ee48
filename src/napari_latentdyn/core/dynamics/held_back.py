"""The error of predicted positions of tracks that took no part in a fit."""

from __future__ import annotations

import math

import numpy as np

from napari_latentdyn.core.dynamics.motion import Motion
from napari_latentdyn.core.knowledge.tracks import Tracks
from napari_latentdyn.core.runfolder.schema import HeldBackReport

__all__ = ["predict_tracks"]

#: Square of the radius that holds 95 % of a normal distribution of two components, in units of the
#: variance of one.
_REGION = -2 * math.log(0.05)


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
        None if no track is held back, or none stays in the images.
    """
    held = None if tracks is None else tracks.kept_back
    known = motion.observation_times
    held = None if held is None else held.within(float(known[0]), float(known[-1]))
    if held is None:
        return None
    errors, stated, count = [], [], 0
    for own in held.each():
        found = motion.trajectories(own.place[:1], own.time[1:], own.time[0])[0]
        inside = np.isfinite(found[:, 0])
        if inside.any():
            count += 1
            errors.append(((found - own.place[1:])[inside] ** 2).sum(axis=1))
            stated.append((own.sigma[1:] ** 2 + own.sigma[0] ** 2)[inside])
    if not count:
        return None
    squares, variances = np.concatenate(errors), np.concatenate(stated)
    return HeldBackReport(
        tracks=count,
        positions=len(squares),
        error=math.sqrt(squares.mean()),
        stated=math.sqrt(2 * variances.mean()),
        within=float((squares <= _REGION * variances).mean()),
    )
