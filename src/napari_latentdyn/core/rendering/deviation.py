"""The standard deviation of a frame, from the disagreement of both images along the paths."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from napari_latentdyn.core.matching.calibration import Calibration
from napari_latentdyn.core.physics.operators import gradient, smooth
from napari_latentdyn.core.rendering.fusion import Carried

__all__ = ["FRAMES", "frame_std", "frame_terms"]

FRAMES = Calibration(1.8, (0.85, 0.3, 0.11))
#: Standard deviations in pixels of the near and the far neighbourhood of a place.
_NEAR, _FAR = 2.0, 4.0
#: Least difference of normalised intensities: that of rounding.
_LEAST = 3e-3
#: Deviation where nothing is known: that of an even distribution over the intensity range.
_UNKNOWN = 1 / math.sqrt(12)


def frame_std(
    members: list[list[Carried]],
    shares: Sequence[float | Tensor],
    channels: int,
    shown: int | None = None,
) -> Tensor:
    """Return the standard deviation of a frame in normalised intensity, (1, 1, h, w).

    Parameters
    ----------
    members : list of list of Carried
        States that each member carries from both observations.
    shares : sequence of float, or of Tensor of shape (1, 1, h, w)
        Weights of the members.
    channels : int
        Number of leading channels of the state that are compared.
    shown : {0, 1}, optional
        Observation that the frame shows as it is: the deviation is zero where the observation
        contains the place.
    """
    first, last = (_mean([ends[end].known for ends in members], shares) for end in (0, 1))
    known = torch.maximum(first, last)
    std = FRAMES.std(frame_terms(members, shares, channels)[0])[None].clamp(max=_UNKNOWN)
    if shown is not None:
        known = (first, last)[shown]
        std = torch.zeros_like(std)
    return torch.where(known > 0, std, _UNKNOWN)


def frame_terms(
    members: list[list[Carried]], shares: Sequence[float | Tensor], channels: int
) -> Tensor:
    """Return the terms of the standard deviation, (1, 3, h, w), in normalised intensity.

    They are the difference of both ends near a place, that farther around it, and the contrast
    of the frame. Where one end does not contain a place, the places around count.
    """
    ends = [_mean([e[end].state[:, :channels] for e in members], shares) for end in (0, 1)]
    known = [_mean([e[end].known for e in members], shares) for end in (0, 1)]
    both = known[0] * known[1] + 1e-3
    square = (ends[0] - ends[1]).square().mean(dim=1, keepdim=True) * both
    near, far = (
        (smooth(square, sigma) / smooth(both, sigma)).sqrt() + _LEAST for sigma in (_NEAR, _FAR)
    )
    rows, columns = gradient((ends[0] + ends[1]) / 2)
    slope = smooth((rows**2 + columns**2).mean(dim=1, keepdim=True), 1.0).sqrt() + _LEAST
    return torch.cat([near, far, slope], dim=1)


def _mean(values: Sequence[Tensor], shares: Sequence[float | Tensor]) -> Tensor:
    total = sum((v * s for v, s in zip(values[1:], shares[1:], strict=True)), values[0] * shares[0])
    return total / sum(shares)
