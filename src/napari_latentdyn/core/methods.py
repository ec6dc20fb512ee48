"""Ways to make frames between two images, all behind one small interface.

A method takes a pair and times and returns frames and, where there is one, a
field. What is compared with the learned dynamics stands in `BASELINES`; a new
method is a function of the type `Method` and one line there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_latentdyn.core.pair import ImagePair
from napari_latentdyn.errors import SettingsError, Stopped
from napari_latentdyn.presets import PRESETS
from napari_latentdyn.settings import Settings

if TYPE_CHECKING:
    from napari_latentdyn.core.fit import Progress

__all__ = ["BASELINES", "Interpolation", "Method", "Score", "find_method", "score"]

Frames = NDArray[np.float32]
_Flow = NDArray[np.float64]
OnProgress = Callable[["Progress"], None]
#: More work than the defaults of scikit-image, which large rotations need.
_TVL1 = {"num_warp": 10, "num_iter": 20, "prefilter": False, "dtype": np.float32}
#: Weight below which a pixel counts as not reached by a flow.
_GAP = 0.02


@dataclass(frozen=True)
class Interpolation:
    """What a method makes of a pair.

    Attributes
    ----------
    frames : ndarray of float32, shape (T, C, H, W)
        In the units of the images.
    velocity : ndarray of float32, shape (n, 2, H, W), or None
        Motion (dy, dx) in pixels per stage, n stages for the whole interval.
    """

    frames: Frames
    velocity: NDArray[np.float32] | None = None


class Method(Protocol):
    """Makes frames between two images."""

    def __call__(
        self,
        pair: ImagePair,
        times: NDArray[np.float64],
        *,
        should_stop: Callable[[], bool],
        on_progress: OnProgress,
    ) -> Interpolation:
        """Return frames of the pair at times, fractions of the interval.

        Raises
        ------
        Stopped
            If `should_stop` became true.
        UserError
            If the method cannot do it.
        """


@dataclass(frozen=True)
class Score:
    """How close a frame is to the true one.

    Attributes
    ----------
    psnr : float
        Peak signal-to-noise ratio in dB, on the range of the two images.
    ssim : float
        Structural similarity.
    """

    psnr: float
    ssim: float


def find_method(name: str, changes: Callable[[Settings], Settings] | None = None) -> Method:
    """Return the method of a name.

    Parameters
    ----------
    name : str
        One of `BASELINES`, or a preset.
    changes : callable, optional
        Changes the settings of a preset before it is used.

    Raises
    ------
    SettingsError
        If there is no such method.
    """
    if name in BASELINES:
        return BASELINES[name]
    if name not in PRESETS:
        known = ", ".join([*BASELINES, *PRESETS])
        raise SettingsError(f"there is no method '{name}'; known are {known}.")
    settings = Settings.preset(name)
    return Learned(settings if changes is None else changes(settings))


@dataclass(frozen=True)
class Learned:
    """The learned dynamics, with the settings of a preset."""

    settings: Settings

    def __call__(
        self,
        pair: ImagePair,
        times: NDArray[np.float64],
        *,
        should_stop: Callable[[], bool],
        on_progress: OnProgress,
    ) -> Interpolation:
        """Fit the model and draw its frames."""
        from napari_latentdyn.core.fit import fit

        fitting = fit(
            pair, self.settings.updated({"output.preview": False}), should_stop=should_stop
        )
        while True:
            try:
                on_progress(next(fitting))
            except StopIteration as end:
                dynamics = end.value
                break
        if should_stop():
            raise Stopped
        frames = dynamics.frames(times)
        return Interpolation(frames if pair.multichannel else frames[:, None], dynamics.fields)


def cross_dissolve(
    pair: ImagePair,
    times: NDArray[np.float64],
    *,
    should_stop: Callable[[], bool],
    on_progress: OnProgress,
) -> Interpolation:
    """Mix the two images by time: nothing moves."""
    del should_stop, on_progress
    t = times.astype(np.float32)[:, None, None, None]
    return Interpolation((1 - t) * pair.first + t * pair.last)


def optical_flow(
    pair: ImagePair,
    times: NDArray[np.float64],
    *,
    should_stop: Callable[[], bool],
    on_progress: OnProgress,
) -> Interpolation:
    """Warp both images along TV-L1 optical flow and mix them by time.

    Points move on straight lines at constant speed. The flow from each image
    to the other is found once a common drift, if there is one, is removed.
    """
    from skimage.registration import optical_flow_tvl1

    from napari_latentdyn.core.initial import common_drift

    del on_progress
    first, last = (image.mean(axis=0) for image in pair.normalised())
    drift = common_drift(first - first.mean(), last - last.mean())
    common = drift[:, None, None].astype(np.float64)
    shifted = ndimage.shift(last, -drift, order=1, mode="nearest")
    there = optical_flow_tvl1(first, shifted, **_TVL1) + common
    if should_stop():
        raise Stopped
    shifted = ndimage.shift(first, drift, order=1, mode="nearest")
    back = optical_flow_tvl1(last, shifted, **_TVL1) - common
    frames = [_warped(pair, there, back, float(t)) for t in times]
    return Interpolation(np.stack(frames), there[None].astype(np.float32))


#: Methods without training, by the name that a user gives.
BASELINES: dict[str, Method] = {"dissolve": cross_dissolve, "flow": optical_flow}


def score(pair: ImagePair, frame: Frames, truth: Frames) -> Score:
    """Compare a frame with the true one.

    Parameters
    ----------
    pair : ImagePair
        The images between which the frame lies; their range is the peak.
    frame, truth : ndarray, shape (C, H, W)
        Pixels that are not finite in either are left out.
    """
    from skimage.metrics import structural_similarity

    valid = np.isfinite(frame).all(axis=0) & np.isfinite(truth).all(axis=0)
    values = np.concatenate(
        [pair.first[:, pair.valid_first].ravel(), pair.last[:, pair.valid_last].ravel()]
    )
    span = float(np.ptp(values))
    if not valid.any():
        return Score(float("nan"), float("nan"))
    error = float(np.mean((frame[:, valid].astype(np.float64) - truth[:, valid]) ** 2))
    psnr = float("inf") if error == 0 else 10 * np.log10(span**2 / error)
    similarity = structural_similarity(
        np.where(valid, frame, 0).astype(np.float64),
        np.where(valid, truth, 0).astype(np.float64),
        data_range=span,
        channel_axis=0,
        full=True,
    )[1]
    return Score(float(psnr), float(similarity[:, valid].mean()))


def _warped(pair: ImagePair, there: _Flow, back: _Flow, t: float) -> Frames:
    """Return the frame at a time from flows that are known at the two ends only."""
    total = np.zeros(pair.first.shape)
    weight = np.zeros(pair.shape)
    ends = (
        (pair.first, there, back, t, 1 - t),
        (pair.last, back, there, 1 - t, t),
    )
    for image, flow, reverse, way, share in ends:
        moved, seen = _projected(flow, way, _agreement(flow, reverse))
        places = np.indices(pair.shape) - way * moved
        # What one image does not show is taken from the other.
        trust = share * (seen + 1e-4)
        total += trust * np.stack([_read(channel, places, order=3) for channel in image])
        weight += trust
    return (total / weight).astype(np.float32)


def _projected(
    flow: _Flow, way: float, agreement: NDArray[np.float64]
) -> tuple[_Flow, NDArray[np.float64]]:
    """Carry a flow along itself for a part of the way, to the pixels where it arrives.

    Returns
    -------
    flow : ndarray, shape (2, H, W)
        Gaps have the flow of the nearest pixel that was reached.
    seen : ndarray, shape (H, W)
        How far a pixel was reached by points that can be trusted, from 0 to 1.
    """
    shape = flow.shape[1:]
    arrival = np.indices(shape) + way * flow
    corner = np.floor(arrival).astype(int)
    sums = np.zeros((3, shape[0] * shape[1]))
    for step in ((0, 0), (0, 1), (1, 0), (1, 1)):
        place = corner + np.reshape(step, (2, 1, 1))
        share = np.prod(1 - np.abs(arrival - place), axis=0) * (agreement + 0.5)
        inside = np.all((place >= 0) & (place < np.reshape(shape, (2, 1, 1))), axis=0)
        index = np.ravel_multi_index(tuple(place[:, inside]), shape)
        for i, value in enumerate((share, share * flow[0], share * flow[1])):
            sums[i] += np.bincount(index, value[inside], sums.shape[1])
    weight = sums[0].reshape(shape)
    moved = (sums[1:] / np.maximum(sums[0], 1e-12)).reshape(flow.shape)
    gap = weight < _GAP
    if gap.any() and not gap.all():
        nearest = ndimage.distance_transform_edt(gap, return_distances=False, return_indices=True)
        moved = moved[:, nearest[0], nearest[1]]
    # Pinholes between points that drift apart are no gaps.
    return moved, np.minimum(ndimage.gaussian_filter(weight, 1), 1)


def _agreement(flow: _Flow, reverse: _Flow) -> NDArray[np.float64]:
    """Return how well going there and back ends where it began, from 0 to 1."""
    places = np.indices(flow.shape[1:]) + flow
    missed = flow + np.stack([_read(component, places, order=1) for component in reverse])
    # A flow that is long may miss by more.
    allowed = 0.5 + 0.02 * (flow**2).sum(axis=0)
    agreement: NDArray[np.float64] = np.exp(-(missed**2).sum(axis=0) / allowed)
    return agreement


def _read(values: NDArray[Any], places: _Flow, order: int) -> NDArray[np.float64]:
    read: NDArray[np.float64] = ndimage.map_coordinates(
        values.astype(np.float64), places, order=order, mode="nearest"
    )
    return read
