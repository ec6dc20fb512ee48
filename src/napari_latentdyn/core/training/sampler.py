"""Batches of patch pairs on the device that trains."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.networks.model import Batch
from napari_latentdyn.core.observations.pair import ImagePair
from napari_latentdyn.core.observations.patches import Window
from napari_latentdyn.core.physics.operators import patch_bounds
from napari_latentdyn.settings import Settings

__all__ = ["PatchSampler"]


class PatchSampler:
    """Cuts pairs of patches out of a pair of images.

    Parameters
    ----------
    pair : ImagePair
        The images; they stay in the main memory.
    windows : sequence of Window
        The patches, all of one size.
    start : ndarray of float32, shape (n, 2, H, W)
        Initial fields in pixels per stage.
    settings : Settings
        `images.normalisation` "patch" brings each pair of patches to [0, 1].
    device : torch.device
        Where batches go.
    hidden : ndarray of bool, shape (H, W), optional
        Pixels of the first image that count as missing.
    """

    def __init__(
        self,
        pair: ImagePair,
        windows: Sequence[Window],
        start: NDArray[np.float32],
        settings: Settings,
        device: torch.device,
        hidden: NDArray[np.bool_] | None = None,
    ) -> None:
        self._windows = windows
        self._device = device
        self._per_patch = settings.images.normalisation == "patch"
        self._first, self._last = (torch.from_numpy(image) for image in pair.normalised())
        valid_first = pair.valid_first if hidden is None else pair.valid_first & ~hidden
        self._valid_first = torch.from_numpy(valid_first)[None]
        self._valid_last = torch.from_numpy(pair.valid_last)[None]
        self._start = torch.from_numpy(start)
        self._zeros = tuple(torch.from_numpy(zero).to(device) for zero in pair.zeros)

    def batch(self, chosen: NDArray[np.int64]) -> Batch:
        """Return the patches of these numbers."""
        first, last = self._cut(self._first, chosen), self._cut(self._last, chosen)
        zero_first, zero_last = self._zeros
        if self._per_patch:
            low, span = patch_bounds(first, last)
            first, last = (first - low) / span, (last - low) / span
            zero_first, zero_last = (zero_first - low) / span, (zero_last - low) / span
        return Batch(
            first=first,
            last=last,
            valid_first=self._cut(self._valid_first, chosen),
            valid_last=self._cut(self._valid_last, chosen),
            start=self._cut(self._start, chosen),
            zero_first=zero_first,
            zero_last=zero_last,
        )

    def _cut(self, values: Tensor, chosen: NDArray[np.int64]) -> Tensor:
        patches = [values[(..., *self._windows[i].slices)] for i in chosen]
        return torch.stack(patches).to(self._device)
