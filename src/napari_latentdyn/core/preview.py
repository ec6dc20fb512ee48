"""The frame half way while training goes on, one window at a time."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.model import LatentDynamics
from napari_latentdyn.core.pair import ImagePair
from napari_latentdyn.core.patches import blend_weights
from napari_latentdyn.core.render import Renderer
from napari_latentdyn.errors import Stopped

__all__ = ["Preview"]


class Preview:
    """Keeps a picture of the frame half way and renews it bit by bit.

    Each renewal computes one window and blends it in, so that neither a large
    image nor a wish to stop has to wait for a whole picture. It starts as the
    cross-dissolve of the two images.

    Parameters
    ----------
    pair : ImagePair
        The images.
    model : LatentDynamics
        The model in training.
    start : ndarray of float32, shape (n, 2, H, W)
        Initial fields in pixels per stage.
    """

    #: Least time in seconds between two renewals.
    INTERVAL = 1.0
    #: Part of the time that renewals may take.
    SHARE = 0.08

    def __init__(self, pair: ImagePair, model: LatentDynamics, start: NDArray[np.float32]) -> None:
        self._pair = pair
        self._model = model
        self._start = start
        self._windows = Renderer(model, pair).windows
        self._turn = 0
        self._due = 0.0
        self._picture: NDArray[np.float32] = np.float32(0.5) * (pair.first + pair.last)

    def updated(self, should_stop: Callable[[], bool]) -> NDArray[np.float32] | None:
        """Return the renewed picture, (H, W) or (C, H, W), or None when it is too early."""
        begin = time.perf_counter()
        if begin < self._due:
            return None
        window = self._windows[self._turn % len(self._windows)]
        area = self._pair.crop(window)
        renderer = Renderer(self._model, area, should_stop=should_stop)
        try:
            fields = renderer.fields(self._start[(..., *window.slices)])
            frame = renderer.frames(fields, [0.5])[0]
        except Stopped:
            return None
        share = np.ones((window.height, window.width), np.float32)
        if self._turn >= len(self._windows):
            share = blend_weights(window, self._pair.shape)
        part = self._picture[(slice(None), *window.slices)]
        part += share * np.nan_to_num(frame - part)
        self._turn += 1
        end = time.perf_counter()
        self._due = end + max(self.INTERVAL, (end - begin) / self.SHARE)
        picture = self._picture.copy()
        return picture if self._pair.multichannel else picture[0]
