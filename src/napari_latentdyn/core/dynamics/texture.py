"""Where an image shows enough for its motion to be seen; without PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["texture"]

#: Change of intensity from pixel to pixel at which motion is half seen, as a part of the strongest
#: in the image. The noise of a camera lies below.
_HALF = 0.15
#: What counts as the strongest: a few bright spots do not.
_STRONGEST = 99.5
#: Neighbourhood in which texture counts, as a part of the longer side, and its least in pixels:
#: motion is carried from there to places between.
_AROUND, _LEAST = 1 / 64, 2


def texture(frame: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return how well motion can be seen at each place, from 0 to 1.

    Compared are the changes of intensity around a place with the strongest of
    the image. Where there are none, nothing shows whether anything moves. An
    image without any changes says nothing of itself: then all is 1.

    Parameters
    ----------
    frame : ndarray, shape (H, W) or (C, H, W)
        Values that are not finite show nothing.

    Returns
    -------
    ndarray of float32, shape (H, W)
    """
    channels = frame[None] if frame.ndim == 2 else frame
    height, width = channels.shape[-2:]
    energy = np.zeros((height, width), np.float32)
    for channel in channels:
        energy += _change(np.asarray(channel))
    side = 2 * max(_LEAST, round(_AROUND * max(height, width))) + 1
    # Two boxes come close to a Gaussian, whatever their size.
    for _ in range(2):
        energy = ndimage.uniform_filter(energy, side, mode="nearest")
    energy = np.maximum(energy, 0.0)
    strongest = float(np.percentile(energy, _STRONGEST))
    if strongest <= 0:
        return np.ones((height, width), np.float32)
    seen: NDArray[np.float32] = (energy / (energy + _HALF**2 * strongest)).astype(np.float32)
    return seen


def _change(image: NDArray[Any]) -> NDArray[np.float32]:
    """Return the squared change from pixel to pixel, noise apart; 0 beside what is missing."""
    known = np.isfinite(image)
    values = np.asarray(image[known], np.float64)
    most = float(np.abs(values).max(initial=0.0))
    if most == 0 or np.ptp(values) == 0:
        return np.zeros(image.shape, np.float32)
    # The largest numbers there are have differences that are too large.
    values /= most
    filled = np.zeros(image.shape, np.float32)
    # Away from a large offset and between 0 and 1, single precision is enough.
    filled[known] = (values - values.min()) / np.ptp(values)
    calm = ndimage.uniform_filter(filled, 3, mode="nearest")
    change = np.zeros(image.shape, np.float32)
    for axis in (0, 1):
        if image.shape[axis] > 1:
            change += np.gradient(calm, axis=axis) ** 2
    if not known.all():
        change[ndimage.binary_dilation(~known, np.ones((5, 5)))] = 0.0
    return change
