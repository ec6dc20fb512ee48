"""Propagation: a pixel takes over the velocity of a neighbour that fits better.

Linearisation cannot move the edge between two bodies with different motions: it
stays where it was on the coarser level.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from napari_latentdyn.core.matching.multigrid import COARSE_PIXELS
from napari_latentdyn.core.matching.pair import MaskedPair
from napari_latentdyn.core.physics.motion import path_ends
from napari_latentdyn.core.physics.operators import halve, smooth
from napari_latentdyn.core.physics.sampling import pixel_grid

__all__ = ["propagate"]

#: Distances in pixels of the neighbours, in eight directions each.
_DISTANCES = (2, 4, 8)
_DIRECTIONS = tuple(2 * math.pi * i / 8 for i in range(8))
#: Standard deviation in pixels of the neighbourhood in which a velocity has to fit.
_SIGMA = 2.5
#: Largest difference of features that counts.
_LARGEST = 0.15
#: A velocity is taken over if its cost is smaller by this factor and this amount.
_BETTER, _MARGIN = 0.9, 0.002


def propagate(pair: MaskedPair, velocity: Tensor, change: Tensor) -> Tensor:
    """Replace the velocity of each pixel by that of a neighbour where it fits better.

    Large levels are compared at every second pixel of both directions.

    Parameters
    ----------
    pair : MaskedPair
        Features of both images, (B, F, H, W).
    velocity, change : Tensor, shape (B, 2, H, W)
        Velocities half way in pixels per interval, and their accelerations.

    Returns
    -------
    Tensor, shape (B, 2, H, W)
    """
    height, width = pair.shape
    if height * width <= COARSE_PIXELS:
        grid = pixel_grid(height, width, device=velocity.device)
        return _propagated(pair, velocity, change, grid, 1)[0]
    half, half_change = halve(velocity), halve(change)
    grid = 2 * pixel_grid(half.shape[-2], half.shape[-1], device=velocity.device) + 0.5
    found, taken = _propagated(pair, half, half_change, grid, 2)
    found, taken = (
        values.repeat_interleave(2, -2).repeat_interleave(2, -1)[..., :height, :width]
        for values in (found, taken)
    )
    return torch.where(taken, found, velocity)


def _propagated(
    pair: MaskedPair, velocity: Tensor, change: Tensor, grid: Tensor, spacing: int
) -> tuple[Tensor, Tensor]:
    """Return the velocities on a grid of positions, and where they were taken over."""
    height, width = velocity.shape[-2:]

    def misfit(offered: Tensor) -> tuple[Tensor, Tensor]:
        carried = pair.half_way(path_ends(offered, change, grid))
        cost = carried.distance(_LARGEST).sum(dim=1, keepdim=True)
        return smooth(cost, _SIGMA / spacing), carried.seen

    least, comparable = misfit(velocity)
    changed = torch.zeros_like(comparable)
    for distance in (distance // spacing for distance in _DISTANCES):
        if distance >= min(height, width) / 2:
            break
        around = functional.pad(velocity, (distance,) * 4, mode="replicate")
        for angle in _DIRECTIONS:
            y = distance + round(distance * math.sin(angle))
            x = distance + round(distance * math.cos(angle))
            offered = around[..., y : y + height, x : x + width]
            cost, seen = misfit(offered)
            # Positions whose paths leave the images keep the velocity that the stiffness gave.
            taken = (cost < _BETTER * least - _MARGIN) & seen & comparable
            velocity = torch.where(taken, offered, velocity)
            least = torch.where(taken, cost, least)
            changed |= taken
    return velocity, changed
