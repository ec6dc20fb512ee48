"""Where the states of both observations meet, for an equation that needs both at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.physics.operators import area_ratio, diffuse
from napari_latentdyn.core.physics.sampling import sample
from napari_latentdyn.core.rendering.fusion import Carried
from napari_latentdyn.equations import Meeting

__all__ = ["Coefficients", "Meetings", "read_coefficient"]

#: Coefficients of an equation by name: numbers (C,), or maps (H, W) on the grid of the last image.
Coefficients = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Meetings:
    """Makes the meetings of one window at one time.

    Attributes
    ----------
    time : float
        Fraction of the interval in [0, 1].
    zeros : pair of Tensor, shape (1, C, 1, 1)
        Values of zero intensity in both states.
    coefficients : mapping of str to ndarray
        Coefficients of the equation.
    """

    time: float
    zeros: tuple[Tensor, Tensor]
    coefficients: Coefficients

    def __call__(self, ends: Sequence[Carried]) -> Meeting:
        """Return the meeting of the states of one member."""
        return self.at([end.places for end in ends if end.places is not None])

    def at(self, places: Sequence[Tensor]) -> Meeting:
        """Return the meeting of points that are at places in both observations."""
        read = {n: read_coefficient(v, places[-1]) for n, v in self.coefficients.items()}
        areas = cache(partial(_areas, places))
        return Meeting(self.time, areas, diffuse, self.zeros, read)


def _areas(places: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    first, last = (area_ratio(at) for at in places)
    return first, last


def read_coefficient(values: NDArray[np.float32], places: Tensor) -> Tensor:
    """Return a coefficient at places, (1, 1, h, w), or a number for each channel, (1, C, 1, 1)."""
    tensor = torch.from_numpy(values).to(places.device)
    return tensor.view(1, -1, 1, 1) if values.ndim == 1 else sample(tensor[None, None], places)
