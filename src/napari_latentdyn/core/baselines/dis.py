"""DIS optical flow: dense inverse search (OpenCV; Kroeger et al., 2016)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.baselines.interface import Interpolation, OnProgress, ShouldStop, Times
from napari_latentdyn.core.baselines.warping import Flow, along_flow
from napari_latentdyn.core.observations.observations import Observations

__all__ = ["dis", "dis_flow", "dis_tuned"]

#: Least side in pixels: on smaller images OpenCV has no scale for its patches, and may end the
#: whole process.
_SMALLEST = 72


def dis_flow(
    observations: Observations, times: Times, *, should_stop: ShouldStop, on_progress: OnProgress
) -> Interpolation:
    """Warp both images along DIS optical flow and mix them by time.

    Points move on straight lines at constant speed. The flow is found on the mean of the
    channels, scaled to 8 bits; both ends are the images.
    """
    return along_flow(dis_tuned, observations, times, should_stop, on_progress)


def dis(first: NDArray[np.float32], last: NDArray[np.float32]) -> Flow:
    """Return the flow (2, H, W) of DIS with its preset MEDIUM, in pixels."""
    import cv2

    return _run(cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM), first, last)


def dis_tuned(first: NDArray[np.float32], last: NDArray[np.float32]) -> Flow:
    """Return the flow of DIS with larger patches, more steps and a smoother field."""
    import cv2

    estimator = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    estimator.setFinestScale(1)
    estimator.setPatchSize(12)
    estimator.setPatchStride(2)
    estimator.setGradientDescentIterations(50)
    estimator.setVariationalRefinementIterations(20)
    estimator.setVariationalRefinementAlpha(60)
    return _run(estimator, first, last)


def _run(estimator: Any, first: NDArray[np.float32], last: NDArray[np.float32]) -> Flow:
    height, width = first.shape
    missing = [(0, max(0, _SMALLEST - side)) for side in first.shape]
    padded = [np.pad(image, missing, mode="edge") for image in _bytes(first, last)]
    flow = estimator.calc(*padded, None)[:height, :width]
    return np.asarray(np.moveaxis(flow[..., ::-1], -1, 0).astype(np.float64))


def _bytes(first: NDArray[np.float32], last: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
    """Scale both images alike to 8 bits, which OpenCV wants."""
    low, high = np.percentile(np.stack([first, last]), [0.1, 99.9])
    scale = 255.0 / max(high - low, 1e-6)
    return [
        np.clip((image - low) * scale + 0.5, 0, 255).astype(np.uint8) for image in (first, last)
    ]
