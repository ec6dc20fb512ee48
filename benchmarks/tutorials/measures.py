"""What the tutorials measure besides PSNR: fading, detail, and turning."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_latentdyn.core.dynamics.trajectories import trajectories

__all__ = [
    "carried",
    "changing",
    "darkness",
    "detail",
    "fixed_share",
    "sagitta",
    "similarity",
    "straight",
    "tracer_errors",
    "true_tracers",
]

Array = NDArray[np.floating]
Mask = NDArray[np.bool_]

#: Width in pixels over which the difference of both images is averaged.
_AROUND = 8.0
#: Part of the range by which a place has to differ to count as changing.
_CHANGES = 0.05
#: Width in pixels of the Gaussian that is taken away; what is left is detail.
_DETAIL = 2.0
#: Pixels around water that has opened at which a tracer is not placed.
_AWAY = 6


def changing(first: Array, last: Array) -> Mask:
    """Return where two images differ, and something may have moved.

    Parameters
    ----------
    first, last : ndarray, shape (H, W)
        The images.

    Returns
    -------
    ndarray of bool, shape (H, W)
        Where the absolute difference, averaged with a Gaussian of 8 pixels, is
        more than 5 % of the range of both images.
    """
    first, last = (np.asarray(image, np.float64) for image in (first, last))
    span = max(first.max(), last.max()) - min(first.min(), last.min())
    around: Array = ndimage.gaussian_filter(np.abs(last - first), _AROUND)
    return np.asarray(around > _CHANGES * span)


def fixed_share(frame: Array, first: Array, last: Array, where: Mask) -> float:
    """Return how much of a frame is a mixture of the two images where they are.

    The frame is fitted by a constant and both images, none of them moved, with
    the least squared error. The share is the part of its variance that this
    explains. It is 1 if things fade out and in, and small if they move by more
    than their own size; the true frame says how small.

    Parameters
    ----------
    frame, first, last : ndarray, shape (H, W)
        The frame and both images.
    where : ndarray of bool, shape (H, W)
        Pixels that count.

    Returns
    -------
    float
        From 0 to 1; NaN where the frame is constant.
    """
    known = np.stack([np.ones(int(where.sum())), first[where], last[where]], axis=1)
    wanted = np.asarray(frame[where], np.float64)
    fitted = known @ np.linalg.lstsq(known, wanted, rcond=None)[0]
    variance = wanted.var()
    return float(1 - np.mean((wanted - fitted) ** 2) / variance) if variance > 0 else float("nan")


def detail(frame: Array, where: Mask) -> float:
    """Return the standard deviation of the fine structure of a frame.

    Fine structure is what is left of an image once a Gaussian of 2 pixels has
    been taken away. Noise counts like detail: see `similarity`.
    """
    return float(_fine(frame)[where].std())


def similarity(frame: Array, truth: Array, where: Mask) -> float:
    """Return the correlation of the fine structure of a frame with that of the true one."""
    return float(np.corrcoef(_fine(frame)[where], _fine(truth)[where])[0, 1])


def true_tracers(
    velocity: Array, known: Mask, spacing: int = 12, margin: int = 16
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Place points on an even grid and follow them along the true motion.

    Points that leave the image, or come near to places whose true motion is
    but a convention, are left out: what happens at a jump depends on how it is
    read between pixels.

    Parameters
    ----------
    velocity : ndarray, shape (n, 2, H, W)
        True motion of each stage, in pixels per stage.
    known : ndarray of bool, shape (n, H, W)
        Where the motion is known.
    spacing, margin : int
        Distance of the points to each other and to the border.

    Returns
    -------
    times : ndarray, shape (T,)
        Starts and ends of all stages.
    paths : ndarray, shape (P, T, 2)
        (y, x) of each point.
    """
    height, width = known.shape[1:]
    rows, columns = np.mgrid[margin : height - margin : spacing, margin : width - margin : spacing]
    points = np.stack([rows.ravel(), columns.ravel()], axis=1).astype(np.float64)
    times = np.linspace(0, 1, len(velocity) + 1)
    paths = trajectories(velocity, points, times, 0.0, interpolation="linear")
    near = ndimage.binary_dilation(~known, np.ones((1, 2 * _AWAY + 1, 2 * _AWAY + 1), bool))
    kept = np.isfinite(paths).all(axis=(1, 2))
    for k, gap in enumerate(near):
        for at in (k, k + 1):
            y, x = np.clip(
                np.nan_to_num(paths[:, at]).round().astype(int), 0, [height - 1, width - 1]
            ).T
            kept &= ~gap[y, x]
    return times, paths[kept]


def carried(velocity: Array, times: Sequence[float] | Array, points: Array) -> NDArray[np.float64]:
    """Follow points along the fields of a method.

    Parameters
    ----------
    velocity : ndarray, shape (n, 2, H, W)
        In pixels per stage.
    times : sequence of float, shape (T,)
        Fractions of the interval.
    points : ndarray, shape (P, 2)
        (y, x) at the beginning.

    Returns
    -------
    ndarray, shape (P, T, 2)
        A point that leaves the image is NaN from then on.
    """
    return trajectories(velocity, points, np.asarray(times), 0.0, interpolation="linear")


def straight(flow: Array, times: Sequence[float] | Array, points: Array) -> NDArray[np.float64]:
    """Move points on straight lines at constant speed, as optical flow means it.

    Parameters
    ----------
    flow : ndarray, shape (2, H, W)
        From the first image to the last, in pixels.
    times, points
        As for `carried`.
    """
    read = [ndimage.map_coordinates(part, np.transpose(points), order=1) for part in flow]
    way = np.stack(read, axis=-1)[:, None]
    paths = np.asarray(points)[:, None] + np.asarray(times)[None, :, None] * way
    return np.asarray(paths, np.float64)


def tracer_errors(paths: Array, truth: Array) -> NDArray[np.float64]:
    """Return the distances (P, T) in pixels of paths (P, T, 2) from the true ones."""
    return np.asarray(np.hypot(*np.moveaxis(np.asarray(paths, np.float64) - truth, -1, 0)))


def sagitta(paths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far straight ways are off half way, where both ends are right.

    Parameters
    ----------
    paths : ndarray, shape (P, T, 2)
        Paths at evenly spaced times, an odd number of them.

    Returns
    -------
    ndarray, shape (P,)
        Distance of the point half way from the middle of both ends, in pixels.
    """
    half = paths.shape[1] // 2
    return np.asarray(np.hypot(*(paths[:, half] - (paths[:, 0] + paths[:, -1]) / 2).T))


def _fine(image: Array) -> NDArray[np.float64]:
    image = np.asarray(image, np.float64)
    return np.asarray(image - ndimage.gaussian_filter(image, _DETAIL))


def darkness(frame: Array, where: Mask, ice: float, water: float) -> float:
    """Return how far a frame has darkened from ice to water.

    Parameters
    ----------
    frame : ndarray, shape (H, W)
        The frame.
    where : ndarray of bool, shape (H, W)
        Pixels that are averaged.
    ice, water : float
        Brightness of both.

    Returns
    -------
    float
        0 where it is as bright as ice, and 1 where it is as dark as water.
    """
    return float((ice - frame[where].mean()) / (ice - water))
