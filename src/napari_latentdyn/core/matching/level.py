"""Both images at one size of the pyramid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from napari_latentdyn.core.physics.sampling import inside, sample

__all__ = ["Level"]


@dataclass(frozen=True)
class Level:
    """Both images at one size of the pyramid.

    Attributes
    ----------
    first, last : Tensor, shape (1, F, H, W)
        Their features.
    valid_first, valid_last : Tensor, shape (1, 1, H, W)
        One where a pixel is there, zero where it is missing.
    hidden : Tensor of bool, shape (1, 1, H, W), optional
        True where the images must not be compared half way, to see later how
        well the velocity is predicted there.
    """

    first: Tensor
    last: Tensor
    valid_first: Tensor
    valid_last: Tensor
    hidden: Tensor | None = None

    @cached_property
    def _complete(self) -> bool:
        """Whether no pixel is missing: then there is nothing to look up."""
        return bool((self.valid_first == 1).all() and (self.valid_last == 1).all())

    def seen(self, origins: Tensor, goals: Tensor) -> Tensor:
        """Return where both images show a point and may be compared, as (1, 1, H, W) of bool.

        Parameters
        ----------
        origins, goals : Tensor, shape (1, 2, H, W)
            Where the points are in the first and in the last image.
        """
        shape = (self.first.shape[-2], self.first.shape[-1])
        seen = inside(origins, shape) & inside(goals, shape)
        if not self._complete:
            seen &= sample(self.valid_first, origins) * sample(self.valid_last, goals) > 0.99
        return seen if self.hidden is None else seen & ~self.hidden
