"""Missing pixels of a series, filled along the paths from the nearest images that show them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.matching.ensemble import Ensemble
from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.observations.patches import Window, covering
from napari_latentdyn.core.physics.sampling import inside, sample
from napari_latentdyn.core.rendering.members import Member, ensemble_members

__all__ = ["fill_missing"]

#: Side of the windows in which missing pixels are filled.
_SIDE = 512


@torch.no_grad()
def fill_missing(
    observations: Observations,
    ensembles: Sequence[Ensemble],
    starts: NDArray[np.float32],
    model: LatentDynamics,
    check: Callable[[], None] | None = None,
) -> Observations:
    """Fill missing pixels with what the images before and after carry to them.

    A pixel takes the mean of both neighbours, weighted by the inverse of their distance in
    time, or the one that shows the place. What is filled fills further images in turn.

    Parameters
    ----------
    observations : Observations
        K images.
    ensembles : sequence of K - 1 Ensemble
        Those of the intervals.
    starts : ndarray of float32, shape (K - 1, n, 2, H, W)
        Stage fields in pixels per stage.
    model : LatentDynamics
        Its motion and its device are used.
    check : callable, optional
        Called before each image that is filled; it may raise `Stopped`.

    Returns
    -------
    Observations
        With `estimated` pixels; a place that no image shows stays missing. Two images, and
        images without missing pixels, are returned as they are.
    """
    if len(observations) < 3 or bool(observations.valid.all()):
        return observations
    device = next(model.parameters()).device

    # An image has two neighbours.
    @lru_cache(maxsize=2)
    def members(k: int) -> list[Member]:
        start = torch.from_numpy(starts[k])[None].to(device)
        found = ensemble_members(ensembles[k], start, model, None)
        return [member for member in found if member.moves]

    values = [torch.from_numpy(image)[None].to(device) for image in observations.normalised()]
    valid, blocked = observations.valid, observations.known.regions.blocked
    if blocked is not None:
        valid = valid & ~blocked
    known = [torch.from_numpy(mask)[None, None].to(device) for mask in valid]
    for _ in range(len(observations) - 1):
        before = [mask.clone() for mask in known]
        earlier = [image.clone() for image in values]
        for k, mask in enumerate(before):
            if not bool(mask.all()):
                if check is not None:
                    check()
                values[k], known[k] = _filled(k, earlier, before, members, observations.times)
        if all(bool((new == old).all()) for new, old in zip(known, before, strict=True)):
            break
    images = observations.images.copy()
    estimated = np.stack([mask[0, 0].cpu().numpy() for mask in known]) & ~observations.valid
    if blocked is not None:
        estimated &= ~blocked
    for k, image in enumerate(values):
        given = observations.denormalise(image.cpu().numpy(), [float(observations.times[k])])[0]
        images[k][:, estimated[k]] = given[:, estimated[k]].astype(images.dtype)
    return replace(observations, images=images, estimated=estimated)


def _filled(
    k: int,
    values: Sequence[Tensor],
    known: Sequence[Tensor],
    members: Callable[[int], Sequence[Member]],
    times: NDArray[np.float64],
) -> tuple[Tensor, Tensor]:
    """Return an image with the missing pixels that its neighbours show, and its new mask."""
    image, mask = values[k].clone(), known[k].clone()
    for part in covering((image.shape[-2], image.shape[-1]), _SIDE):
        window = _around(mask, part)
        if window is None:
            continue
        total = torch.zeros_like(image[(..., *window.slices)])
        weight = torch.zeros_like(total[:, :1])
        for other in (k - 1, k + 1):
            if not 0 <= other < len(values):
                continue
            # The paths of an interval lead from its last image to its first, and back.
            end = int(other > k)
            near = 1.0 / abs(float(times[other] - times[k]))
            for member in members(min(k, other)):
                places = member.places(window, float(1 - end), [end])[0]
                there = inside(places, (image.shape[-2], image.shape[-1]))
                there = there & (sample(known[other].float(), places, "nearest") > 0.5)
                share = near * member.share * there.float()
                total += share * sample(values[other], places, "spline", limiter=True)
                weight += share
        new = (weight > 0) & ~mask[(..., *window.slices)]
        image[(..., *window.slices)] = torch.where(
            new, total / weight.clamp_min(1e-12), image[(..., *window.slices)]
        )
        mask[(..., *window.slices)] |= new
    return image, mask


def _around(mask: Tensor, part: Window) -> Window | None:
    """Return the smallest window within a part that holds all its missing pixels, or None."""
    missing = ~mask[(0, 0, *part.slices)]
    rows, columns = (torch.nonzero(missing.any(dim=axis)).flatten() for axis in (1, 0))
    if not len(rows):
        return None
    top, left = int(rows[0]), int(columns[0])
    return Window(part.y + top, part.x + left, int(rows[-1]) - top + 1, int(columns[-1]) - left + 1)
