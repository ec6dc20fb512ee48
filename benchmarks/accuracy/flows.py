"""Frames from dense optical flow, with the methods that the command ``compare`` has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from benchmarks.accuracy.outcome import Image, Outcome
from numpy.typing import NDArray

from napari_latentdyn.core.baselines.warping import Flow, FlowEstimator, TwoSidedWarp

__all__ = ["between", "flow_outcome"]


def flow_outcome(
    estimator: FlowEstimator, first: Image, last: Image, times: Sequence[float]
) -> Outcome:
    """Make frames from the flows of an estimator, in both directions."""
    there, back = estimator(first, last), estimator(last, first)
    frames = between(first, last, times, there, back)
    return Outcome(frames, displacement=there.astype(np.float32))


def between(
    first: Image, last: Image, times: Sequence[float], there: Flow, back: Flow
) -> NDArray[np.float32]:
    """Move both images along their flows to each time, and fuse them.

    Parameters
    ----------
    first, last : ndarray, shape (H, W)
        The images.
    times : sequence of float
        Fractions of the interval.
    there, back : ndarray, shape (2, H, W)
        Flow from the first image to the last, and from the last to the first.

    Returns
    -------
    ndarray of float32, shape (T, H, W)
        Within the range of the two images.
    """
    warp = TwoSidedWarp(first[None], last[None], there, back)
    return np.stack([warp.frame(time)[0] for time in times])
