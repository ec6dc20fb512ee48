"""Two images as tensors, with the masks of their missing pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.observations.patches import Window
from napari_latentdyn.core.physics.halfway import HalfWay, carry_half_way
from napari_latentdyn.core.physics.operators import resize
from napari_latentdyn.core.physics.sampling import Interpolation

__all__ = ["MaskedPair"]

#: Least valid fraction of a pixel that is compared: of the given images, whose missing pixels have
#: no value, and of reduced images, whose pixels are the means of the valid ones.
_WHOLE, _REDUCED = 0.99, 0.5


@dataclass(frozen=True, eq=False)
class MaskedPair:
    """First and last image, or features of them, (B, C, H, W), and their masks (1, 1, H, W).

    Masks are the valid fraction of each pixel: one where it is valid, zero where it is missing,
    and None if all are valid. Images are compared where the fraction is at least `least`.
    """

    images: tuple[Tensor, Tensor]
    masks: tuple[Tensor, Tensor] | None = None
    least: float = _WHOLE

    @classmethod
    def from_arrays(
        cls,
        images: tuple[NDArray[np.float32], NDArray[np.float32]],
        valid: tuple[NDArray[np.bool_], NDArray[np.bool_]],
        device: torch.device,
    ) -> MaskedPair:
        """Make a pair from images (C, H, W), which become a batch, and masks (H, W)."""
        first, last = (
            torch.from_numpy(np.ascontiguousarray(image))[:, None].to(device) for image in images
        )
        if valid[0].all() and valid[1].all():
            return cls((first, last))
        masks = [torch.from_numpy(np.ascontiguousarray(mask))[None, None] for mask in valid]
        valid_first, valid_last = (mask.to(device, torch.float32) for mask in masks)
        return cls((first, last), (valid_first, valid_last))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.images[0].shape[-2], self.images[0].shape[-1]

    def resized(self, shape: tuple[int, int]) -> MaskedPair:
        """Return the pair at another size; missing pixels do not enter the means."""
        if self.masks is None or shape == self.shape:
            first, last = (resize(image, shape) for image in self.images)
            return MaskedPair((first, last), self.masks, self.least)
        fractions = [resize(mask, shape) for mask in self.masks]
        first, last = (
            # Where nothing is valid, the values that fill the gaps remain.
            torch.lerp(
                resize(image, shape),
                resize(image * mask, shape) / fraction.clamp_min(1e-3),
                (fraction > 1e-3).to(image.dtype),
            )
            for image, mask, fraction in zip(self.images, self.masks, fractions, strict=True)
        )
        return MaskedPair((first, last), (fractions[0], fractions[1]), _REDUCED)

    def crop(self, window: Window) -> MaskedPair:
        """Return a window of the pair."""
        part = (..., *window.slices)
        first, last = (image[part] for image in self.images)
        if self.masks is None:
            return replace(self, images=(first, last))
        valid_first, valid_last = (mask[part] for mask in self.masks)
        return replace(self, images=(first, last), masks=(valid_first, valid_last))

    def half_way(
        self, places: tuple[Tensor, Tensor], interpolation: Interpolation = "bilinear"
    ) -> HalfWay:
        """Carry both images half way; see `carry_half_way`."""
        return carry_half_way(self.images, places, self.masks, interpolation, self.least)
