"""Sizes of the levels of a large scene, and means of 2 x 2 pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["halved", "level_shapes", "whole_tile"]

Shape = tuple[int, int]


def level_shapes(shape: Shape, most: int) -> list[Shape]:
    """Return the sizes of the levels, full resolution first.

    Each side is half of the one before, rounded up. The last level is the first one of at
    most `most` pixels.
    """
    shapes = [shape]
    while shapes[-1][0] * shapes[-1][1] > most and min(shapes[-1]) > 1:
        height, width = shapes[-1]
        shapes.append((-(-height // 2), -(-width // 2)))
    return shapes


def whole_tile(side: int, levels: int) -> int:
    """Return the side of tiles, at least `side`, that is whole pixels on each of the levels."""
    step = 1 << levels
    return -(-side // step) * step


def halved(values: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return the means of 2 x 2 pixels (..., H, W); odd sides are rounded up.

    NaN pixels are left out of the means; where more than half are NaN, the mean is NaN.
    """
    height, width = values.shape[-2:]
    pad = [(0, 0)] * (values.ndim - 2) + [(0, height % 2), (0, width % 2)]
    whole = np.pad(values, pad, mode="edge")
    rows, columns = (size // 2 for size in whole.shape[-2:])
    blocks = whole.reshape(*values.shape[:-2], rows, 2, columns, 2)
    known = np.isfinite(blocks)
    count = known.sum(axis=(-3, -1))
    if count.min() == 4:
        return np.asarray(blocks.mean(axis=(-3, -1), dtype=values.dtype))
    total = np.where(known, blocks, 0).sum(axis=(-3, -1))
    mean = total / np.maximum(count, 1)
    return np.where(count >= 2, mean, np.nan).astype(values.dtype)
