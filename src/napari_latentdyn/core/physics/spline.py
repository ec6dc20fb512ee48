"""Cubic B-spline interpolation: reproduces cubics, and loses less detail than cubic convolution.

Source: M. Unser, A. Aldroubi, M. Eden, *B-spline signal processing*, 1993.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from napari_latentdyn.core.physics.operators import separable

__all__ = ["MARGIN", "coefficients", "spline_sample"]

#: Distance in pixels beyond which values change an interpolated one by less than 1e-4.
MARGIN = 8
_POLE = math.sqrt(3.0) - 2.0
_TAPS = 12
#: Width of the rim of coefficients, so that positions at the border have four neighbours.
_RIM = 2


def coefficients(values: Tensor) -> Tensor:
    """Return the spline's coefficients with a rim of 2 pixels, (B, C, H + 4, W + 4).

    The border of the values, (B, C, H, W), is repeated.
    """
    steps = torch.arange(-_TAPS, _TAPS + 1, device=values.device)
    kernel = (math.sqrt(3.0) * _POLE ** steps.abs().double()).to(values.dtype)
    return separable(values, kernel / kernel.sum(), _RIM)


def spline_sample(values: Tensor, positions: Tensor, table: Tensor | None = None) -> Tensor:
    """Interpolate values between the pixels by a cubic B-spline.

    Four bilinear interpolations at shifted positions replace the sixteen neighbours
    (C. Sigg, M. Hadwiger, *Fast third-order texture filtering*, 2005).

    Parameters
    ----------
    values : Tensor, shape (B, C, H, W)
        Values at the pixels.
    positions : Tensor, shape (B, 2, h, w)
        In pixels, rows first; outside, the nearest border value is returned.
    table : Tensor, optional
        `coefficients` of the values, if they are known.

    Returns
    -------
    Tensor, shape (B, C, h, w)
    """
    height, width = values.shape[-2:]
    if table is None:
        table = coefficients(values)
    rows, row_shares = _taps(positions[:, 0].clamp(0, height - 1))
    columns, column_shares = _taps(positions[:, 1].clamp(0, width - 1))
    scale_y, scale_x = 2.0 / (height + 2 * _RIM - 1), 2.0 / (width + 2 * _RIM - 1)
    places_y = [(y + _RIM) * scale_y - 1.0 for y in rows]
    places_x = [(x + _RIM) * scale_x - 1.0 for x in columns]
    total: Tensor | None = None
    for y, share_y in zip(places_y, row_shares, strict=True):
        for x, share_x in zip(places_x, column_shares, strict=True):
            read = functional.grid_sample(
                table,
                torch.stack([x, y], dim=1).movedim(1, -1).to(table.dtype),
                mode="bilinear",
                padding_mode="border",
                align_corners=True,
            )
            part = read * (share_y * share_x)[:, None]
            total = part if total is None else total + part
    assert total is not None
    return total


def _taps(position: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return positions and weights of the two linear interpolations along one axis."""
    corner = position.detach().floor()
    f = position - corner
    w0 = (1 - f) ** 3 / 6
    w1 = (4 - 6 * f**2 + 3 * f**3) / 6
    w3 = f**3 / 6
    low = w0 + w1
    high = 1 - low
    return (corner - 1 + w1 / low, corner + 1 + w3 / high), (low, high)
