"""Advection with source: the gain of a value along its path is spread evenly over time."""

from __future__ import annotations

from napari_latentdyn.equations.base import Equation

__all__ = ["AdvectionWithSource"]


class AdvectionWithSource(Equation):
    """A constant source along each path, which both observations determine.

    The solution is the mean of both observations, carried along the paths and
    weighted by time: ``z = (1 - t) z_0 + t z_T``.
    """

    name = "source"
    title = "advection with source"
    formula = r"\partial_t z + v \cdot \nabla z = s, \qquad \partial_t s + v \cdot \nabla s = 0"
    conserves = "the rate at which every point gains or loses along its path"
    choose = (
        "Objects brighten, fade, appear or vanish while they move. Frames agree with both images "
        "at the ends. This is the usual choice."
    )
