"""Propagation: a pixel takes over the velocity of a neighbour that fits better.

Linearisation cannot move the edge between two bodies with different motions: it
stays where it was on the coarser level.
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

#: Distances in pixels of the neighbours, in eight directions each.
_DISTANCES = (2, 4, 8, 16)
_DIRECTIONS = tuple(2 * math.pi * i / 8 for i in range(8))
#: Number of pixels, over several directions, that are compared at once: more exceed the caches.
_AT_ONCE = 1 << 17
#: Standard deviation in pixels of the neighbourhood in which a velocity has to fit.
_SIGMA = 2.5
#: Largest difference of features that counts.
_LARGEST = 0.15
#: A velocity is taken over if its cost is smaller by this factor and this amount.
_BETTER, _MARGIN = 0.9, 0.002


def propagate(pair: MaskedPair, velocity: Tensor, change: Tensor) -> Tensor:
    """Replace the velocity of each pixel by that of a neighbour where it fits better.

    `pair` holds the features of both images; `velocity` half way and `change`, its
    acceleration, are (1, 2, H, W), as is the result.
    """
    shape = (velocity.shape[-2], velocity.shape[-1])

    def misfit(offered: Tensor) -> tuple[Tensor, Tensor]:
        carried = pair.half_way(path_ends(offered, change))
        cost = carried.distance(_LARGEST).sum(dim=1, keepdim=True)
        return smooth(cost, _SIGMA), carried.seen

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
            # Pixels whose paths leave the images keep the velocity that the stiffness gave them.
            taken = (cost < _BETTER * least - _MARGIN) & comparable
            best = offered.gather(0, chosen.expand(-1, 2, -1, -1))
            velocity = torch.where(taken, best, velocity)
            least = torch.where(taken, cost, least)
    return velocity
