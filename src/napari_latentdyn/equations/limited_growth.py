"""Limited growth: growth that ends at a carrying capacity (Verhulst)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_latentdyn.equations.base import Equation
from napari_latentdyn.equations.growth import LEAST

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_latentdyn.equations.base import Compared

__all__ = ["LimitedGrowth"]

#: Percentile of both images that estimates the carrying capacity: the largest value is noise.
_LARGEST = 99.9


class LimitedGrowth(Equation):
    """Logistic growth with a rate of each path, which both observations determine.

    The scale of values is the logit of the part of the capacity that is reached, with its tangent
    beyond `LEAST` from zero and from the capacity.
    """

    name = "limited_growth"
    title = "limited growth"
    formula = (
        r"\partial_t z + v \cdot \nabla z = r z (1 - z / K), "
        r"\qquad \partial_t r + v \cdot \nabla r = 0"
    )
    conserves = "the rate of growth of every point along its path, and the carrying capacity $K$"
    choose = (
        "Intensity grows up to a limit (cells that fill their space, a colony that becomes dense, "
        "a reaction that ends). Zero intensity must mean that nothing is there. The limit is given "
        "or estimated: the largest intensity of both images."
    )
    joint = True
    explains_brightness = True
    constants = ("capacity", "rate")

    def coefficients(
        self, compared: Compared, given: Mapping[str, NDArray[np.float32]]
    ) -> dict[str, NDArray[np.float32]]:
        """Return the capacity above zero intensity and the usual rate of each channel, (C,)."""
        known = dict(given)
        if "capacity" not in known:
            ends = zip((compared.first, compared.last), compared.zeros, strict=True)
            both = [(image - zero).flatten(1) for image, zero in ends]
            most = [values.kthvalue(_rank(values.shape[1]), dim=1).values for values in both]
            known["capacity"] = most[0].maximum(most[1]).clamp(min=4 * LEAST).numpy()
        return super().coefficients(compared, known)

    def scaled(self, amount: Tensor, coefficients: Mapping[str, Tensor]) -> Tensor:
        """Return the logit of the part of the capacity that is reached."""
        capacity = coefficients["capacity"]
        part = 2 * amount / capacity - 1
        least, steepness = _tangent(capacity)
        inner = part.minimum(1 - least).maximum(least - 1)
        return 2 * inner.atanh() + steepness * (part - inner)

    def unscaled(self, value: Tensor, coefficients: Mapping[str, Tensor]) -> Tensor:
        """Return the amounts of values on the scale."""
        capacity = coefficients["capacity"]
        least, steepness = _tangent(capacity)
        limit = 2 * (1 - least).atanh()
        inner = value.minimum(limit).maximum(-limit)
        part = (inner / 2).tanh() + (value - inner) / steepness
        return (part + 1) / 2 * capacity


def _tangent(capacity: Tensor) -> tuple[Tensor, Tensor]:
    """Return where the tangents begin, from both ends of [-1, 1], and their steepness."""
    least = (2 * LEAST / capacity).clamp(max=0.5)
    return least, 2 / (1 - (1 - least) ** 2)


def _rank(count: int) -> int:
    return max(1, round(_LARGEST / 100 * count))
