"""Growth and decay: each value grows by a constant factor per time along its path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_latentdyn.equations.base import Equation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

__all__ = ["LEAST", "Growth"]

#: Amount, as a part of the intensity range, below which growth is linear in time instead of
#: exponential: noise around zero intensity has no growth rate. Chosen on generated colonies with
#: noise of 0 to 3 % of the range.
LEAST = 0.01


class Growth(Equation):
    """Exponential growth with a rate of each path, which both observations determine.

    The solution is the geometric mean of both observations above zero intensity, carried along
    the paths and weighted by time: ``z = z_0^(1 - t) z_T^t``. The scale of values is
    ``asinh(z / 2 e)``: the logarithm of large values, and linear around zero.
    """

    name = "growth"
    title = "growth and decay"
    formula = r"\partial_t z + v \cdot \nabla z = g z, \qquad \partial_t g + v \cdot \nabla g = 0"
    conserves = "the rate of growth of every point along its path"
    choose = (
        "Intensity multiplies or decays by a factor (a colony, a tracer that decays, a light that "
        "fades) by half or more between the images. Zero intensity must mean that nothing is there."
    )
    joint = True
    explains_brightness = True
    constants = ("rate",)

    def scaled(self, amount: Tensor, coefficients: Mapping[str, Tensor]) -> Tensor:
        """Return the logarithm of large amounts, and small ones in proportion."""
        return (amount / (2 * LEAST)).asinh()

    def unscaled(self, value: Tensor, coefficients: Mapping[str, Tensor]) -> Tensor:
        """Return the amounts of values on the scale."""
        return value.sinh() * (2 * LEAST)
