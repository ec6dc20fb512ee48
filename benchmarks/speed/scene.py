"""The images that are timed: a texture that moves, of any size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_latentdyn.viewer.materials import noise

__all__ = ["moving_texture"]

#: Width in pixels of the details, and their amplitude.
_DETAILS = {1.5: 0.3, 5.0: 0.5, 15.0: 1.0}
#: Drift (dy, dx) in pixels, how much it changes across the image, and a border wider than both.
_DRIFT, _CHANGE, _MARGIN = (6.0, -4.0), 3.0, 16


def moving_texture(
    size: int, channels: int = 1, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return two images of a texture that drifts and turns by up to 10 pixels.

    Details and displacements have the same length in pixels at every size: only the
    number of pixels changes.

    Parameters
    ----------
    size : int
        Height and width.
    channels : int
        Each channel has its own texture; all move alike.
    seed : int
        The same seed gives the same images.

    Returns
    -------
    tuple of ndarray of float32, shape (H, W), or (C, H, W) for several channels
        On the scale from 0 to 1.
    """
    random = np.random.default_rng(seed)
    side = size + 2 * _MARGIN
    y, x = np.mgrid[:size, :size].astype(np.float32)
    turn = 2 * np.pi / size
    from_y = y - _DRIFT[0] - _CHANGE * np.sin(turn * x) + _MARGIN
    from_x = x - _DRIFT[1] - _CHANGE * np.cos(turn * y) + _MARGIN
    inner = slice(_MARGIN, _MARGIN + size)
    pairs = []
    for _ in range(channels):
        texture = sum(
            amplitude * noise(random, (side, side), width) for width, amplitude in _DETAILS.items()
        )
        values = np.asarray(texture, np.float32)
        moved = ndimage.map_coordinates(values, [from_y, from_x], order=3)
        pairs.append(np.stack([values[inner, inner], moved]))
    images = np.stack(pairs, axis=1)
    low, high = images.min(), images.max()
    first, last = ((images - low) / (high - low)).astype(np.float32)
    return (first, last) if channels > 1 else (first[0], last[0])
