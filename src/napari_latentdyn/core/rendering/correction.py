"""Correction of frames by a few numbers that were learned from hidden images of a series."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.physics.operators import smooth

__all__ = ["Correction", "correction_terms"]

#: Standard deviations in pixels of the blur where the observations disagree, and of that which is
#: subtracted where they agree.
_BLUR, _SHARP = 1.0, 0.7
#: Difference between the observations, in normalised intensity, with half of the full effect.
_HALF = 0.07


@dataclass(frozen=True)
class Correction:
    """Shares of three changes of a frame; a frame without a correction has the shares zero.

    Attributes
    ----------
    blur : float
        Blur where the observations, carried to the time of the frame, disagree.
    dissolve : float
        Average of both observations without motion, where they disagree.
    even : float
        Blur where they agree; negative where carrying them has blurred the frame.
    """

    blur: float = 0.0
    dissolve: float = 0.0
    even: float = 0.0

    @classmethod
    def from_array(cls, values: NDArray[np.floating]) -> Self:
        """Return the correction that `to_array` described."""
        return cls(*np.asarray(values, np.float64).tolist())

    def to_array(self) -> NDArray[np.float64]:
        """Return the three shares."""
        return np.array(astuple(self), np.float64)

    def apply(self, terms: Tensor) -> Tensor:
        """Return the change of a frame, (1, C, h, w), from its `correction_terms`."""
        shares = terms.new_tensor(self.to_array())
        change: Tensor = torch.tensordot(shares, terms, dims=1)
        return change


def correction_terms(frame: Tensor, still: Tensor, variance: Tensor, time: float) -> Tensor:
    """Return the changes of a frame whose shares are learned, (3, 1, C, h, w).

    All are zero at the times of the observations, which frames reproduce.

    Parameters
    ----------
    frame : Tensor, shape (1, C, h, w)
        Normalised frame.
    still : Tensor, shape (1, C, h, w)
        Average of both observations without motion.
    variance : Tensor, shape (1, 1, h, w)
        Variance of the states that are fused to the frame.
    time : float
        Fraction of the interval.
    """
    # The difference of two observations of equal weight is twice their standard deviation.
    doubt = 4 * variance / (4 * variance + _HALF**2)
    between = 4 * time * (1 - time)
    return between * torch.stack(
        [
            doubt * (smooth(frame, _BLUR) - frame),
            doubt * (still - frame),
            (1 - doubt) * (smooth(frame, _SHARP) - frame),
        ]
    )
