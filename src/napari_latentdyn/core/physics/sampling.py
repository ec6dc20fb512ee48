"""Interpolation between the pixels, and positions of pixels.

Positions are in pixels, rows before columns.
"""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from napari_latentdyn.core.physics.limiter import limited, neighbour_extremes
from napari_latentdyn.core.physics.spline import coefficients, spline_sample

__all__ = ["Interpolant", "Interpolation", "inside", "pixel_grid", "sample"]

Interpolation = Literal["bilinear", "bicubic", "spline", "nearest"]


def pixel_grid(
    height: int, width: int, *, y: int = 0, x: int = 0, device: torch.device | None = None
) -> Tensor:
    """Return the positions of the pixels of a window, shape (1, 2, height, width)."""
    rows = torch.arange(y, y + height, dtype=torch.float32, device=device)
    columns = torch.arange(x, x + width, dtype=torch.float32, device=device)
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"))[None]


def sample(
    values: Tensor,
    positions: Tensor,
    interpolation: Interpolation = "bilinear",
    origin: tuple[int, int] = (0, 0),
    *,
    limiter: bool = False,
) -> Tensor:
    """Interpolate values between the pixels.

    Outside the image the nearest border value is returned: inflow is assumed to equal
    the border.

    Parameters
    ----------
    values : Tensor, shape (B or 1, C, H, W)
        Values at the pixels.
    positions : Tensor, shape (B or 1, 2, h, w)
        Where to interpolate, in pixels.
    interpolation : {"bilinear", "bicubic", "spline", "nearest"}
        Kernel; bicubic is the cubic convolution with a = -0.75, spline the
        cubic B-spline (see `spline_sample`).
    origin : (int, int)
        Position of the first pixel of `values`, if they are a window of the image.
    limiter : bool
        Limit "spline" and "bicubic" to the range of the surrounding pixels; see `limited`.

    Returns
    -------
    Tensor, shape (B, C, h, w)
    """
    batch = max(len(values), len(positions))
    values, positions = (each.expand(batch, -1, -1, -1) for each in (values, positions))
    if interpolation in ("spline", "bicubic") and limiter:
        positions = positions - positions.new_tensor(origin).view(1, 2, 1, 1)
        return limited(sample(values, positions, interpolation), values, positions)
    if interpolation == "spline":
        return spline_sample(values, positions - positions.new_tensor(origin).view(1, 2, 1, 1))
    height, width = values.shape[-2:]
    rows = (positions[:, 0] - origin[0]) * (2.0 / max(height - 1, 1)) - 1.0
    columns = (positions[:, 1] - origin[1]) * (2.0 / max(width - 1, 1)) - 1.0
    return functional.grid_sample(
        values,
        # Stacking planes and moving the axis is faster than interleaving them.
        torch.stack([columns, rows], dim=1).movedim(1, -1).to(values.dtype),
        mode=interpolation,
        padding_mode="border",
        align_corners=True,
    )


class Interpolant:
    """Values that are interpolated several times: what depends on them alone is computed once.

    Parameters
    ----------
    values : Tensor, shape (B, C, H, W)
        Values at the pixels.
    """

    def __init__(self, values: Tensor) -> None:
        self.values = values

    @cached_property
    def _coefficients(self) -> Tensor:
        return coefficients(self.values)

    @cached_property
    def _extremes(self) -> Tensor:
        return neighbour_extremes(self.values)

    def at(
        self, positions: Tensor, interpolation: Interpolation, *, limiter: bool = False
    ) -> Tensor:
        """Return `sample` of the values at positions (B, 2, h, w), (B, C, h, w)."""
        if interpolation != "spline":
            return sample(self.values, positions, interpolation, limiter=limiter)
        read = spline_sample(self.values, positions, self._coefficients)
        return limited(read, self.values, positions, self._extremes) if limiter else read


def inside(positions: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return where positions (B, 2, h, w) lie within an image, as (B, 1, h, w) of bool."""
    rows, columns = positions[:, :1], positions[:, 1:]
    slack = 0.5
    return (
        (rows >= -slack)
        & (rows <= shape[0] - 1 + slack)
        & (columns >= -slack)
        & (columns <= shape[1] - 1 + slack)
    )
