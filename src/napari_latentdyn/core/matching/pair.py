"""Two images as tensors, with the masks of their missing pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.physics.halfway import HalfWay, carry_half_way
from napari_latentdyn.core.physics.operators import resize
from napari_latentdyn.core.physics.sampling import Interpolation

__all__ = ["MaskedPair"]


@dataclass(frozen=True, eq=False)
class MaskedPair:
    """First and last image, or features of them, (B, C, H, W), and their masks (1, 1, H, W).

    Masks are one where a pixel is valid, zero where it is missing, and None if all are valid.
    """

    images: tuple[Tensor, Tensor]
    masks: tuple[Tensor, Tensor] | None = None

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
        """Return the pair at another size."""
        first, last = (resize(image, shape) for image in self.images)
        if self.masks is None:
            return MaskedPair((first, last))
        valid_first, valid_last = (resize(mask, shape) for mask in self.masks)
        return MaskedPair((first, last), (valid_first, valid_last))

    def half_way(
        self, places: tuple[Tensor, Tensor], interpolation: Interpolation = "bilinear"
    ) -> HalfWay:
        """Carry both images half way; see `carry_half_way`."""
        return carry_half_way(self.images, places, self.masks, interpolation)
