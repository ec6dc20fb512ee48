"""The prediction error of a velocity in blocks that were hidden from the matching.

The difference of two images does not determine how stiff their motion is: a field that is
too free fits any images. In hidden blocks the field follows from its surroundings
alone. The blocks lie half way between the images, so that the errors of all
velocities are measured at the same places.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from napari_latentdyn.core.matching.pair import MaskedPair
from napari_latentdyn.core.physics.motion import Motion, pixel_ends
from napari_latentdyn.core.physics.operators import smooth
from napari_latentdyn.core.physics.sampling import pixel_grid

__all__ = ["FOLDS", "HoldOut"]

#: Number of sets of blocks.
FOLDS = 2
#: Side of the blocks in pixels of the reduced images, and the fraction of the image they cover.
_BLOCK, _FRACTION = 8, 0.4
#: Largest difference that counts: new features cannot be predicted.
_LARGEST = 0.2
#: Difference of the two images at which the weight is one half: where nothing changes, all motions
#: predict equally well. Standard deviation in pixels of the neighbourhood of its mean square.
_CHANGE, _SIGMA = 0.1, 2.0
_SEED = 0


class HoldOut:
    """Hidden blocks half way between two images.

    Parameters
    ----------
    pair : MaskedPair
        Images of shape (1, 1, H, W), normalised to about [0, 1].
    motion : {"steady", "inertial", "local"}
        Acceleration along the paths.
    """

    def __init__(self, pair: MaskedPair, motion: Motion) -> None:
        self.shape = pair.shape
        self._pair = pair
        self._motion: Motion = motion
        first, last = self._pair.images
        change = smooth((last - first).abs().clamp(max=_LARGEST) ** 2, _SIGMA)
        self._weight = change / (change + _CHANGE**2)
        self._blocks = []
        random = np.random.default_rng(_SEED)
        count = [-(-side // _BLOCK) for side in self.shape]
        for _ in range(FOLDS):
            hidden = random.random(count) < _FRACTION
            # At least one block is hidden and one is not, also in a small image.
            hidden.flat[0], hidden.flat[-1] = True, hidden.size == 1
            self._blocks.append(torch.from_numpy(hidden).to(first)[None, None])

    def hidden(self, fold: int) -> Tensor:
        """Return True in hidden blocks, (1, 1, H, W)."""
        whole = functional.interpolate(self._blocks[fold], scale_factor=float(_BLOCK))
        return whole[..., : self.shape[0], : self.shape[1]] > 0.5

    def errors(self, velocity: Tensor, fold: int) -> NDArray[np.float64]:
        """Return weighted sums of squared differences in a set of blocks, and sums of weights.

        `velocity` half way is (B, 2, H, W), the result (B, 2).
        """
        return self._sums(pixel_ends(velocity, self._motion), fold)

    def still(self, fold: int) -> NDArray[np.float64]:
        """Return `errors` without motion, (1, 2)."""
        grid = pixel_grid(*self.shape, device=self._weight.device)
        return self._sums((grid, grid), fold)

    def unmoved(self, fold: int) -> NDArray[np.float64]:
        """Return `errors` without motion, for images interpolated between the pixels.

        Interpolation removes a part of the noise, as it does with motion.
        """
        grid = pixel_grid(*self.shape, device=self._weight.device)
        offsets = [
            grid.new_tensor(offset).view(1, 2, 1, 1)
            for offset in itertools.product((0.0, 0.5), repeat=2)
        ]
        sums = [self._sums((grid + offset, grid + offset), fold) for offset in offsets]
        return np.asarray(np.mean(sums, axis=0))

    def _sums(self, places: tuple[Tensor, Tensor], fold: int) -> NDArray[np.float64]:
        carried = self._pair.half_way(places, "spline")
        weight = (carried.seen & self.hidden(fold)) * self._weight
        sums = [
            part.double().sum(dim=(1, 2, 3))
            for part in (carried.distance(_LARGEST) ** 2 * weight, weight)
        ]
        return np.asarray(torch.stack(sums, dim=1).cpu())
