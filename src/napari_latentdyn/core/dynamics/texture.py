"""Texture: places where the structure of an image makes motion visible; without PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["texture"]

#: Change of intensity from pixel to pixel with texture 1/2, as a part of the strongest change in
#: the image; above the noise of a camera.
_HALF = 0.15
#: Percentile of the strongest change, to ignore a few bright spots.
_STRONGEST = 99.5
#: Radius of the neighbourhood of a place, as a part of the longer side, and its least in pixels.
_AROUND, _LEAST = 1 / 64, 2


def texture(frame: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the visibility of motion at each place, shape (H, W), from 0 to 1.

    The changes of intensity around a place are compared with the strongest of the image,
    (H, W) or (C, H, W); values that are not finite show nothing. An image without any
    changes has texture 1 everywhere.
    """
    channels = frame[None] if frame.ndim == 2 else frame
    height, width = channels.shape[-2:]
    energy = np.zeros((height, width), np.float32)
    for channel in channels:
        energy += _change(np.asarray(channel))
    side = 2 * max(_LEAST, round(_AROUND * max(height, width))) + 1
    # Two boxes approximate a Gaussian of any size.
    for _ in range(2):
        energy = ndimage.uniform_filter(energy, side, mode="nearest")
    energy = np.maximum(energy, 0.0)
    strongest = float(np.percentile(energy, _STRONGEST))
    if strongest <= 0:
        return np.ones((height, width), np.float32)
    return np.asarray((energy / (energy + _HALF**2 * strongest)).astype(np.float32))


def _change(image: NDArray[Any]) -> NDArray[np.float32]:
    """Return the squared change from pixel to pixel after smoothing; 0 beside missing pixels."""
    known = np.isfinite(image)
    values = np.asarray(image[known], np.float64)
    most = float(np.abs(values).max(initial=0.0))
    if most == 0 or np.ptp(values) == 0:
        return np.zeros(image.shape, np.float32)
    # Differences of the largest numbers would overflow.
    values /= most
    filled = np.zeros(image.shape, np.float32)
    # Between 0 and 1, without a large offset, single precision is enough.
    filled[known] = (values - values.min()) / np.ptp(values)
    calm = ndimage.uniform_filter(filled, 3, mode="nearest")
    change = np.zeros(image.shape, np.float32)
    for axis in (0, 1):
        if image.shape[axis] > 1:
            change += np.gradient(calm, axis=axis) ** 2
    if not known.all():
        change[ndimage.binary_dilation(~known, np.ones((5, 5)))] = 0.0
    return change
