"""A change of brightness between two images: one gain and one offset for each channel."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.matching.features import MEMBERS
from napari_latentdyn.core.matching.members import scale_velocity
from napari_latentdyn.core.matching.pair import MaskedPair
from napari_latentdyn.core.matching.pyramid import match_one
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.physics.motion import Motion, pixel_ends

__all__ = ["follow_brightness"]

#: Longest side in pixels of the images of which brightness is compared.
_SIDE = 96
#: Number of reweightings of the robust fit.
_ROUNDS = 10
#: The features of this member are mostly local contrast, which does not depend on brightness.
_MEMBER = MEMBERS[1]
#: Difference above which the robust fit gives little weight: something is new.
_OUTLIER = 0.05
#: Largest difference that counts.
_LARGEST = 0.2
#: Smallest change of gain and of offset that is corrected, the ratio of the differences with and
#: without correction below which it is, and the range of gains that are believed.
_LEAST_GAIN, _LEAST_OFFSET = 0.04, 0.015
_CLOSER = 0.85
_GAINS = (0.2, 5.0)


def follow_brightness(
    observations: Observations, start: NDArray[np.float32], motion: Motion, device: torch.device
) -> Generator[None, None, Observations]:
    """Find a change of brightness of the whole image between two images.

    The images are matched at a small size, both as they are and with equal mean and
    deviation. Gain and offset are those that make mean and deviation of the matched
    images equal, which noise does not bias; pixels that differ get less weight. The
    better of both fits is taken, if it brings the images clearly closer.

    Parameters
    ----------
    observations : Observations
        The images.
    start : ndarray of float32, shape (2,) or (2, H, W)
        Displacement of the whole scene in pixels, or a velocity half way without detail.
    motion : {"steady", "inertial", "local"}
        Acceleration along the paths.
    device : torch.device
        Device of the computation.

    Yields
    ------
    None
        After each iteration.

    Returns
    -------
    Observations
        The same observations, with `brightness` if it changed.
    """
    height, width = observations.shape
    scale = min(1.0, _SIDE / max(height, width))
    shape = (max(16, round(height * scale)), max(16, round(width * scale)))
    first_image, last_image = observations.normalised()
    valid = (observations.valid[0], observations.valid[1])
    small = MaskedPair.from_arrays((first_image, last_image), valid, device).resized(shape)
    first, last = small.images
    way = torch.from_numpy(start).to(device)
    if way.ndim == 1:
        way = way * way.new_tensor([shape[0] / height, shape[1] / width])
    else:
        way = scale_velocity(way[None], shape)[0]
    both_valid = torch.ones_like(first[:1])
    for mask in small.masks or ():
        both_valid = both_valid * (mask > 0.99)
    moments = _moments(first, last, both_valid)
    if not _notable(*moments):
        # Mean and deviation are equal: no change can be found.
        return observations
    tried = []
    for gain, offset in ((torch.ones_like(moments[0]), torch.zeros_like(moments[1])), moments):
        matched = ((last - offset) / gain).mean(dim=0, keepdim=True)
        grey = MaskedPair((first.mean(dim=0, keepdim=True), matched), small.masks)
        found: Tensor = yield from match_one(grey, way, _MEMBER, motion)
        tried.append(_compared(small, found, motion))
    as_it_is = tried[0][0]
    left, gain, offset = min((t[1:] for t in tried), key=lambda t: float(t[0]))
    changed = _notable(gain, offset)
    sane = bool(((gain > _GAINS[0]) & (gain < _GAINS[1])).all())
    if not (changed and sane and left < _CLOSER * as_it_is):
        return observations
    return observations.with_brightness_of(
        1, torch.cat([gain, offset], dim=1)[:, :, 0, 0].cpu().numpy()
    )


def _notable(gain: Tensor, offset: Tensor) -> bool:
    return bool(((gain - 1).abs() > _LEAST_GAIN).any() | (offset.abs() > _LEAST_OFFSET).any())


@torch.no_grad()
def _compared(
    pair: MaskedPair, velocity: Tensor, motion: Motion
) -> tuple[float, float, Tensor, Tensor]:
    """Return the mean difference without and with gain and offset, and these two."""
    carried = pair.half_way(pixel_ends(velocity, motion))
    a, b, seen = carried.first, carried.last, carried.seen
    weight = seen.to(a.dtype).expand_as(a)
    gain, offset = torch.ones_like(a[..., :1, :1]), torch.zeros_like(a[..., :1, :1])
    if not bool(seen.any()):
        return 1.0, 1.0, gain, offset
    raw = _mean((b - a).abs().clamp(max=_LARGEST), weight)
    for _ in range(_ROUNDS):
        gain, offset = _moments(a, b, weight)
        apart = (b - offset) / gain - a
        weight = seen * (_OUTLIER**2 / (_OUTLIER**2 + apart**2))
    left = _mean(((b - offset) / gain - a).abs().clamp(max=_LARGEST), seen.to(a.dtype).expand_as(a))
    return float(raw.mean()), float(left.mean()), gain, offset


def _moments(a: Tensor, b: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gain and offset that give `a` the mean and deviation of `b`, each (C, 1, 1, 1)."""
    weight = weight.to(a.dtype).expand_as(a)
    mean_a, mean_b = _mean(a, weight), _mean(b, weight)
    spread_a, spread_b = _mean((a - mean_a) ** 2, weight), _mean((b - mean_b) ** 2, weight)
    gain = ((spread_b + 1e-8) / (spread_a + 1e-8)).sqrt()
    return gain, mean_b - gain * mean_a


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    total = weight.sum(dim=(1, 2, 3), keepdim=True).clamp_min(1e-6)
    return (values * weight).sum(dim=(1, 2, 3), keepdim=True) / total
