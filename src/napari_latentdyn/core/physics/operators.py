"""Small linear operators on images and fields, each (B, C, H, W)."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy import special
from torch import Tensor
from torch.nn import functional

__all__ = [
    "add_second_differences_adjoint",
    "area_ratio",
    "diffuse",
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

#: Number of pixels above which a sum of shifted images is faster on a CPU than the convolution of
#: PyTorch: three times at 512 x 512 pixels, and twenty times at 1024 x 1024.
_CONVOLVED = 1 << 15


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


def diffuse(values: Tensor, variance: float) -> Tensor:
    """Smooth with the heat kernel of the pixel grid, of a variance in pixels^2; as `smooth`.

    Unlike a sampled Gaussian, the kernel has its variance for all variances (T. Lindeberg,
    *Scale-space for discrete signals*, 1990).
    """
    reach = 2 + math.ceil(4 * math.sqrt(variance))
    kernel = special.ive(np.abs(np.arange(-reach, reach + 1)), variance)
    return separable(values, values.new_tensor(kernel / kernel.sum()))


def separable(values: Tensor, kernel: Tensor, rim: int = 0) -> Tensor:
    """Filter rows and columns with a symmetric kernel of odd length; the border is repeated.

    The result has `rim` more pixels on each side.
    """
    reach = len(kernel) // 2
    pad = reach + rim
    batch, channels, height, width = values.shape
    flat = functional.pad(values, (pad, pad, pad, pad), mode="replicate")
    if values.device.type == "cpu" and height * width > _CONVOLVED:
        shares = kernel[: reach + 1].tolist()
        return _filtered(_filtered(flat, shares, -2), shares, -1)
    flat = flat.reshape(batch * channels, 1, height + 2 * pad, width + 2 * pad)
    flat = functional.conv2d(flat, kernel.view(1, 1, -1, 1))
    flat = functional.conv2d(flat, kernel.view(1, 1, 1, -1))
    return flat.view(batch, channels, height + 2 * rim, width + 2 * rim)


def _filtered(values: Tensor, shares: list[float], axis: int) -> Tensor:
    """Filter one axis with the first half of a symmetric kernel, its centre included."""
    reach = len(shares) - 1
    size = values.shape[axis] - 2 * reach
    total = values.narrow(axis, reach, size) * shares[-1]
    for i, share in enumerate(shares[:-1]):
        both = values.narrow(axis, i, size) + values.narrow(axis, 2 * reach - i, size)
        total = total.add_(both, alpha=share)
    return total


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


def local_contrast(images: Tensor, sigma: float, mask: Tensor | None = None) -> Tensor:
    """Return images minus their local mean, divided by their local deviation.

    The result does not depend on local brightness and contrast.

    Parameters
    ----------
    images : Tensor, shape (B, C, H, W)
        Normalised to about [0, 1].
    sigma : float
        Standard deviation of the neighbourhood in pixels.
    mask : Tensor, shape (B or 1, 1, H, W), optional
        Weights of the pixels in the local means, from 0 to 1; by default all are equal.
    """
    if mask is None:
        detail = images - smooth(images, sigma)
        return detail / torch.sqrt(smooth(detail**2, sigma) + _NOISE**2)
    # Far from all valid pixels, the values that fill the gaps count a little.
    weight = mask + 1e-3
    total = smooth(weight, sigma)
    detail = images - smooth(images * weight, sigma) / total
    return detail / torch.sqrt(smooth(detail**2 * weight, sigma) / total + _NOISE**2)


def area_ratio(positions: Tensor) -> Tensor:
    """Return the Jacobian determinant of a map (B, 2, H, W); negative where the map folds."""
    rows, columns = gradient(positions)
    return rows[:, :1] * columns[:, 1:] - rows[:, 1:] * columns[:, :1]


def second_differences(u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Second differences down, across and mixed; zero for every affine field."""
    rows = u[..., 1:, :] - u[..., :-1, :]
    columns = u[..., :, 1:] - u[..., :, :-1]
    return (
        rows[..., 1:, :] - rows[..., :-1, :],
        columns[..., :, 1:] - columns[..., :, :-1],
        rows[..., :, 1:] - rows[..., :, :-1],
    )


def add_second_differences_adjoint(
    out: Tensor, rows: Tensor, columns: Tensor, mixed: Tensor, *, squared: bool = False
) -> None:
    """Add the adjoint of `second_differences` to `out`.

    With `squared`, all coefficients are squared: applied to weights, this gives the
    diagonal of the weighted normal matrix.
    """
    middle, corner = (4, 1) if squared else (-2, -1)
    out[..., 2:, :].add_(rows)
    out[..., :-2, :].add_(rows)
    out[..., 1:-1, :].add_(rows, alpha=middle)
    out[..., :, 2:].add_(columns)
    out[..., :, :-2].add_(columns)
    out[..., :, 1:-1].add_(columns, alpha=middle)
    out[..., 1:, 1:].add_(mixed)
    out[..., :-1, :-1].add_(mixed)
    out[..., 1:, :-1].add_(mixed, alpha=corner)
    out[..., :-1, 1:].add_(mixed, alpha=corner)


def patch_bounds(first: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
    """Joint minimum and span of pairs of patches per channel, each (B, C, 1, 1)."""
    both = torch.cat([first.flatten(2), last.flatten(2)], dim=2)
    low = both.amin(dim=2)[..., None, None]
    span = both.amax(dim=2)[..., None, None] - low
    return low, torch.where(span > 1e-6, span, torch.ones_like(span))
