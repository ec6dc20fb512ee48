"""Points on a regular grid in an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["evenly_spaced", "grid_points"]


def evenly_spaced(size: int, spacing: int) -> NDArray[np.intp]:
    """Return indices of an axis that are `spacing` apart, with equal margins at both ends.

    A spacing of at least `size` gives one index, in the middle.
    """
    return np.arange((size - 1) % spacing // 2, size, spacing, dtype=np.intp)


def grid_points(shape: tuple[int, int], spacing: int) -> NDArray[np.float64]:
    """Return points on a grid in the middle of an image, (P, 2), as (y, x) in pixels."""
    axes = (evenly_spaced(size, spacing) for size in shape)
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    return grid.reshape(-1, 2).astype(np.float64)
