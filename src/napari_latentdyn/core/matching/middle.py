"""The velocity in the middle of the members, with a look at which of them fit where."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_latentdyn.core.matching.ensemble import centre
from napari_latentdyn.core.physics.motion import Motion, pixel_ends
from napari_latentdyn.core.physics.operators import smooth
from napari_latentdyn.core.physics.sampling import inside, sample

__all__ = ["middle_velocity"]

#: Standard deviation in pixels of the neighbourhood in which a member has to fit.
_WINDOW = 8.0
#: Differences count up to the first; what is far below the second is noise.
_WORST, _NOISE = 0.2, 0.05


@torch.no_grad()
def middle_velocity(
    velocities: Tensor,
    weights: Tensor,
    images: list[Tensor],
    masks: list[Tensor],
    motion: Motion,
) -> Tensor:
    """Return the weighted median of the members.

    Where half of them saw a small body move and half did not, those that fit
    better decide: otherwise the arrows would lie in between and fit nobody.

    Parameters
    ----------
    velocities : Tensor, shape (K, 2, H, W)
        Velocity half way of each member in pixels per interval.
    weights : Tensor, shape (K,)
        How much each member counts as a whole.
    images, masks : list of two Tensors, shape (1, 1, H, W)
        Normalised to about [0, 1]; one where a pixel is there.
    motion : {"steady", "inertial", "local"}
        How points travel.

    Returns
    -------
    Tensor, shape (2, H, W)
    """
    if len(velocities) == 1:
        return velocities[0]
    misfits = torch.cat([_misfit(one[None], images, masks, motion) for one in velocities])
    least = misfits.amin(dim=0, keepdim=True)
    here = torch.exp(-(misfits - least) / (least + _NOISE))
    return centre(velocities, weights.view(-1, 1, 1, 1) * here)


def _misfit(velocity: Tensor, images: list[Tensor], masks: list[Tensor], motion: Motion) -> Tensor:
    """Mean difference of the images around a place, (1, 1, H, W); zero where none is seen."""
    shape = (velocity.shape[-2], velocity.shape[-1])
    both = pixel_ends(velocity, motion)
    seen = torch.ones_like(velocity[:, :1])
    for mask, places in zip(masks, both, strict=True):
        seen = seen * ((sample(mask, places) > 0.99) & inside(places, shape))
    first, last = (sample(image, places) for image, places in zip(images, both, strict=True))
    apart = (first - last).abs().clamp(max=_WORST)
    return smooth(apart * seen, _WINDOW) / (smooth(seen, _WINDOW) + 1e-3)
