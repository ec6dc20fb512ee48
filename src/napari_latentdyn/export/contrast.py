"""The range of intensities that a picture shows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["contrast_limits"]


def contrast_limits(values: NDArray[Any]) -> tuple[float, float]:
    """Return limits between which nearly all finite values lie, the first below the second."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(finite, (0.5, 99.5)))
    if not low < high:
        low, high = float(finite.min()), float(finite.max())
    if not low < high:
        high = low + max(1.0, abs(low) * 1e-3)
    return low, high
