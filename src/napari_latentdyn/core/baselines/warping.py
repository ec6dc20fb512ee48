"""Frames from dense optical flow: both images moved along the flow and fused.

The flow from each image to the other is carried along itself to the time of the frame.
There each image is read at the place its pixels come from. Both are mixed by time and
by how closely the way there and back returns to its start.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_latentdyn.core.baselines.interface import Interpolation, OnProgress, ShouldStop, Times
from napari_latentdyn.core.baselines.progress import (
    make_frames,
    report_step,
    run_interruptible,
    within_range,
)
from napari_latentdyn.core.observations.observations import Observations

__all__ = ["Flow", "FlowEstimator", "TwoSidedWarp", "along_flow"]

#: A flow (2, H, W) in pixels, rows first: where pixels of one image are in the other.
Flow = NDArray[np.float64]
FlowEstimator = Callable[[NDArray[np.float32], NDArray[np.float32]], Flow]

#: Weight that a pixel without any agreement keeps.
_BASE_WEIGHT = 0.5
#: Weight below which nothing arrived at a pixel.
_GAP = 0.02
#: Stages of the field: flow is known at the ends only, and carried to the middle of each.
_STAGES = 8


def along_flow(
    estimator: FlowEstimator,
    observations: Observations,
    times: Times,
    should_stop: ShouldStop,
    on_progress: OnProgress,
) -> Interpolation:
    """Make frames from the flows of an estimator, in both directions.

    `estimator` returns the flow between two grey images (H, W) with values of about 0 to 1,
    the means of the normalised channels; all channels move along the flow. Both ends are
    the images.
    """
    first, last = (image.mean(axis=0) for image in observations.normalised())
    report_step(on_progress, 0, 2, "Flow from the first image to the last")
    there = run_interruptible(lambda: estimator(first, last), should_stop)
    report_step(on_progress, 1, 2, "Flow from the last image to the first")
    back = run_interruptible(lambda: estimator(last, first), should_stop)
    warp = run_interruptible(
        lambda: TwoSidedWarp(observations.images[0], observations.images[1], there, back),
        should_stop,
    )
    frames = make_frames(observations, times, warp.frame, should_stop, on_progress)
    middles = (np.arange(_STAGES) + 0.5) / _STAGES
    fields = [run_interruptible(lambda t=t: warp.velocity(t), should_stop) for t in middles]  # type: ignore[misc]
    return Interpolation(frames, (np.stack(fields) / _STAGES).astype(np.float32))


class TwoSidedWarp:
    """Two images (C, H, W), and the flows (2, H, W) between them in both directions."""

    def __init__(
        self, first: NDArray[np.float32], last: NDArray[np.float32], there: Flow, back: Flow
    ) -> None:
        self._first, self._last, self._there, self._back = first, last, there, back
        self._trust_there = _agreement(there, back) + _BASE_WEIGHT
        self._trust_back = _agreement(back, there) + _BASE_WEIGHT

    def frame(self, time: float) -> NDArray[np.float32]:
        """Return the frame (C, H, W) at a time, within the range of the two images."""
        (there, share), (back, rest) = self._at(time)
        early = _moved(self._first, there, time)
        late = _moved(self._last, back, 1 - time)
        mixed = (share * early + rest * late) / (share + rest)
        return within_range(mixed, self._first, self._last)

    def velocity(self, time: float) -> Flow:
        """Return the velocity (2, H, W) at a time, in pixels per interval."""
        (there, share), (back, rest) = self._at(time)
        return np.asarray((share * there - rest * back) / (share + rest))

    def _at(self, time: float) -> tuple[tuple[Flow, Flow], tuple[Flow, Flow]]:
        """Return both flows at a time, and the weight of each at each pixel."""
        there, seen = _spread(*_carried(self._there, self._trust_there, time))
        back, known = _spread(*_carried(self._back, self._trust_back, 1 - time))
        return (there, (1 - time) * seen), (back, time * known)


def _moved(image: NDArray[np.float32], flow: Flow, part: float) -> NDArray[np.float64]:
    """Move an image (C, H, W) along a part of its flow at the places of arrival."""
    return np.stack([_read(channel, -part * flow, order=3) for channel in image])


def _spread(flow: Flow, weight: NDArray[np.float64]) -> tuple[Flow, NDArray[np.float64]]:
    """Give gaps the flow of the nearest pixel where something arrived."""
    gaps = weight < _GAP
    if gaps.any() and not gaps.all():
        nearest = ndimage.distance_transform_edt(gaps, return_distances=False, return_indices=True)
        filled = [ndimage.gaussian_filter(c[nearest[0], nearest[1]], 2) for c in flow]
        flow = np.where(gaps, np.stack(filled), flow)
    # A stretched field leaves pinholes, which hide nothing.
    return flow, np.minimum(ndimage.gaussian_filter(weight, 1), 1) + 1e-4


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
    """Return how closely the way there and back returns to its start, from 0 to 1."""
    missed = flow + np.stack([_read(component, flow, order=1) for component in reverse])
    # A flow that is long may miss by more.
    allowed = 0.5 + 0.02 * (flow**2).sum(axis=0)
    return np.asarray(np.exp(-(missed**2).sum(axis=0) / allowed))


def _read(values: NDArray[Any], displacement: Flow, order: int) -> NDArray[np.float64]:
    places = np.indices(values.shape) + displacement
    read = ndimage.map_coordinates(values.astype(np.float64), places, order=order, mode="nearest")
    return np.asarray(read)
