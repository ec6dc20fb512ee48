"""TV-L1 optical flow (scikit-image)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_latentdyn.core.baselines.interface import Interpolation, OnProgress, ShouldStop, Times
from napari_latentdyn.core.baselines.warping import Flow, along_flow
from napari_latentdyn.core.observations.observations import Observations

__all__ = ["optical_flow", "tvl1"]


def optical_flow(
    observations: Observations, times: Times, *, should_stop: ShouldStop, on_progress: OnProgress
) -> Interpolation:
    """Warp both images along TV-L1 optical flow and mix them by time.

    Points move on straight lines at constant speed. A common drift is removed before the
    flow between the images is found, on the mean of the channels; both ends are the images.
    """
    return along_flow(_with_drift, observations, times, should_stop, on_progress)


def tvl1(first: NDArray[np.float32], last: NDArray[np.float32]) -> Flow:
    """Return the flow (2, H, W) in pixels between two grey images (H, W).

    More iterations than the defaults of scikit-image, which large rotations need.
    """
    from skimage.registration import optical_flow_tvl1

    flow = optical_flow_tvl1(
        first, last, num_warp=10, num_iter=20, prefilter=False, dtype=np.float32
    )
    return np.asarray(flow, dtype=np.float64)


def _with_drift(first: NDArray[np.float32], last: NDArray[np.float32]) -> Flow:
    from napari_latentdyn.core.training.initial import common_drift

    drift = common_drift(first - first.mean(), last - last.mean())
    shifted = ndimage.shift(last, -drift, order=1, mode="nearest")
    return tvl1(first, shifted) + drift[:, None, None].astype(np.float64)
