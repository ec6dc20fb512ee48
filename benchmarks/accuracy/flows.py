"""Frames from dense optical flow: both images moved along it and fused.

The flow from each image to the other is carried along itself to the time of the
frame. There each image is read where its pixels come from, and the two are mixed
by time and by how well going there and back ends where it began.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from benchmarks.accuracy.outcome import Image, Outcome
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["between", "dis", "dis_tuned", "flow_outcome", "tvl1"]

#: A flow (2, H, W) in pixels, rows first: where pixels of one image are in the other.
Flow = NDArray[np.float64]
Estimator = Callable[[Image, Image], Flow]

#: Weight that a pixel without any agreement keeps.
_BASE_WEIGHT = 0.5
#: Weight below which nothing arrived at a pixel.
_GAP = 0.02


def dis(first: Image, last: Image) -> Flow:
    """Return the flow of OpenCV's DIS with its preset MEDIUM."""
    import cv2

    return _run_dis(cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM), first, last)


def dis_tuned(first: Image, last: Image) -> Flow:
    """Return the flow of OpenCV's DIS with larger patches, more steps and a smoother field."""
    import cv2

    estimator = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    estimator.setFinestScale(1)
    estimator.setPatchSize(12)
    estimator.setPatchStride(2)
    estimator.setGradientDescentIterations(50)
    estimator.setVariationalRefinementIterations(20)
    estimator.setVariationalRefinementAlpha(60)
    return _run_dis(estimator, first, last)


def tvl1(first: Image, last: Image) -> Flow:
    """Return the flow of scikit-image's TV-L1 with more work than its defaults."""
    from skimage.registration import optical_flow_tvl1

    flow = optical_flow_tvl1(
        first, last, num_warp=10, num_iter=20, prefilter=False, dtype=np.float32
    )
    return np.asarray(flow, dtype=np.float64)


def flow_outcome(
    estimator: Estimator, first: Image, last: Image, times: Sequence[float]
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
    trust_there = _agreement(there, back) + _BASE_WEIGHT
    trust_back = _agreement(back, there) + _BASE_WEIGHT
    frames = []
    for time in times:
        early, weight_early = _moved(first, there, trust_there, time)
        late, weight_late = _moved(last, back, trust_back, 1 - time)
        weight_early, weight_late = (1 - time) * weight_early, time * weight_late
        mixed = weight_early * early + weight_late * late
        frames.append(mixed / (weight_early + weight_late))
    low, high = min(first.min(), last.min()), max(first.max(), last.max())
    return np.clip(np.stack(frames), low, high).astype(np.float32)


def _moved(
    image: Image, flow: Flow, trust: NDArray[np.float64], part: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Move an image along a part of its flow; return it and its weight."""
    carried, weight = _carried(flow, trust, part)
    gaps = weight < _GAP
    if gaps.any() and not gaps.all():
        nearest = ndimage.distance_transform_edt(gaps, return_distances=False, return_indices=True)
        filled = [ndimage.gaussian_filter(c[nearest[0], nearest[1]], 2) for c in carried]
        carried = np.where(gaps, np.stack(filled), carried)
    # A stretched field leaves pinholes, which hide nothing.
    weight = np.minimum(ndimage.gaussian_filter(weight, 1), 1) + 1e-4
    return _read(image, -part * carried, order=3), weight


def _carried(
    flow: Flow, trust: NDArray[np.float64], part: float
) -> tuple[Flow, NDArray[np.float64]]:
    """Carry a flow along a part of itself, bilinearly to the pixels where it arrives."""
    height, width = trust.shape
    arrival = np.indices(trust.shape) + part * flow
    corner = np.floor(arrival).astype(int)
    sums = np.zeros((3, height * width))
    for step in itertools.product((0, 1), repeat=2):
        rows, columns = corner + np.reshape(step, (2, 1, 1))
        share = (1 - np.abs(arrival[0] - rows)) * (1 - np.abs(arrival[1] - columns)) * trust
        lands = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width) & (share > 0)
        index = rows[lands] * width + columns[lands]
        for total, value in zip(sums, (share, share * flow[0], share * flow[1]), strict=True):
            total += np.bincount(index, value[lands], minlength=height * width)
    carried = sums[1:] / np.maximum(sums[0], 1e-12)
    return carried.reshape(flow.shape), sums[0].reshape(trust.shape)


def _agreement(flow: Flow, reverse: Flow) -> NDArray[np.float64]:
    """Return how well going there and back ends where it began, from 0 to 1."""
    missed = flow + np.stack([_read(component, flow, order=1) for component in reverse])
    allowed = 0.5 + 0.02 * (flow**2).sum(axis=0)
    agreement: NDArray[np.float64] = np.exp(-(missed**2).sum(axis=0) / allowed)
    return agreement


def _read(values: NDArray[np.floating], displacement: Flow, order: int) -> NDArray[np.float64]:
    places = np.indices(values.shape) + displacement
    read = ndimage.map_coordinates(values.astype(np.float64), places, order=order, mode="nearest")
    return np.asarray(read)


def _run_dis(estimator: object, first: Image, last: Image) -> Flow:
    flow = estimator.calc(*_bytes(first, last), None)  # type: ignore[attr-defined]
    return np.moveaxis(flow[..., ::-1], -1, 0).astype(np.float64)


def _bytes(first: Image, last: Image) -> list[NDArray[np.uint8]]:
    """Scale both images alike to 8 bits, which OpenCV wants."""
    low, high = np.percentile(np.stack([first, last]), [0.1, 99.9])
    scale = 255.0 / max(high - low, 1e-6)
    return [
        np.clip((image - low) * scale + 0.5, 0, 255).astype(np.uint8) for image in (first, last)
    ]
