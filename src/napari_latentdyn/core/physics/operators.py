"""Small linear operators on images and fields, each (B, C, H, W)."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

__all__ = [
    "Array",
    "add_second_differences_adjoint",
    "area_ratio",
    "gradient",
    "halve",
    "local_contrast",
    "patch_bounds",
    "resize",
    "second_differences",
    "separable",
    "smooth",
]

#: Deviation below which texture counts as noise, in normalised intensity.
_NOISE = 0.03

#: Tensors of any device, or NumPy arrays.
Array = TypeVar("Array", Tensor, NDArray[np.float32])


def gradient(values: Tensor) -> tuple[Tensor, Tensor]:
    """Central differences down and to the right; one-sided ones at the border."""
    padded = functional.pad(values, (1, 1, 1, 1), mode="replicate")
    rows = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    columns = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    for edge in (0, -1):
        # At the repeated border the differences are half as large.
        rows[..., edge, :] *= 2
        columns[..., :, edge] *= 2
    return rows, columns


def smooth(values: Tensor, sigma: float) -> Tensor:
    """Gaussian smoothing with a standard deviation in pixels; the border is repeated."""
    reach = max(1, round(3 * sigma))
    steps = torch.arange(-reach, reach + 1, dtype=values.dtype, device=values.device)
    kernel = torch.exp(-(steps**2) / (2 * sigma**2))
    return separable(values, kernel / kernel.sum())


def separable(values: Tensor, kernel: Tensor, rim: int = 0) -> Tensor:
    """Filter rows and columns with a kernel of odd length; the border is repeated.

    The result has `rim` more pixels on each side.
    """
    pad = len(kernel) // 2 + rim
    batch, channels, height, width = values.shape
    flat = functional.pad(values, (pad, pad, pad, pad), mode="replicate")
    flat = flat.reshape(batch * channels, 1, height + 2 * pad, width + 2 * pad)
    flat = functional.conv2d(flat, kernel.view(1, 1, -1, 1))
    flat = functional.conv2d(flat, kernel.view(1, 1, 1, -1))
    return flat.view(batch, channels, height + 2 * rim, width + 2 * rim)


def resize(values: Tensor, shape: tuple[int, int]) -> Tensor:
    """Resize images without aliasing."""
    if values.shape[-2:] == shape:
        return values
    return functional.interpolate(
        values, shape, mode="bilinear", align_corners=False, antialias=True
    )


def halve(values: Tensor) -> Tensor:
    """Halve images (B, C, H, W) by means over 2 x 2 pixels; odd sides are rounded up."""
    return functional.avg_pool2d(values, 2, ceil_mode=True, count_include_pad=False)


def local_contrast(images: Tensor, sigma: float) -> Tensor:
    """Return images (B, C, H, W) minus their local mean, divided by their local deviation.

    The result does not depend on local brightness and contrast. `sigma` is the standard
    deviation of the neighbourhood in pixels.
    """
    detail = images - smooth(images, sigma)
    return detail / torch.sqrt(smooth(detail**2, sigma) + _NOISE**2)


def area_ratio(positions: Tensor) -> Tensor:
    """Return the Jacobian determinant of a map (B, 2, H, W); negative where the map folds."""
    rows, columns = gradient(positions)
    return rows[:, :1] * columns[:, 1:] - rows[:, 1:] * columns[:, :1]


def second_differences(u: Array) -> tuple[Array, Array, Array]:
    """Second differences down, across and mixed; zero for every affine field."""
    rows = u[..., 1:, :] - u[..., :-1, :]
    columns = u[..., :, 1:] - u[..., :, :-1]
    return (
        rows[..., 1:, :] - rows[..., :-1, :],
        columns[..., :, 1:] - columns[..., :, :-1],
        rows[..., :, 1:] - rows[..., :, :-1],
    )


def add_second_differences_adjoint(
    out: Array, rows: Array, columns: Array, mixed: Array, *, squared: bool = False
) -> None:
    """Add the adjoint of `second_differences` to `out`.

    With `squared`, all coefficients are squared: applied to weights, this gives the
    diagonal of the weighted normal matrix.
    """
    middle, corner = (4, mixed) if squared else (-2, -mixed)
    out[..., 2:, :] += rows
    out[..., :-2, :] += rows
    out[..., 1:-1, :] += middle * rows
    out[..., :, 2:] += columns
    out[..., :, :-2] += columns
    out[..., :, 1:-1] += middle * columns
    out[..., 1:, 1:] += mixed
    out[..., :-1, :-1] += mixed
    out[..., 1:, :-1] += corner
    out[..., :-1, 1:] += corner


def patch_bounds(first: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
    """Joint minimum and span of pairs of patches per channel, each (B, C, 1, 1)."""
    both = torch.cat([first.flatten(2), last.flatten(2)], dim=2)
    low = both.amin(dim=2)[..., None, None]
    span = both.amax(dim=2)[..., None, None] - low
    return low, torch.where(span > 1e-6, span, torch.ones_like(span))
