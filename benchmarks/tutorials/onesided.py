"""Advection of the images as the paper has it: one field per stage, one end, step by step.

The paper compares with the same equation solved on the first image itself. The
package's own `advection` is a stronger form: it composes the characteristics,
reads each image once, and does so from both ends. Here the first image alone is
carried to the last, with one bilinear interpolation for each stage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["one_sided_advection"]

_STAGES = 8
#: Steps of the optimiser on images reduced to an eighth, a quarter, half and full size.
_STEPS = (150, 150, 120, 60)
_SPACING = 4
_RATE = 0.4 * 4 / _STAGES
_WEIGHT = 0.02


def one_sided_advection(
    first: NDArray[np.float32], last: NDArray[np.float32], times: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fit fields that carry the first image to the last, and carry it to each time.

    Parameters
    ----------
    first, last : ndarray, shape (C, H, W)
        The images; the fields are fitted to the mean of their channels.
    times : ndarray, shape (T,)
        Fractions of the interval.

    Returns
    -------
    frames : ndarray of float32, shape (T, C, H, W)
    velocity : ndarray of float32, shape (n, 2, H, W)
        In pixels per stage.
    """
    import torch
    from torch.nn import functional

    low, high = min(first.min(), last.min()), max(first.max(), last.max())
    a, b = (
        torch.from_numpy((image.mean(axis=0) - low) / (high - low))[None, None]
        for image in (first, last)
    )
    knots = torch.zeros(_STAGES, 2, 4, 4)
    for level, steps in zip((3, 2, 1, 0), _STEPS, strict=True):
        size = [max(8, round(side / 2**level)) for side in first.shape[1:]]
        nodes = [max(4, side // _SPACING) for side in size]
        # Displacements in pixels double with the size; the first ones are all zero.
        knots = 2 * functional.interpolate(knots, nodes, mode="bilinear", align_corners=False)
        small = [
            functional.interpolate(image, size, mode="bilinear", antialias=True) for image in (a, b)
        ]
        knots = _fitted(knots, small[0], small[1], steps)
    fields = functional.interpolate(
        knots, first.shape[1:], mode="bilinear", align_corners=False
    ).detach()
    image = torch.from_numpy(np.ascontiguousarray(first))[None]
    frames = [_carried(image, fields, float(time))[0].numpy() for time in times]
    return np.stack(frames).astype(np.float32), fields.numpy()


def _fitted(knots: Tensor, a: Tensor, b: Tensor, steps: int) -> Tensor:
    import torch
    from torch.nn import functional

    knots = knots.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([knots], lr=_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, _RATE / 10)
    for _ in range(steps):
        fields = functional.interpolate(knots, a.shape[-2:], mode="bilinear", align_corners=False)
        loss = _size(_carried(a, fields, 1.0) - b)
        loss = loss + _WEIGHT * sum(_size(_STAGES * knots.diff(dim=axis)) for axis in (2, 3))
        loss = loss + _WEIGHT * (_STAGES * knots.diff(dim=0)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return knots.detach()


def _carried(image: Tensor, fields: Tensor, time: float) -> Tensor:
    """Carry an image (1, C, H, W) to a time, with one interpolation for each stage."""
    import torch
    from torch.nn import functional

    height, width = image.shape[-2:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    for k, field in enumerate(fields):
        part = min(1.0, time * len(fields) - k)
        if part < 1e-6:
            break
        y = (rows - part * field[0]) * (2 / (height - 1)) - 1
        x = (columns - part * field[1]) * (2 / (width - 1)) - 1
        grid = torch.stack([x, y], -1)[None]
        image = functional.grid_sample(
            image, grid, mode="bilinear", padding_mode="border", align_corners=True
        )
    return image


def _size(difference: Tensor) -> Tensor:
    """Return the mean size, smooth around zero."""
    return (difference.square() + 1e-4).sqrt().mean()
