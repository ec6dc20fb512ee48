"""Positions in the pixels of an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["inside", "nearest_pixels"]


def inside(points: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return which points (P, 2) lie within the image, half a pixel around its outer centres."""
    limit = np.asarray(shape, dtype=np.float64) - 0.5
    return np.asarray(np.all((points >= -0.5) & (points <= limit), axis=-1))


def nearest_pixels(
    points: NDArray[np.float64], shape: tuple[int, ...]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows and columns, (P,) each, of the pixels that are nearest to points (P, 2)."""
    rows, columns = np.clip(np.rint(points), 0, np.array(shape) - 1).astype(np.intp).T
    return rows, columns
