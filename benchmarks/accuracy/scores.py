"""Measures of how close frames are to true ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

__all__ = ["blocks", "confidence_score", "psnr", "rank_correlation", "score", "score_frame", "ssim"]

_BEST_PSNR = 99.0
_GRADIENT_SIGMA = 0.7
_BLOCK = 8

Array = NDArray[np.floating]


def psnr(frame: Array, truth: Array) -> float:
    """Return the peak signal-to-noise ratio in dB for values from 0 to 1, at most 99."""
    error = float(np.mean((frame.astype(np.float64) - truth.astype(np.float64)) ** 2))
    return min(_BEST_PSNR, float(-10 * np.log10(max(error, 1e-12))))


def ssim(frame: Array, truth: Array) -> float:
    """Return the structural similarity with a Gaussian window."""
    from skimage.metrics import structural_similarity

    return float(
        structural_similarity(
            truth.astype(np.float64),
            frame.astype(np.float64),
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def score_frame(frame: Array, truth: Array) -> dict[str, float]:
    """Compare one frame with the true one.

    Parameters
    ----------
    frame, truth : ndarray, shape (H, W)
        The frame is clipped to the range from 0 to 1 first.

    Returns
    -------
    dict of str to float
        "psnr", "ssim", "grmse" (root mean square error of the size of the
        gradient) and "sharp" (its mean over that of the truth).
    """
    frame = np.clip(frame.astype(np.float64), 0, 1)
    ours, true = _gradient(frame), _gradient(truth)
    return {
        "psnr": psnr(frame, truth),
        "ssim": ssim(frame, truth),
        "grmse": float(np.sqrt(np.mean((ours - true) ** 2))),
        "sharp": float(ours.mean() / max(true.mean(), 1e-12)),
    }


def score(frames: Sequence[Array] | Array, truth: Sequence[Array] | Array) -> dict[str, float]:
    """Return the mean over frames of `score_frame`.

    Raises
    ------
    ValueError
        If the shapes differ, or a frame holds values that are no numbers.
    """
    if np.shape(frames) != np.shape(truth):
        raise ValueError(f"frames have shape {np.shape(frames)}, the truth {np.shape(truth)}")
    if not np.isfinite(frames).all():
        raise ValueError("frames hold values that are no numbers")
    each = [score_frame(frame, true) for frame, true in zip(frames, truth, strict=True)]
    return {key: float(np.mean([one[key] for one in each])) for key in each[0]}


def confidence_score(doubt: Array, frames: Array, truth: Array) -> float | None:
    """Return how well a doubt ranks the true errors, on blocks of 8 x 8 pixels.

    Parameters
    ----------
    doubt : ndarray, shape (T, H, W)
        The higher, the larger an error is expected.
    frames, truth : ndarray, shape (T, H, W)
        Frames are clipped to the range from 0 to 1 first.

    Returns
    -------
    float or None
        Spearman's rank correlation, the mean over frames; None where doubt or
        error is the same everywhere.
    """
    error = np.abs(np.clip(frames, 0, 1).astype(np.float64) - truth)
    values = [rank_correlation(blocks(d), blocks(e)) for d, e in zip(doubt, error, strict=True)]
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _gradient(image: Array) -> NDArray[np.float64]:
    image = image.astype(np.float64)
    rows, columns = (
        ndimage.gaussian_filter(image, _GRADIENT_SIGMA, order=order) for order in ((1, 0), (0, 1))
    )
    return np.hypot(rows, columns)


def blocks(image: Array) -> NDArray[np.float64]:
    """Return the means over blocks of 8 x 8 pixels, row by row."""
    rows, columns = (side // _BLOCK for side in image.shape)
    whole = np.asarray(image[: rows * _BLOCK, : columns * _BLOCK], dtype=np.float64)
    return whole.reshape(rows, _BLOCK, columns, _BLOCK).mean(axis=(1, 3)).ravel()


def rank_correlation(a: Array, b: Array) -> float | None:
    """Return Spearman's rank correlation, None where one of both is the same everywhere."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(stats.rankdata(a), stats.rankdata(b))[0, 1])
