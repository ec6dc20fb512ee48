"""Standard deviations as products of powers of measured terms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Calibration"]


@dataclass(frozen=True)
class Calibration:
    """A standard deviation as a factor times powers of positive terms.

    Factor and exponents are fitted to generated scenes, so that a normal distribution of this
    deviation covers the true errors; see ``benchmarks/trust``.

    Attributes
    ----------
    factor : float
        Standard deviation where all terms are one.
    exponents : tuple of F float
        Not negative: a larger term never decreases the deviation.
    """

    factor: float
    exponents: tuple[float, ...]

    def std(self, terms: Tensor) -> Tensor:
        """Return the standard deviations, (1, h, w), from positive terms, (F, h, w)."""
        powers = terms.new_tensor(self.exponents).view(-1, 1, 1)
        exponent = (powers * terms.log()).sum(dim=0, keepdim=True)
        return torch.exp(exponent + math.log(self.factor))
