"""Continuity: a density, whose mass is conserved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_latentdyn.equations.base import Equation

if TYPE_CHECKING:
    from torch import Tensor

    from napari_latentdyn.equations.base import Path

__all__ = ["Continuity"]


class Continuity(Equation):
    """Density grows where the flow converges, by the ratio of the areas along the path.

    The remaining difference of both observations along the paths is spread evenly over time, as in
    `AdvectionWithSource`.
    """

    name = "continuity"
    title = "continuity (mass is conserved)"
    formula = r"\partial_t z + \nabla \cdot (z v) = 0"
    conserves = "the integral of the intensity over any area that moves with the flow"
    choose = (
        "Intensity is an amount per area (a concentration, a number of cells, water in a cloud) "
        "and the flow converges or diverges. Zero intensity must mean that nothing is there."
    )
    bounded = False
    explains_brightness = True

    def along(self, state: Tensor, path: Path) -> Tensor:
        """Return the density: the mass of a pixel comes from a larger or a smaller area."""
        # A fold of the map brings two places onto one; an area is never negative.
        return path.zero + (state - path.zero) * path.area().clamp_min(0.0)
