"""What a method makes of a pair of images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]


@dataclass(frozen=True)
class Outcome:
    """Frames between two images, and what else a method knows.

    Attributes
    ----------
    frames : ndarray of float32, shape (T, H, W)
        One for each time that was asked for.
    displacement : ndarray of float32, shape (2, H, W), or None
        How far each pixel of the first image moves in the whole interval, rows
        first.
    confidence : ndarray of float32, shape (T, H, W), or None
        How far the frames can be trusted, from 0 to 1.
    """

    frames: NDArray[np.float32]
    displacement: NDArray[np.float32] | None = None
    confidence: NDArray[np.float32] | None = None
