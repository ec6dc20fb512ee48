"""Limit advected values to the range of the pixels around the point they come from.

Source: R. Bermejo, A. Staniforth, *The conversion of semi-Lagrangian advection schemes to
quasi-monotone schemes*, 1992.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.errors import FitError

__all__ = ["in_units", "limited", "neighbour_bounds", "neighbour_extremes"]

#: Largest number of single precision.
_LARGEST = np.finfo(np.float32).max


def limited(
    read: Tensor, values: Tensor, positions: Tensor, extremes: Tensor | None = None
) -> Tensor:
    """Limit interpolated values to the range of the four pixels around each position.

    Kernels of higher order overshoot beside edges, but advection creates neither maxima
    nor minima. The gradient ignores the limit: with the exact gradient, zero, the
    brightest and the darkest pixels would not contribute to the velocity.

    Parameters
    ----------
    read : Tensor, shape (B, C, h, w)
        Interpolated values.
    values : Tensor, shape (B, C, H, W)
        Values at the pixels.
    positions : Tensor, shape (B, 2, h, w)
        Positions of `read` in pixels.
    extremes : Tensor, optional
        `neighbour_extremes` of the values, if they are known.

    Returns
    -------
    Tensor, shape (B, C, h, w)
    """
    with torch.no_grad():
        within = torch.clamp(read, *neighbour_bounds(values, positions, extremes))
    # Without a gradient the limit is exact.
    return read + (within - read).detach() if read.requires_grad else within


def neighbour_extremes(values: Tensor) -> Tensor:
    """Return -minimum and maximum over each pixel and its neighbours, (B, 2 C, H, W).

    The neighbours are those below, to the right and diagonally below.
    """
    padded = functional.pad(values, (0, 1, 0, 1), mode="replicate")
    both = torch.cat([-padded, padded], dim=1)
    # Pooling over 2 x 2 pixels takes three times as long on a processor.
    pairs = torch.maximum(both[..., 1:, :], both[..., :-1, :])
    return torch.maximum(pairs[..., 1:], pairs[..., :-1])


def neighbour_bounds(
    values: Tensor, positions: Tensor, extremes: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the minimum and the maximum of the four pixels around positions.

    The arguments are those of `limited`; outside the image the nearest pixels count.
    """
    height, width = values.shape[-2:]
    if extremes is None:
        extremes = neighbour_extremes(values)
    # At a position that is not finite the interpolated value is not finite either.
    corners = positions.nan_to_num(0.0).floor().long()
    rows, columns = corners[:, 0].clamp(0, height - 1), corners[:, 1].clamp(0, width - 1)
    places = (rows * width + columns).flatten(1)[:, None].expand(-1, extremes.shape[1], -1)
    found = extremes.flatten(2).gather(2, places).unflatten(2, positions.shape[-2:])
    low, high = found.chunk(2, dim=1)
    return -low, high


def in_units(
    observations: Observations,
    frames: NDArray[np.float32],
    times: Sequence[float],
    *,
    limiter: bool,
) -> NDArray[np.floating[Any]]:
    """Convert decoded frames to the units of the images, and limit them to the range of both.

    Limited states stay within the range of the images. The decoder and a change of
    brightness can add values outside of it.

    Parameters
    ----------
    observations : Observations
        The images.
    frames : ndarray of float32, shape (T, C, H, W)
        Normalised intensities.
    times : sequence of float
        Times of the frames.
    limiter : bool
        Limit each channel to its range in both images; otherwise to the range of float32.

    Raises
    ------
    FitError
        If a frame is not finite.
    """
    if not np.isfinite(frames).all():
        raise FitError(
            "the networks return values that are not finite: train again with a lower learning "
            "rate."
        )
    with np.errstate(over="ignore"):
        result = observations.denormalise(frames, times)
    least, most = -_LARGEST, _LARGEST
    if limiter:
        least = observations.images.min(axis=(0, 2, 3))[:, None, None]
        most = observations.images.max(axis=(0, 2, 3))[:, None, None]
    return np.asarray(np.clip(result, least, most))
