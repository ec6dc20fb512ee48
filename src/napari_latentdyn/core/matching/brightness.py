"""Tell a change of brightness from motion: one gain and one offset for each channel."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.matching.features import RECIPES
from napari_latentdyn.core.matching.level import Level
from napari_latentdyn.core.matching.pyramid import match_one, scaled
from napari_latentdyn.core.observations.pair import ImagePair
from napari_latentdyn.core.physics.motion import Motion, pixel_ends
from napari_latentdyn.core.physics.operators import resize
from napari_latentdyn.core.physics.sampling import sample

__all__ = ["follow_brightness"]

#: Longest side in pixels of the images on which brightness is compared.
_SIDE = 96
_ROUNDS = 10
#: Matched is by local contrast above all, which does not change with brightness.
_RECIPE = RECIPES[2]
#: Differences well above this are no brightness but something new.
_FORGIVEN = 0.05
#: Differences count up to here.
_WORST = 0.2
#: A change below the first of these in gain, and in offset, is left alone, as is one that does not
#: bring the images, matched as well as can be, closer together by this factor.
_LEAST_GAIN, _LEAST_OFFSET = 0.04, 0.015
_CLOSER = 0.85
_GAINS = (0.2, 5.0)


def follow_brightness(
    pair: ImagePair, start: NDArray[np.float32], motion: Motion, device: torch.device
) -> Generator[None, None, ImagePair]:
    """Find how brightness changed between two images as a whole.

    The images are matched at a small size, as they are and with equal mean and
    deviation. Of what was matched, gain and offset are those that make mean and
    deviation equal, which noise does not bias, with less and less weight for
    what does not agree. The better of the two is taken if it is needed.

    Parameters
    ----------
    pair : ImagePair
        The images.
    start : ndarray of float32, shape (2,) or (2, H, W)
        Common drift in pixels, or a velocity half way of which the detail is
        missing.
    motion : {"steady", "inertial", "local"}
        How points travel.
    device : torch.device
        Where to compute.

    Yields
    ------
    None
        Often enough to be interrupted.

    Returns
    -------
    ImagePair
        The same pair, with `brightness` if it changed.
    """
    first, last = (torch.from_numpy(image)[:, None].to(device) for image in pair.normalised())
    height, width = pair.shape
    scale = min(1.0, _SIDE / max(height, width))
    shape = (max(16, round(height * scale)), max(16, round(width * scale)))
    first, last = (resize(image, shape) for image in (first, last))
    masks = [
        resize(torch.from_numpy(valid)[None, None].to(device, torch.float32), shape)
        for valid in (pair.valid_first, pair.valid_last)
    ]
    way = torch.from_numpy(start).to(device)
    if way.ndim == 1:
        way = way * way.new_tensor([shape[0] / height, shape[1] / width])
    else:
        way = scaled(way[None], shape)[0]
    moments = _moments(first, last, (masks[0] > 0.99) & (masks[1] > 0.99))
    if not _notable(*moments):
        # Equally bright as a whole: there is nothing to find.
        return pair
    tried = []
    for gain, offset in ((torch.ones_like(moments[0]), torch.zeros_like(moments[1])), moments):
        grey = [first.mean(dim=0, keepdim=True), ((last - offset) / gain).mean(dim=0, keepdim=True)]
        found: Tensor = yield from match_one(grey, masks, way, _RECIPE, motion)
        tried.append(_compared(first, last, masks, found, motion))
    as_it_is = tried[0][0]
    left, gain, offset = min((t[1:] for t in tried), key=lambda t: float(t[0]))
    changed = _notable(gain, offset)
    sane = bool(((gain > _GAINS[0]) & (gain < _GAINS[1])).all())
    if not (changed and sane and left < _CLOSER * as_it_is):
        return pair
    return pair.with_brightness(torch.cat([gain, offset], dim=1)[:, :, 0, 0].cpu().numpy())


def _notable(gain: Tensor, offset: Tensor) -> bool:
    return bool(((gain - 1).abs() > _LEAST_GAIN).any() | (offset.abs() > _LEAST_OFFSET).any())


@torch.no_grad()
def _compared(
    first: Tensor, last: Tensor, masks: list[Tensor], velocity: Tensor, motion: Motion
) -> tuple[float, float, Tensor, Tensor]:
    """Return what is left of the difference as it is and with gain and offset, and these."""
    origins, goals = pixel_ends(velocity, motion)
    seen = Level(first, last, masks[0], masks[1]).seen(origins, goals)
    count = len(first)
    a = sample(first, origins.expand(count, -1, -1, -1))
    b = sample(last, goals.expand(count, -1, -1, -1))
    weight = seen.to(a.dtype).expand_as(a)
    gain, offset = torch.ones_like(a[..., :1, :1]), torch.zeros_like(a[..., :1, :1])
    if not bool(seen.any()):
        return 1.0, 1.0, gain, offset
    raw = _mean((b - a).abs().clamp(max=_WORST), weight)
    for _ in range(_ROUNDS):
        gain, offset = _moments(a, b, weight)
        apart = (b - offset) / gain - a
        weight = seen * (_FORGIVEN**2 / (_FORGIVEN**2 + apart**2))
    left = _mean(((b - offset) / gain - a).abs().clamp(max=_WORST), seen.to(a.dtype).expand_as(a))
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
