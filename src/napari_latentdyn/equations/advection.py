"""Advection: values move and keep their size."""

from __future__ import annotations

from napari_latentdyn.equations.base import Equation

__all__ = ["Advection"]


class Advection(Equation):
    """The equation of the paper (HLG 3c), solved from the first observation alone."""

    name = "advection"
    title = "advection"
    formula = r"\partial_t z + v \cdot \nabla z = 0"
    conserves = "the value of every point along its path, hence the extremes of the image"
    choose = (
        "Values change only by motion, and the first image is more reliable than the last, as in "
        "the paper. Frames reach the last image only as far as the velocity explains it."
    )

    def shares(self, time: float) -> tuple[float, float]:
        """Return the weights of both observations: the first one determines the solution."""
        return 1.0, 0.0
