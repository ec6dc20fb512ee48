"""How well a velocity predicts what was hidden from it.

Two images do not tell how stiff their motion is, and how well a field fits
them says little: a field that is too free fits anything. Hidden blocks do
tell, because there the field follows from its surroundings alone. They are
hidden half way between the images, so that all velocities are judged at the
same places.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from napari_latentdyn.core.matching.pair import MaskedPair
from napari_latentdyn.core.physics.motion import Motion, pixel_ends
from napari_latentdyn.core.physics.operators import smooth
from napari_latentdyn.core.physics.sampling import pixel_grid

__all__ = ["FOLDS", "HoldOut"]

#: Times that other blocks are hidden.
FOLDS = 2
#: Side of the blocks in pixels of the reduced images, and the part of the image that they cover.
_BLOCK = 8
_PART = 0.4
#: Differences count up to here: new features cannot be predicted by anyone.
_LARGEST = 0.2
#: Difference of the two images at which a place counts by half: where nothing changes, any motion
#: predicts as well as any other. Its square is averaged over a neighbourhood of this deviation.
_CHANGE, _REACH = 0.1, 2.0
_SEED = 0


class HoldOut:
    """Hidden blocks half way between two images of half the size.

    Parameters
    ----------
    pair : MaskedPair
        Images of shape (1, 1, H, W), normalised to about [0, 1].
    motion : {"steady", "inertial", "local"}
        How points travel.
    """

    def __init__(self, pair: MaskedPair, motion: Motion) -> None:
        height, width = pair.shape
        self.shape = (max(1, round(height / 2)), max(1, round(width / 2)))
        self._pair = pair.resized(self.shape)
        self._motion: Motion = motion
        first, last = self._pair.images
        change = smooth((last - first).abs().clamp(max=_LARGEST) ** 2, _REACH)
        self._telling = change / (change + _CHANGE**2)
        self._blocks = []
        random = np.random.default_rng(_SEED)
        count = [-(-side // _BLOCK) for side in self.shape]
        for _ in range(FOLDS):
            hidden = random.random(count) < _PART
            # However small the image is, something is hidden, and something is left.
            hidden.flat[0], hidden.flat[-1] = True, hidden.size == 1
            self._blocks.append(torch.from_numpy(hidden).to(first)[None, None])

    def hidden(self, fold: int, shape: tuple[int, int] | None = None) -> Tensor:
        """Return where it is hidden, at half of the size by default, as (1, 1, h, w) of bool."""
        whole = functional.interpolate(self._blocks[fold], scale_factor=float(_BLOCK))
        whole = whole[..., : self.shape[0], : self.shape[1]]
        return (whole if shape is None else functional.interpolate(whole, size=shape)) > 0.5

    def errors(self, velocity: Tensor | None, fold: int) -> tuple[float, float]:
        """Return the weighted sum of squared differences in the hidden blocks, and the weights'.

        Parameters
        ----------
        velocity : Tensor, shape (1, 2, h, w), or None
            Velocity half way at half of the size; None stands still.
        fold : int
            Which blocks were hidden.
        """
        if velocity is None:
            grid = pixel_grid(*self.shape, device=self._telling.device)
            return self._sums((grid, grid), fold)
        return self._sums(pixel_ends(velocity, self._motion), fold)

    def unmoved(self, fold: int) -> tuple[float, float]:
        """Return the sums of `errors` without motion, read between the pixels.

        Interpolation takes away a part of the noise. With motion the images are read at all
        parts of a pixel, and must not seem better for that.
        """
        sums = []
        for offset in itertools.product((0.0, 0.5), repeat=2):
            grid = pixel_grid(*self.shape, device=self._telling.device)
            places = grid + grid.new_tensor(offset).view(1, 2, 1, 1)
            sums.append(self._sums((places, places), fold))
        squares, weights = (sum(part) / len(sums) for part in zip(*sums, strict=True))
        return squares, weights

    def _sums(self, places: tuple[Tensor, Tensor], fold: int) -> tuple[float, float]:
        carried = self._pair.half_way(places, "spline")
        weight = (carried.seen & self.hidden(fold)) * self._telling
        return float((carried.distance(_LARGEST) ** 2 * weight).sum()), float(weight.sum())
