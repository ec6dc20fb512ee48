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

    from napari_latentdyn.equations.base import Compared, Meeting

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
    constants = ("capacity",)

    def coefficients(
        self, compared: Compared, given: Mapping[str, NDArray[np.float32]]
    ) -> dict[str, NDArray[np.float32]]:
        """Return the capacity above zero intensity of each channel, (C,)."""
        import numpy as np

        if "capacity" in given or not compared.seen.any():
            return dict(given)
        ends = zip((compared.first, compared.last), compared.zeros, strict=True)
        amounts = np.stack([(image - zero)[:, compared.seen] for image, zero in ends])
        most = np.percentile(amounts, _LARGEST, axis=(0, 2))
        return {"capacity": np.maximum(most, 4 * LEAST).astype(np.float32)}

    def scaled(self, amount: Tensor, meeting: Meeting) -> Tensor:
        """Return the logit of the part of the capacity that is reached."""
        part = 2 * amount / self._capacity(meeting) - 1
        least, steepness = self._limits(meeting)
        inner = part.clamp(-1, 1).minimum(1 - least).maximum(least - 1)
        return 2 * inner.atanh() + steepness * (part - inner)

    def unscaled(self, value: Tensor, meeting: Meeting) -> Tensor:
        """Return the amounts of values on the scale."""
        least, steepness = self._limits(meeting)
        limit = 2 * (1 - least).atanh()
        inner = value.minimum(limit).maximum(-limit)
        part = (inner / 2).tanh() + (value - inner) / steepness
        return (part + 1) / 2 * self._capacity(meeting)

    def _capacity(self, meeting: Meeting) -> Tensor:
        return meeting.coefficients["capacity"]

    def _limits(self, meeting: Meeting) -> tuple[Tensor, Tensor]:
        """Return where the tangents begin, from both ends of [-1, 1], and their steepness."""
        least = 2 * LEAST / self._capacity(meeting)
        return least, 2 / (1 - (1 - least) ** 2)
