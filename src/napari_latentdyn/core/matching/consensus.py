"""The consensus velocity of the ensemble: the weighted median of its members."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from napari_latentdyn.core.matching.members import TILE
from napari_latentdyn.core.matching.pair import MaskedPair
from napari_latentdyn.core.observations.patches import covering
from napari_latentdyn.core.physics.motion import Motion, pixel_ends

__all__ = ["consensus_velocity", "weighted_median"]

#: Standard deviation in pixels of the neighbourhood in which the members are compared.
_SIGMA = 8.0
#: Largest difference of intensity that counts, and the level of noise.
_LARGEST, _NOISE = 0.2, 0.05


@torch.no_grad()
def consensus_velocity(
    velocities: Tensor, weights: Tensor, pair: MaskedPair, motion: Motion
) -> Tensor:
    """Return the weighted median of the members, with more weight where a member fits better.

    Local weights decide where half of the members follow a small moving body and half do
    not: a median with equal weights would lie between both velocities and fit neither.
    `velocities` (K, 2, H, W) are in pixels per interval, `weights` (K,) those of the whole
    image, and the images of `pair` are (1, 1, H, W), normalised to about [0, 1].
    """
    if len(velocities) == 1:
        return velocities[0]
    centre = torch.empty_like(velocities[0])
    # Tile by tile: tensors of large images leave the caches.
    for tile in covering(pair.shape, TILE):
        reach = float(velocities[(..., *tile.slices)].abs().max()) / 2
        window = tile.grown(round(3 * _SIGMA) + math.ceil(reach), pair.shape)
        found = _consensus(velocities[(..., *window.slices)], weights, pair.crop(window), motion)
        centre[(..., *tile.slices)] = found[(..., *tile.within(window).slices)]
    return centre


def _consensus(velocities: Tensor, weights: Tensor, pair: MaskedPair, motion: Motion) -> Tensor:
    misfits = torch.cat(
        [
            pair.half_way(pixel_ends(one[None], motion)).local_distance(_LARGEST, _SIGMA)
            for one in velocities
        ]
    )
    least = misfits.amin(dim=0, keepdim=True)
    local = torch.exp(-(misfits - least) / (least + _NOISE))
    return weighted_median(velocities, weights.view(-1, 1, 1, 1) * local)


def weighted_median(velocities: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted median of velocities at each pixel, for each component.

    Unlike the mean, the median ignores a minority of wrong members. Between two members
    it is interpolated linearly.

    Parameters
    ----------
    velocities : Tensor, shape (K, 2, H, W)
        Pixels per interval.
    weights : Tensor, shape (K,) or (K, 1, H, W)
        Positive.

    Returns
    -------
    Tensor, shape (2, H, W)
    """
    ordered, order = velocities.sort(dim=0)
    shares = weights.view(-1, 1, 1, 1) if weights.ndim == 1 else weights
    shares = (shares / shares.sum(dim=0)).to(velocities.dtype).expand_as(velocities)
    shares = shares.gather(0, order)
    # Cumulative weight at the centre of each member, from 0 to 1.
    positions = shares.cumsum(dim=0) - shares / 2
    after = (positions < 0.5).sum(dim=0, keepdim=True).clamp(max=len(velocities) - 1)
    before = (after - 1).clamp(min=0)
    low, high = positions.gather(0, before), positions.gather(0, after)
    part = ((0.5 - low) / (high - low).clamp_min(1e-12)).clamp(0.0, 1.0)
    return torch.lerp(ordered.gather(0, before), ordered.gather(0, after), part)[0]
