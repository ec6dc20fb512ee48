"""Similarity of a frame and the true one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_latentdyn.core.baselines.interface import Frames
from napari_latentdyn.core.observations.observations import Observations

__all__ = ["Score", "error_map", "score", "value_range"]

#: Standard deviation in pixels of the Gaussian whose derivative is the gradient.
_GRADIENT_SIGMA = 0.7


@dataclass(frozen=True)
class Score:
    """Similarity of a frame and the true one.

    Peak signal-to-noise ratio in dB on the range of the two images, structural similarity,
    and root mean square error of the gradient, as a part of the range, per pixel.
    """

    psnr: float
    ssim: float
    gradient_error: float


def score(observations: Observations, frame: Frames, truth: Frames) -> Score:
    """Compare a frame (C, H, W) with the true one; pixels that are not finite are left out.

    The range of the two images `observations` is the peak.
    """
    from skimage.metrics import structural_similarity

    valid: NDArray[np.bool_] = np.logical_and(
        np.isfinite(frame).all(axis=0), np.isfinite(truth).all(axis=0)
    )
    span = value_range(observations)
    if not valid.any():
        return Score(float("nan"), float("nan"), float("nan"))
    error = float(np.mean((frame[:, valid].astype(np.float64) - truth[:, valid]) ** 2))
    psnr = float("inf") if error == 0 else 10 * np.log10(span**2 / error)
    similarity = structural_similarity(
        np.where(valid, frame, 0).astype(np.float64),
        np.where(valid, truth, 0).astype(np.float64),
        data_range=span,
        channel_axis=0,
        full=True,
    )[1]
    slopes = _slope(truth, valid)[:, valid] - _slope(frame, valid)[:, valid]
    return Score(
        float(psnr),
        float(similarity[:, valid].mean()),
        float(np.sqrt(np.mean(slopes**2))) / span,
    )


def error_map(frame: Frames, truth: Frames) -> Frames:
    """Return the absolute errors of a frame (C, H, W), NaN where either is not finite."""
    with np.errstate(invalid="ignore"):
        error = np.abs(frame.astype(np.float64) - truth)
    return np.where(np.isfinite(error), error, np.nan).astype(frame.dtype)


def value_range(observations: Observations) -> float:
    """Return the range of the valid pixels of all images, all channels together."""
    pixels = zip(observations.images, observations.valid, strict=True)
    values = np.concatenate([image[:, valid].ravel() for image, valid in pixels])
    return float(np.ptp(values))


def _slope(image: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the size of the gradient (C, H, W); missing pixels take the nearest valid value."""
    if not valid.all():
        near = ndimage.distance_transform_edt(~valid, return_distances=False, return_indices=True)
        image = image[:, near[0], near[1]]
    sigma = (0, _GRADIENT_SIGMA, _GRADIENT_SIGMA)
    rows, columns = (
        ndimage.gaussian_filter(image.astype(np.float64), sigma, order=order)
        for order in ((0, 1, 0), (0, 0, 1))
    )
    return np.asarray(np.hypot(rows, columns))
