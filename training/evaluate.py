"""How good a prior is on scenes that it has never seen."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from napari_latentdyn.core.networks.model import LatentDynamics
from training.feed import TIMES, scene_of
from training.losses import in_between, whole
from training.scenes import photometry

__all__ = ["Figures", "evaluate"]

#: Scenes for judging come from another seed than those of any training.
_SEED = 2**31 - 1


@dataclass(frozen=True)
class Figures:
    """Means over scenes.

    Attributes
    ----------
    epe : float
        End-point error of the velocity half way in pixels, where it is known.
    still : float
        The same of a field of zero.
    psnr : float
        Of the frame half way in decibels.
    dissolve : float
        The same of the mean of both images.
    """

    epe: float
    still: float
    psnr: float
    dissolve: float


@torch.no_grad()
def evaluate(
    model: LatentDynamics, count: int = 16, size: int = 128, longest: float = 24.0
) -> Figures:
    """Judge a prior on scenes that no training has seen.

    Parameters
    ----------
    model : LatentDynamics
        The networks.
    count : int
        Number of scenes.
    size : int
        Their side in pixels.
    longest : float
        Longest displacement in pixels.
    """
    model.eval()
    device = next(model.parameters()).device
    middle = TIMES.index(0.5)
    sums = torch.zeros(4, dtype=torch.float64)
    for number in range(count):
        scene = scene_of(_SEED, number, size, longest)
        seen = photometry(scene.frames, TIMES, torch.Generator().manual_seed(number)).to(device)
        first, last, truth = (seen[None, None, i] for i in (0, -1, middle))
        start = torch.zeros_like(scene.velocity)[None].to(device)
        velocity = whole(model.velocities(first, last, start)[-1], (size, size))
        frame = in_between(model, first, last, velocity, 0.5)
        true, known = scene.velocity[None].to(device), scene.known[None].to(device)
        area = known.sum().clamp_min(1.0)
        for i, field in enumerate((velocity, start)):
            sums[i] += float(((field - true).norm(dim=1, keepdim=True) * known).sum() / area)
        for i, image in enumerate((frame, (first + last) / 2)):
            square = (image.clamp(0, 1) - truth).square().mean().clamp_min(1e-10)
            sums[2 + i] += float(-10 * torch.log10(square))
    return Figures(*(sums / count).tolist())
