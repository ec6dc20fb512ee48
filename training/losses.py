"""What the prior is trained on: true fields, true frames in between, and both ends."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_latentdyn.core.networks.extraction import enlarge
from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.physics.course import stage_fields
from napari_latentdyn.core.physics.operators import halve
from napari_latentdyn.core.physics.sampling import pixel_grid
from napari_latentdyn.core.rendering.fusion import Carried, fuse, visibility
from training.feed import TIMES, Example

__all__ = ["decoded", "field_loss", "frame_loss", "in_between", "start_near", "whole"]

#: Stages of the frames in between while training.
_STAGES = 4
_COARSE = 0.3
#: Weight of places whose motion is but a convention.
_UNKNOWN = 0.1
#: Errors of the field count with this power, so that lost places do not outweigh exact ones.
_POWER = 0.4
_EPSILON = 0.02
#: Differences of intensity far below this count by their square.
_SOFT = 0.02


def whole(finest: Tensor, shape: tuple[int, int]) -> Tensor:
    """Bring what the finest level found to full size, in pixels per interval."""
    return enlarge(finest, shape[0] / finest.shape[-2], shape)


def field_loss(levels: list[Tensor], start: Tensor, example: Example) -> tuple[Tensor, Tensor]:
    """Error of the field on each level, and the mean end-point error in pixels.

    Parameters
    ----------
    levels : list of Tensor, shape (B, 2, h, w)
        What was added to the start, the coarsest level first.
    start : Tensor, shape (B, 2, H, W)
        In pixels per interval.
    example : Example
        The truth.
    """
    size = (example.velocity.shape[-2], example.velocity.shape[-1])
    weight = example.known + _UNKNOWN * (1 - example.known)
    target, scale = example.velocity - start, 1.0
    at_size = {target.shape[-2]: (target, weight, 1.0)}
    while min(target.shape[-2:]) > min(levels[0].shape[-2:]):
        target, weight, scale = halve(target), halve(weight), scale * 2
        at_size[target.shape[-2]] = (target, weight, scale)
    finest = whole(levels[-1], size)
    missed = finest - (example.velocity - start)
    first_weight = at_size[size[0]][1]
    total = _error(missed, first_weight)
    for level in levels[:-1]:
        target, weight, scale = at_size[level.shape[-2]]
        # Levels give pixels of their own; errors are compared in those of the image.
        total = total + _COARSE * _error(scale * level - target, weight)
    epe = (missed.norm(dim=1, keepdim=True) * example.known).sum() / example.known.sum().clamp_min(
        1
    )
    return total, epe.detach()


def _error(missed: Tensor, weight: Tensor) -> Tensor:
    error = (missed.square().sum(dim=1, keepdim=True) + _EPSILON**2) ** _POWER
    return (error * weight).sum() / weight.sum().clamp_min(1.0)


def in_between(
    model: LatentDynamics, first: Tensor, last: Tensor, velocity: Tensor, time: float
) -> Tensor:
    """Return the frame at a time from the velocity half way, as the product makes it, (B, 1, H, W).

    Parameters
    ----------
    model : LatentDynamics
        The networks.
    first, last : Tensor, shape (B, 1, H, W)
        Normalised images.
    velocity : Tensor, shape (B, 2, H, W)
        Pixels per interval.
    time : float
        Fraction of the interval.
    """
    grid = pixel_grid(*first.shape[-2:], device=first.device).expand(len(first), -1, -1, -1)
    with torch.no_grad():
        fields = stage_fields(velocity, _STAGES, model.settings.physics.motion)
        ends = [model.transport.paths.trace(end, fields, grid, time) for end in (0, 1)]
        valid = torch.ones_like(first, dtype=torch.bool)
        seen = [model.seen(valid, places) * visibility(places) for places in ends]
    states = [
        model.read(model.encode(image), p) for image, p in zip((first, last), ends, strict=True)
    ]
    carried = [
        Carried(state, sure, share)
        for state, sure, share in zip(states, seen, (1 - time, time), strict=True)
    ]
    return model.decode(fuse([carried], [1.0], model.transport.equation))


def decoded(
    model: LatentDynamics, example: Example, velocity: Tensor, number: int, count: int
) -> list[Tensor]:
    """Return a frame in between, and both ends encoded and decoded, each (count, 1, H, W).

    Parameters
    ----------
    model : LatentDynamics
        The networks.
    example : Example
        The truth.
    velocity : Tensor, shape (B, 2, H, W)
        Velocity along which states are carried.
    number : int
        Which of the times.
    count : int
        Leading pairs of the batch that are used.
    """
    first, last = example.frames[:count, :1], example.frames[:count, -1:]
    frame = in_between(model, first, last, velocity[:count].detach(), TIMES[number])
    ends = model.decode(model.encode(torch.cat([first, last])))
    return [frame, *ends.split(len(first))]


def frame_loss(
    images: list[Tensor], example: Example, number: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the losses of a frame in between and of both ends, and the former's mean square.

    Parameters
    ----------
    images : list of Tensor, shape (b, 1, H, W)
        The frame and both ends of the leading pairs, from `decoded`.
    example : Example
        The truth.
    number : int
        Number of the time of the frame.
    """
    count = len(images[0])
    truth = example.frames[:count, number : number + 1]
    both = torch.cat([example.frames[:count, :1], example.frames[:count, -1:]])
    frame, ends = images[0], torch.cat(images[1:])
    return _soft(frame - truth), _soft(ends - both), (frame - truth).square().mean().detach()


def _soft(difference: Tensor) -> Tensor:
    return (torch.sqrt(difference.square() + _SOFT**2) - _SOFT).mean()


def start_near(example: Example, part: float, random: torch.Generator) -> Tensor:
    """Return starts for a batch: zero, or for a part of it the truth but for a smooth error."""
    velocity = example.velocity
    batch, _, height, width = velocity.shape
    near = torch.rand(batch, 1, 1, 1, generator=random) < part
    coarse = torch.randn(batch, 2, max(2, height // 16), max(2, width // 16), generator=random)
    amount = 10 ** (torch.rand(batch, 1, 1, 1, generator=random) * 2.0 - 1.5)
    error = torch.nn.functional.interpolate(
        coarse * amount, (height, width), mode="bilinear", align_corners=False
    ).to(velocity)
    return torch.where(near.to(velocity.device), velocity + error, torch.zeros_like(velocity))
