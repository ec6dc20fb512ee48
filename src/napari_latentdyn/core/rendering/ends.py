"""Both observations of an interval as tensors, normalised window by window."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.observations.patches import Window
from napari_latentdyn.core.physics.operators import patch_bounds
from napari_latentdyn.core.physics.sampling import inside, sample

__all__ = ["Ends"]


class _Masks:
    """Masks of both observations on the device, and whether each is true everywhere."""

    def __init__(self, masks: NDArray[np.bool_], device: torch.device) -> None:
        self.of = [torch.from_numpy(mask)[None, None].to(device) for mask in masks]
        self.complete = [bool(mask.all()) for mask in masks]


class Ends:
    """The two observations of an interval.

    Parameters
    ----------
    model : LatentDynamics
        Its settings say how windows are normalised; windows, masks and values of zero
        intensity are on its device.
    observations : Observations
        Two images.
    """

    def __init__(self, model: LatentDynamics, observations: Observations) -> None:
        device = next(model.parameters()).device
        self.images = tuple(torch.from_numpy(image)[None] for image in observations.normalised())
        self._shown = _Masks(observations.shown, device)
        self._valid = self._shown
        if observations.estimated is not None:
            self._valid = _Masks(observations.valid, device)
        self._zeros = tuple(torch.from_numpy(zero)[None].to(device) for zero in observations.zeros)
        self._model, self._device, self._shape = model, device, observations.shape
        self._per_patch = model.settings.images.normalisation == "patch"

    @property
    def complete(self) -> bool:
        """Whether both images show every pixel."""
        return all(self._shown.complete)

    def crop(self, window: Window) -> tuple[Tensor, Tensor]:
        """Return a window of both images, (1, C, h, w), on the device."""
        first, last = (image[(..., *window.slices)].to(self._device) for image in self.images)
        return first, last

    def bounds(self, window: Window | None = None) -> tuple[Tensor, Tensor]:
        """Return minimum and range with which a window is normalised, or the whole image."""
        if not self._per_patch:
            zero = torch.zeros(1, 1, 1, 1, device=self._device)
            return zero, zero + 1
        images = self.crop(window) if window is not None else self.whole
        return patch_bounds(*images)

    @property
    def whole(self) -> tuple[Tensor, Tensor]:
        """Both images, (1, C, H, W), on the device."""
        first, last = (image.to(self._device) for image in self.images)
        return first, last

    def zeros(self, low: Tensor, span: Tensor) -> tuple[Tensor, Tensor]:
        """Return the values of zero intensity in both images, normalised by `bounds`."""
        first, last = self._zeros
        return (first - low) / span, (last - low) / span

    def seen(self, end: int, places: Tensor, *, valid: bool) -> tuple[Tensor, Tensor]:
        """Return where an observation contains positions, and where its nearest pixel is shown.

        With `valid`, estimated pixels do not count. Both are (1, 1, h, w) of bool for positions
        (1, 2, h, w).
        """
        masks = self._valid if valid else self._shown
        if not masks.complete[end]:
            known = sample(masks.of[end].float(), places, "nearest") > 0.5
            return self._model.seen(masks.of[end], places), known
        everywhere = torch.ones_like(places[:, :1], dtype=torch.bool)
        if self._model.settings.physics.border != "exclude":
            return everywhere, everywhere
        return inside(places, self._shape), everywhere
