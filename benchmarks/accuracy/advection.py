"""Frames from advection of the images themselves, without any network.

One displacement field per stage is fitted so that the first image, carried through
all stages, becomes the last; the same from the last to the first. Frames of both
are mixed by time. Where the motion is large, what is found depends on rounding: the
slope of an image at its pixels, where the fit begins, differs to both sides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from benchmarks.accuracy.outcome import Image, Outcome
from torch import Tensor
from torch.nn import functional

__all__ = ["two_sided_advection"]

#: Steps of the optimiser on each scale, the coarsest first.
_STEPS = (150, 150, 120, 60)
_SMALLEST = 24
_LARGEST = 288
#: Pixels between the nodes of a field.
_SPACING = 4
_RATE = 0.4
_WEIGHT_SPACE = 0.02
_WEIGHT_TIME = 0.02
_ROUNDING = 1e-4


def two_sided_advection(first: Image, last: Image, times: Sequence[float]) -> Outcome:
    """Carry both images to each time, and mix them by time."""
    n = _stages(times)
    a, b = (torch.from_numpy(np.ascontiguousarray(image))[None, None] for image in (first, last))
    on, back = _fitted(a, b, n), _fitted(b, a, n)
    frames = []
    for time in times:
        early, late = _frame(a, on, time), _frame(b, back, 1 - time)
        frames.append((1 - time) * early + time * late)
    low, high = min(first.min(), last.min()), max(first.max(), last.max())
    # Where the last image is read to become the first is where the first one's pixels went.
    went = _composed(back)[0].numpy()
    return Outcome(np.clip(np.stack(frames), low, high).astype(np.float32), displacement=went)


def _stages(times: Sequence[float]) -> int:
    """Return a number of stages that has all times between two of them, if there is one."""
    for n in range(4, 9):
        places = np.asarray(times) * n
        if np.allclose(places, np.round(places), atol=1e-3):
            return n
    return 4


def _fitted(a: Tensor, b: Tensor, n: int) -> Tensor:
    """Return the fields (n, 2, H, W), in pixels per stage, that carry one image to another."""
    shape = a.shape[-2:]
    factor = min(1.0, _LARGEST / max(shape))
    if factor < 1:
        size = (round(shape[0] * factor), round(shape[1] * factor))
        a, b = _resized(a, size), _resized(b, size)
    height, width = a.shape[-2:]
    levels = max(1, min(len(_STEPS), int(math.log2(min(height, width) / _SMALLEST)) + 1))
    fields = torch.zeros(n, 2, 1, 1)
    for level, steps in zip(reversed(range(levels)), _STEPS, strict=False):
        size = (max(8, round(height / 2**level)), max(8, round(width / 2**level)))
        fields = _refined(fields, _resized(a, size), _resized(b, size), steps)
    return _rescaled(fields, tuple(shape), tuple(fields.shape[-2:]))


def _refined(fields: Tensor, a: Tensor, b: Tensor, steps: int) -> Tensor:
    """Fit the fields on one scale, starting from those of the scale before."""
    n, size = len(fields), tuple(a.shape[-2:])
    before = tuple(fields.shape[-2:])
    nodes = (max(4, size[0] // _SPACING), max(4, size[1] // _SPACING))
    knots = _rescaled(fields, nodes, before, size).clone().requires_grad_(True)
    optimiser = torch.optim.Adam([knots], lr=4 * _RATE / n)
    decay = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda i: 0.1 + 0.45 * (1 + math.cos(math.pi * i / steps))
    )
    for _ in range(steps):
        missed = _read(a, _composed(_stretched(knots, size))) - b
        loss = _rounded(missed)
        loss = loss + _WEIGHT_SPACE * sum(_rounded(n * knots.diff(dim=axis)) for axis in (2, 3))
        loss = loss + _WEIGHT_TIME * (n * knots.diff(dim=0)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        decay.step()
    return _stretched(knots.detach(), size)


def _frame(image: Tensor, fields: Tensor, time: float) -> np.ndarray:
    place = time * len(fields)
    whole = math.floor(place + 1e-6)
    part = place - whole
    stages = fields[:whole]
    if part > 1e-3:
        stages = torch.cat([stages, part * fields[whole : whole + 1]])
    return _read(image, _composed(stages), "bicubic")[0, 0].numpy()


def _composed(fields: Tensor) -> Tensor:
    """Return where a pixel's value comes from after all stages, relative to it."""
    total = torch.zeros(1, *fields.shape[1:])
    for velocity in fields.split(1):
        total = _read(total, -velocity) - velocity
    return total


def _read(values: Tensor, displacement: Tensor, mode: str = "bilinear") -> Tensor:
    height, width = values.shape[-2:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    y = (rows + displacement[:, 0]) * (2 / (height - 1)) - 1
    x = (columns + displacement[:, 1]) * (2 / (width - 1)) - 1
    return functional.grid_sample(
        values, torch.stack([x, y], -1), mode=mode, padding_mode="border", align_corners=True
    )


def _rounded(difference: Tensor) -> Tensor:
    """Return the mean size of a difference, smooth around zero."""
    return (difference.square() + _ROUNDING).sqrt().mean()


def _stretched(fields: Tensor, size: tuple[int, ...]) -> Tensor:
    return functional.interpolate(fields, size, mode="bilinear", align_corners=False)


def _rescaled(
    fields: Tensor,
    nodes: tuple[int, ...],
    before: tuple[int, ...],
    after: tuple[int, ...] | None = None,
) -> Tensor:
    """Bring fields to other nodes, and displacements to images of another size."""
    after = after or nodes
    factor = torch.tensor([after[0] / before[0], after[1] / before[1]]).view(1, 2, 1, 1)
    return _stretched(fields, nodes) * factor


def _resized(image: Tensor, size: tuple[int, ...]) -> Tensor:
    if tuple(image.shape[-2:]) == tuple(size):
        return image
    return functional.interpolate(image, size, mode="bilinear", antialias=True, align_corners=False)
