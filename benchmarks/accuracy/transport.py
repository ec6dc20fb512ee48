"""Frames as barycentres of entropic optimal transport: intensity taken for mass."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from benchmarks.accuracy.outcome import Image, Outcome
from numpy.typing import NDArray

__all__ = ["entropic_transport"]

#: Width of the kernel in pixels.
_SIGMA = 2.0
_ITERATIONS = 100
_TOLERANCE = 1e-5
#: Mass of the darkest pixel, and of what is added to make the image square.
_DARKEST = 1e-6
_OUTSIDE = 1e-9


def entropic_transport(first: Image, last: Image, times: Sequence[float]) -> Outcome:
    """Make frames as convolutional barycentres of the two images (POT).

    The darkest intensity is no mass. Both images get the mass one; the frame gets
    back the mass between theirs.
    """
    import ot.bregman
    import torch

    height, width = first.shape
    ground = float(min(first.min(), last.min())) - _DARKEST
    masses = np.stack([_square(image.astype(np.float64) - ground) for image in (first, last)])
    totals = masses.sum(axis=(1, 2))
    shares = torch.from_numpy(masses / totals[:, None, None])
    entropy = 2.0 * (_SIGMA / (masses.shape[-1] - 1)) ** 2
    frames = []
    for time in times:
        weights = torch.tensor([1 - time, time], dtype=torch.float64)
        with warnings.catch_warnings():
            # It says so where it stops before it converged, as it is meant to here.
            warnings.simplefilter("ignore")
            centre = ot.bregman.convolutional_barycenter2d(
                shares, entropy, weights=weights, numItermax=_ITERATIONS, stopThr=_TOLERANCE
            ).numpy()
        centre = np.nan_to_num(centre, nan=0.0, posinf=0.0)
        mass = (1 - time) * totals[0] + time * totals[1]
        centre = centre * (mass / centre.sum() if centre.sum() > 0 else 0.0)
        frames.append(centre[:height, :width] + ground)
    low, high = min(first.min(), last.min()), max(first.max(), last.max())
    return Outcome(np.clip(np.stack(frames), low, high).astype(np.float32))


def _square(mass: NDArray[np.float64]) -> NDArray[np.float64]:
    side = max(mass.shape)
    square = np.full((side, side), _OUTSIDE)
    square[: mass.shape[0], : mass.shape[1]] = np.where(mass == 0, _OUTSIDE, mass)
    return square
