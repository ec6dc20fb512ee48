"""Intensity taken for mass, as both ways of optimal transport do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.observations.pair import ImagePair

__all__ = ["Masses", "masses_of"]


@dataclass(frozen=True)
class Masses:
    """One channel of a pair as two distributions of mass.

    The darkest intensity of both images is no mass. Both distributions have
    the mass one; a frame gets back the mass between that of the two images.

    Attributes
    ----------
    first, last : ndarray of float64, shape (H, W)
        Not negative, with sum 1.
    ground : float
        Intensity that stands for no mass.
    totals : tuple of float
        Mass of the first and of the last image.
    """

    first: NDArray[np.float64]
    last: NDArray[np.float64]
    ground: float
    totals: tuple[float, float]

    def image(self, share: NDArray[np.float64], time: float) -> NDArray[np.float64]:
        """Return the intensities of a distribution (H, W) at a time; its sum is brought to 1."""
        total = (1 - time) * self.totals[0] + time * self.totals[1]
        image: NDArray[np.float64] = share * (total / share.sum()) + self.ground
        return image


def masses_of(pair: ImagePair, channel: int) -> Masses | None:
    """Return the masses of a channel; None if one image has none, so that nothing can move."""
    ends = np.stack([pair.first[channel], pair.last[channel]]).astype(np.float64)
    ground = float(ends.min())
    ends -= ground
    totals = ends.sum(axis=(1, 2))
    if not totals.all():
        return None
    first, last = ends / totals[:, None, None]
    return Masses(first, last, ground, (float(totals[0]), float(totals[1])))
