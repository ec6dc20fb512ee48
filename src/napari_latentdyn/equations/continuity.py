"""Continuity: a density, whose mass is conserved."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from napari_latentdyn.equations.base import Equation

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_latentdyn.equations.base import Path

__all__ = ["Continuity"]

#: Variance in pixels^2 of the neighbourhood over which areas are averaged: a matched velocity is
#: not known on a finer scale, and its derivatives are noisy. Chosen on generated scenes (seeds 0
#: to 2).
_VARIANCE = 16.0


class Continuity(Equation):
    """Density grows where the flow converges, by the ratio of the areas along the path.

    Areas are averaged over a neighbourhood of a few pixels. The remaining difference of both
    observations along the paths is spread evenly over time, as in `AdvectionWithSource`.
    """

    name = "continuity"
    title = "continuity (mass is conserved)"
    formula = r"\partial_t z + \nabla \cdot (z v) = 0"
    conserves = (
        "the integral of the intensity over any area of ten pixels across and more that moves "
        "with the flow"
    )
    choose = (
        "Intensity is an amount per area (a concentration, a number of cells, water in a cloud) "
        "and the flow converges or diverges. Zero intensity must mean that nothing is there."
    )
    bounded = False
    explains_brightness = True

    def reach(self, coefficients: Mapping[str, NDArray[np.float32]]) -> int:
        """Return the width of the margin from which areas are averaged."""
        return 2 + math.ceil(4 * math.sqrt(_VARIANCE))

    def along(self, state: Tensor, path: Path) -> Tensor:
        """Return the density: the mass of a pixel comes from a larger or a smaller area."""
        # A fold of the map brings two places onto one; an area is never negative.
        area = path.smooth(path.area(), _VARIANCE).clamp_min(0.0)
        return path.zero + (state - path.zero) * area
