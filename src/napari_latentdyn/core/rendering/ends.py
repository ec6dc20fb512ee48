"""Both observations of an interval as tensors, normalised window by window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.moving import moving_part
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.observations.patches import Window
from napari_latentdyn.core.physics.operators import patch_bounds
from napari_latentdyn.core.physics.sampling import inside, sample

__all__ = ["Ends", "spread_without_motion", "without_motion"]


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
        Two images. The pixels of their still regions and walls are filled from those next to
        them, which count only where nothing else is known.
    """

    def __init__(self, model: LatentDynamics, observations: Observations) -> None:
        device = next(model.parameters()).device
        moving = moving_part(observations)
        self.images = tuple(torch.from_numpy(image)[None] for image in moving.normalised())
        self._shown = self._moving = self._valid = _Masks(observations.shown, device)
        blocked = observations.known.regions.blocked
        if blocked is not None:
            self._moving = self._valid = _Masks(observations.shown & ~blocked, device)
        if observations.estimated is not None:
            self._valid = _Masks(moving.valid, device)
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
        masks, shown = self._moving, self._shown
        if valid:
            masks = shown = self._valid
        if not masks.complete[end]:
            known = sample(shown.of[end].float(), places, "nearest") > 0.5
            return self._model.seen(masks.of[end], places), known
        everywhere = torch.ones_like(places[:, :1], dtype=torch.bool)
        if self._model.settings.physics.border != "exclude":
            return everywhere, everywhere
        return inside(places, self._shape), everywhere


def without_motion(
    observations: Observations, times: Sequence[float], chosen: NDArray[np.bool_]
) -> NDArray[np.floating[Any]]:
    """Return pixels that do not move at times, (T, C, N), in the units of the images.

    Parameters
    ----------
    observations : Observations
        Two images.
    times : sequence of T float
        Fractions of the interval.
    chosen : ndarray of bool, shape (H, W)
        The N pixels.
    """
    part = np.asarray(times, observations.images.dtype)[:, None, None]
    first, last = observations.images[..., chosen]
    shown = observations.shown[..., chosen]
    # A pixel that one image does not show has the value of the other one.
    share = np.where(shown[0] & shown[1], part, shown[1].astype(part.dtype))
    # The product of a difference of zero is zero: equal values do not change by rounding.
    found = first + share * (last - first)
    return np.where(shown.any(axis=0), found, np.nan)


def spread_without_motion(
    observations: Observations, times: Sequence[float], chosen: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return the standard deviation of the values of `without_motion`, (T, N), normalised.

    It is that of both images around their weighted mean, over all channels.
    """
    part = np.asarray(times, np.float32)[:, None]
    first, last = observations.normalised()[..., chosen]
    apart = np.sqrt(((last - first) ** 2).mean(axis=0))
    return np.asarray(np.sqrt(part * (1 - part)) * apart, np.float32)
