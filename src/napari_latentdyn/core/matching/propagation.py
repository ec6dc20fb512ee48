"""Move the edges of motion: let a place take over the velocity of a neighbour that fits better.

Descent cannot do this: between two bodies that move differently, the linearised
problem is stuck wherever the edge was on the coarser level.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from napari_latentdyn.core.matching.pair import MaskedPair
from napari_latentdyn.core.physics.motion import path_ends
from napari_latentdyn.core.physics.operators import smooth

__all__ = ["propagate"]

#: Distances in pixels from which velocities are offered, in eight directions each.
_DISTANCES = (2, 4, 8, 16)
_DIRECTIONS = tuple(2 * math.pi * i / 8 for i in range(8))
#: Pixels of several directions that are compared at once: more do not fit into the caches.
_AT_ONCE = 1 << 17
#: Standard deviation in pixels of the window in which a velocity has to fit.
_WINDOW = 2.5
#: Differences of features count up to here.
_LARGEST = 0.15
#: A neighbour's velocity has to fit better by this factor and amount.
_BETTER, _MARGIN = 0.9, 0.002


def propagate(pair: MaskedPair, velocity: Tensor, change: Tensor) -> Tensor:
    """Offer every place the velocities around it and keep the best.

    Parameters
    ----------
    pair : MaskedPair
        Features of both images.
    velocity, change : Tensor, shape (1, 2, H, W)
        Velocity half way and acceleration.

    Returns
    -------
    Tensor, shape (1, 2, H, W)
    """
    shape = (velocity.shape[-2], velocity.shape[-1])

    def misfit(offered: Tensor) -> tuple[Tensor, Tensor]:
        carried = pair.half_way(path_ends(offered, change))
        cost = carried.distance(_LARGEST).sum(dim=1, keepdim=True)
        return smooth(cost, _WINDOW), carried.seen

    least, comparable = misfit(velocity)
    at_once = max(1, min(len(_DIRECTIONS), _AT_ONCE // (shape[0] * shape[1])))
    for distance in _DISTANCES:
        if distance >= min(shape) / 2:
            break
        padded = functional.pad(velocity, (distance,) * 4, mode="replicate")
        shifted = [
            padded[..., y : y + shape[0], x : x + shape[1]]
            for y, x in (
                (distance + round(distance * math.sin(a)), distance + round(distance * math.cos(a)))
                for a in _DIRECTIONS
            )
        ]
        for i in range(0, len(shifted), at_once):
            offered = torch.cat(shifted[i : i + at_once])
            cost, seen = misfit(offered)
            cost, chosen = cost.masked_fill(~seen, torch.inf).min(dim=0, keepdim=True)
            # What leaves the images cannot be compared, and keeps what the stiffness gave it.
            taken = (cost < _BETTER * least - _MARGIN) & comparable
            best = offered.gather(0, chosen.expand(-1, 2, -1, -1))
            velocity = torch.where(taken, best, velocity)
            least = torch.where(taken, cost, least)
    return velocity
