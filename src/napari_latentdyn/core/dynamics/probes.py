"""Values of frames at chosen places: at points, along lines, along the paths of tracers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from napari_latentdyn.errors import DerivedError

__all__ = ["at_points", "line_points", "profile"]

Floats = NDArray[np.float64]


def at_points(frames: ArrayLike, points: ArrayLike) -> Floats:
    """Return the values at points over time, interpolated bilinearly.

    Parameters
    ----------
    frames : array_like, shape (T, H, W) or (T, C, H, W)
        Frames, or a quantity of each stage, such as its speed.
    points : array_like, shape (P, 2) or (P, T, 2)
        Places (y, x) in pixels: the same in all frames, or, as `trajectories`
        returns them, one for each frame.

    Returns
    -------
    ndarray of float64, shape (T, P) or (T, C, P)
        NaN outside of the image, and where a pixel beside it is NaN.

    Raises
    ------
    DerivedError
        If shapes do not fit.
    """
    values, places = _checked_frames(frames), np.asarray(points, dtype=np.float64)
    if places.shape == (2,):
        places = places[None]
    moving = places.ndim == 3
    if places.ndim not in (2, 3) or places.shape[-1] != 2:
        raise DerivedError(
            f"points must have the shape (P, 2) or (P, T, 2), (y, x); got {places.shape}."
        )
    if moving and places.shape[1] != len(values):
        raise DerivedError(
            f"points at {places.shape[1]} times do not fit {len(values)} frames: give the times "
            "of the frames to the trajectories."
        )
    out = np.empty((*values.shape[:-2], len(places)))
    for t, frame in enumerate(values):
        out[t] = _read(frame, places[:, t] if moving else places)
    return out


def profile(frames: ArrayLike, line: ArrayLike, *, spacing: float = 1.0) -> Floats:
    """Return the values along a line over time: a space-time diagram.

    Parameters
    ----------
    frames : array_like, shape (T, H, W) or (T, C, H, W)
        Frames, or a quantity of each stage, such as its speed.
    line : array_like, shape (L, 2)
        Corners (y, x) of the line in pixels.
    spacing : float
        Distance of the samples along the line in pixels, about.

    Returns
    -------
    ndarray of float64, shape (T, S) or (T, C, S)
        NaN outside of the image, and where a pixel beside the line is NaN. The
        places are those of `line_points`.

    Raises
    ------
    DerivedError
        If the line has no length, or shapes do not fit.
    """
    return at_points(frames, line_points(line, spacing=spacing))


def line_points(line: ArrayLike, *, spacing: float = 1.0) -> Floats:
    """Return evenly spaced points along a line, both ends included.

    Parameters
    ----------
    line : array_like, shape (L, 2)
        Corners (y, x).
    spacing : float
        Distance of the points; it is made a little smaller, so that a whole
        number of steps fits.

    Returns
    -------
    ndarray of float64, shape (S, 2)

    Raises
    ------
    DerivedError
        If the line has no length.
    """
    corners = np.asarray(line, dtype=np.float64)
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 2:
        raise DerivedError(f"a line must have the shape (L, 2), (y, x); got {corners.shape}.")
    if not spacing > 0:
        raise DerivedError(f"the spacing must be a positive number; got {spacing}.")
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(corners, axis=0).T))])
    if not (np.isfinite(along[-1]) and along[-1] > 0):
        raise DerivedError("the line has no length: give at least two different points.")
    # Rounding must not add a step to a line that is a whole number of them long.
    count = max(1, int(np.ceil(along[-1] / spacing - 1e-9)))
    samples = np.linspace(0.0, along[-1], count + 1)
    return np.stack([np.interp(samples, along, corners[:, axis]) for axis in (0, 1)], axis=1)


def _checked_frames(frames: ArrayLike) -> NDArray[Any]:
    values = np.asarray(frames)
    if values.ndim not in (3, 4):
        raise DerivedError(
            f"frames must have the shape (T, H, W) or (T, C, H, W); got {values.shape}."
        )
    return values


def _read(frame: NDArray[Any], points: Floats) -> Floats:
    """Return values of (H, W) or (C, H, W) at points (P, 2), as (P,) or (C, P)."""
    limit = np.array(frame.shape[-2:], dtype=np.float64) - 0.5
    with np.errstate(invalid="ignore"):
        within = np.all((points >= -0.5) & (points <= limit), axis=1)
    places = np.clip(np.where(within[:, None], points, 0.0), 0.0, limit - 0.5).T
    planes = frame.reshape(-1, *frame.shape[-2:])
    read = np.stack(
        [ndimage.map_coordinates(plane.astype(np.float64), places, order=1) for plane in planes]
    )
    return np.where(within, read, np.nan).reshape(*frame.shape[:-2], len(points))
