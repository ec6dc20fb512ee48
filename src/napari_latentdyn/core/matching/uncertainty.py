"""The standard deviation of a velocity, from its members, both images and their texture.

Members whose hidden blocks are predicted badly have little weight, so that the spread of the
members already contains the error of prediction.
"""

from __future__ import annotations

import torch
from torch import Tensor

from napari_latentdyn.core.matching.calibration import Calibration
from napari_latentdyn.core.matching.members import TILE, half_reach
from napari_latentdyn.core.matching.pair import MaskedPair
from napari_latentdyn.core.observations.patches import covering
from napari_latentdyn.core.physics.motion import Motion, pixel_ends
from napari_latentdyn.core.physics.operators import gradient, smooth

__all__ = ["SINGLE", "SPREAD", "velocity_std", "velocity_terms"]

#: Calibration for several members, and for one member, which has no spread.
SPREAD = Calibration(1.14, (0.58, 0.27, 0.31, 0.84, 0.03))
SINGLE = Calibration(0.357, (0.0, 0.63, 0.47, 1.74, 0.5))
#: Standard deviations in pixels of the neighbourhoods of the spread, of the images, and of the
#: smooth velocity that roughness is a deviation from.
_NEAR, _AROUND, _SMOOTH = 1.5, 3.0, 4.0
#: Least spread and roughness in pixels; a certain velocity has errors of interpolation.
_LEAST = 0.01
#: Noise of images that have none, and a slope from pixel to pixel that shows no motion.
_NOISE, _SLOPE = 2e-3, 3e-3
#: Displacement in pixels that the difference of the images amounts to where they are flat: from
#: here on, they do not show the motion.
_HIDDEN = 1.5
#: Largest standard deviation, as a part of the shorter side of the image.
_LARGEST = 0.125


@torch.no_grad()
def velocity_std(
    velocities: Tensor, weights: Tensor, centre: Tensor, pair: MaskedPair, motion: Motion
) -> tuple[Tensor, Tensor]:
    """Return the standard deviation of each component of a velocity, and where it is measured.

    Parameters
    ----------
    velocities : Tensor, shape (K, 2, H, W)
        Those of the members half way, in pixels per interval.
    weights : Tensor, shape (K,)
        Weights of the members.
    centre : Tensor, shape (2, H, W)
        The velocity, in pixels per interval.
    pair : MaskedPair
        Images of shape (C, 1, H, W), normalised to about [0, 1].
    motion : {"steady", "inertial", "local"}
        Acceleration along the paths.

    Returns
    -------
    std : Tensor, shape (H, W)
        Pixels per interval, at most an eighth of the shorter side.
    measured : Tensor of bool, shape (H, W)
        False where an image does not contain the place, or where both have no texture.
    """
    calibration = SPREAD if len(velocities) > 1 else SINGLE
    std, measured = torch.empty_like(centre[0]), torch.empty_like(centre[0], dtype=torch.bool)
    # Tile by tile: the terms of a large image take many times its memory.
    for tile in covering(pair.shape, TILE):
        margin = round(3 * (_SMOOTH + _AROUND)) + half_reach(centre[(..., *tile.slices)])
        window = tile.grown(margin, pair.shape)
        part, inner = (..., *window.slices), (..., *tile.within(window).slices)
        terms, known = velocity_terms(
            velocities[part], weights, centre[part], pair.crop(window), motion
        )
        std[tile.slices] = calibration.std(terms)[inner][0]
        measured[tile.slices] = known[inner]
    return std.clamp(max=_LARGEST * min(pair.shape)), measured


@torch.no_grad()
def velocity_terms(
    velocities: Tensor, weights: Tensor, centre: Tensor, pair: MaskedPair, motion: Motion
) -> tuple[Tensor, Tensor]:
    """Return the terms of the standard deviation, (5, H, W), and where the velocity is measured.

    They are the spread of the members in pixels; the displacement in pixels that the difference
    of both images along the paths amounts to, across the weakest contrast; the roughness of the
    velocity in pixels; one plus the part of the surroundings that an image does not contain; and
    the displacement across the strongest contrast, if it is above one pixel. Arguments are those
    of `velocity_std`.
    """
    share = (weights / weights.sum()).view(-1, 1, 1, 1)
    apart = (share * (velocities - centre) ** 2).sum(dim=0, keepdim=True).mean(dim=1, keepdim=True)
    spread = smooth(apart, _NEAR).sqrt()
    uneven = (centre[None] - smooth(centre[None], _SMOOTH)).square().sum(dim=1, keepdim=True)
    rough = smooth(uneven, _AROUND).sqrt()
    carried = pair.half_way(pixel_ends(centre[None], motion), "spline")
    seen = carried.seen.to(centre.dtype)
    inner = seen.clone()
    # Differences at the border, to one side, have more noise.
    inner[..., [0, -1], :], inner[..., [0, -1]] = 0.0, 0.0
    weight = smooth(inner, _AROUND) + 1e-3

    def around(values: Tensor) -> Tensor:
        """Mean over the channels and over the places that both images contain."""
        return smooth(values.mean(dim=0, keepdim=True) * inner, _AROUND) / weight

    both = (carried.first + carried.last) / 2
    rows, columns = gradient(both)
    yy, xx, yx = around(rows**2), around(columns**2), around(rows * columns)
    middle, half = (yy + xx) / 2, (((yy - xx) / 2) ** 2 + yx**2).sqrt()
    difference = around(carried.difference**2).clamp_min(0).sqrt() + _NOISE
    weak, strong = (
        difference / (energy.clamp_min(0) + _SLOPE**2).sqrt()
        for energy in (middle - half, middle + half)
    )
    unseen = 2 - smooth(seen, _AROUND)
    terms = (spread + _LEAST, weak + _LEAST, rough + _LEAST, unseen, strong.clamp_min(1))
    measured = (seen > 0.5) & (strong < _HIDDEN)
    return torch.cat(terms, dim=1)[0], measured[0, 0]
