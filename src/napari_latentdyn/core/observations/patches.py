"""Windows over an image: their places, their order in training, their weights in a blend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Window", "batch_indices", "blend_weights", "covering", "scan", "tiles"]


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels: its first row and column, its height and width."""

    y: int
    x: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index an array of shape (..., H, W) with."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)

    def within(self, outer: Window) -> Window:
        """Return the window relative to the first pixel of another one, which contains it."""
        return Window(self.y - outer.y, self.x - outer.x, self.height, self.width)

    def even(self) -> Window:
        """Return a window that begins at even rows and columns, and contains this one."""
        y, x = self.y - self.y % 2, self.x - self.x % 2
        return Window(y, x, self.height + self.y - y, self.width + self.x - x)

    def grown(self, margin: int, shape: tuple[int, int]) -> Window:
        """Return the window with a margin on all sides, cut at the image."""
        y, x = max(0, self.y - margin), max(0, self.x - margin)
        bottom = min(shape[0], self.y + self.height + margin)
        right = min(shape[1], self.x + self.width + margin)
        return Window(y, x, bottom - y, right - x)


def scan(shape: tuple[int, int], size: tuple[int, int], stride: tuple[int, int]) -> list[Window]:
    """Scan an image with windows, row by row (HLG section 3).

    Every pixel is covered: where the stride does not divide the rest, the last window is moved
    back to the border. A size beyond the image is cut to the image.
    """
    if any(not 1 <= step <= side for step, side in zip(stride, size, strict=True)):
        raise ValueError(f"stride {stride} must lie between 1 and the window size {size}")
    height, width = min(size[0], shape[0]), min(size[1], shape[1])
    return [
        Window(y, x, height, width)
        for y in _starts(shape[0], height, stride[0])
        for x in _starts(shape[1], width, stride[1])
    ]


def tiles(shape: tuple[int, int], side: int, overlap: float) -> list[Window]:
    """Cover an image with square windows that share a fraction of their side.

    An image that is smaller than one and a half windows is one window along
    that axis: a second one would add only seams.
    """
    size = tuple(side if length > 1.5 * side else length for length in shape)
    stride = tuple(max(1, round(s * (1 - overlap))) for s in size)
    return scan(shape, (size[0], size[1]), (stride[0], stride[1]))


def covering(shape: tuple[int, int], side: int) -> list[Window]:
    """Cover an image with square tiles that do not overlap; those at the end can be smaller."""
    height, width = shape
    return [
        Window(y, x, min(side, height - y), min(side, width - x))
        for y in range(0, height, side)
        for x in range(0, width, side)
    ]


def batch_indices(step: int, count: int, batch_size: int, seed: int) -> NDArray[np.int64]:
    """Return the patches, of `count`, that a training step uses; `step` counts from 0.

    Patches are drawn without replacement. Each epoch has its own permutation, which depends on the
    seed and the epoch alone, so that a continued training sees the patches of one without a stop.
    """
    batch_size = min(batch_size, count)
    wanted = np.arange(step * batch_size, (step + 1) * batch_size)
    epochs = wanted // count
    orders = {
        e: np.random.default_rng((seed, int(e))).permutation(count) for e in np.unique(epochs)
    }
    return np.array([orders[e][i % count] for e, i in zip(epochs, wanted, strict=True)])


def blend_weights(window: Window, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return the weights of a window in a blend, shape (height, width).

    The weights fall off as a raised cosine towards the borders of the window inside the image, and
    stay positive, so that their sum never vanishes.
    """
    rows = _taper(window.height, window.y > 0, window.y + window.height < shape[0])
    columns = _taper(window.width, window.x > 0, window.x + window.width < shape[1])
    return (rows[:, None] * columns[None, :]).astype(np.float32)


def _starts(length: int, size: int, stride: int) -> list[int]:
    starts = list(range(0, length - size + 1, stride))
    if starts[-1] + size < length:
        starts.append(length - size)
    return starts


def _taper(length: int, low: bool, high: bool) -> NDArray[np.float64]:
    half = length // 2
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(half) + 0.5) / max(half, 1))
    weights = np.ones(length)
    if low:
        weights[:half] *= ramp
    if high:
        weights[length - half :] *= ramp[::-1]
    return np.maximum(weights, 1e-4)
