"""The frame half way during training, updated one window at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.observations.patches import blend_weights, scan
from napari_latentdyn.core.rendering.coefficients import fit_coefficients
from napari_latentdyn.core.rendering.fusion import UNSEEN
from napari_latentdyn.core.rendering.renderer import Renderer
from napari_latentdyn.core.training.agreement import Agreement
from napari_latentdyn.errors import Stopped
from napari_latentdyn.settings import Settings

__all__ = ["Preview", "agreement_of"]


class Preview:
    """The frame half way between two images, updated one window at a time.

    So neither a large image nor a request to stop waits for a whole frame. The first
    picture shows both images, carried half way along the initial fields `start` (n, 2, H, W).
    """

    #: Least time in seconds between two updates.
    INTERVAL = 1.0
    #: Part of the time that updates may take.
    SHARE = 0.08

    def __init__(
        self, observations: Observations, model: LatentDynamics, start: NDArray[np.float32]
    ) -> None:
        self._observations = observations
        self._model = model
        self._start = start
        self._windows = Renderer(model, observations).windows
        self._turn = 0
        self._due = 0.0
        self._picture: NDArray[np.floating[Any]] | None = None

    def updated(self, should_stop: Callable[[], bool]) -> NDArray[np.float32] | None:
        """Return the updated picture, (H, W) or (C, H, W), or None when it is too early."""
        begin = time.perf_counter()
        if begin < self._due:
            return None
        try:
            if self._picture is None:
                self._picture = self._carried(should_stop)
            self._renew(self._picture, should_stop)
        except Stopped:
            return None
        end = time.perf_counter()
        self._due = end + max(self.INTERVAL, (end - begin) / self.SHARE)
        picture = self._picture.copy()
        return picture if self._observations.multichannel else picture[0]

    def _renew(self, picture: NDArray[np.floating[Any]], should_stop: Callable[[], bool]) -> None:
        window = self._windows[self._turn % len(self._windows)]
        area, start = self._observations.crop(window), self._start[(..., *window.slices)]
        known = fit_coefficients(self._model.transport.equation, area, start, self._model)
        renderer = Renderer(self._model, area, coefficients=known, should_stop=should_stop)
        fields = renderer.fields(start)
        frame = renderer.frames(fields, [0.5])[0]
        part = picture[(slice(None), *window.slices)]
        part += blend_weights(window, self._observations.shape) * np.nan_to_num(frame - part)
        self._turn += 1

    @torch.no_grad()
    def _carried(self, should_stop: Callable[[], bool]) -> NDArray[np.floating[Any]]:
        """Return both images carried half way along the initial fields, (C, H, W)."""
        total = np.zeros((self._observations.channels, *self._observations.shape), np.float32)
        weight = np.zeros(self._observations.shape, np.float32)
        for window in self._windows:
            if should_stop():
                raise Stopped("stopped during a preview.")
            area = self._observations.crop(window)
            fields = torch.from_numpy(self._start[(..., *window.slices)])[None]
            first, last = (torch.from_numpy(image)[None] for image in area.normalised())
            zero_first, zero_last = (torch.from_numpy(value)[None] for value in area.zeros)
            carried = self._model.transport.half_way(
                (first, last), fields, "bilinear", (zero_first, zero_last)
            )
            # Where the path leaves one image, the other image counts.
            a, b = carried.seen_first.float() + UNSEEN, carried.seen_last.float() + UNSEEN
            mean = (carried.first * a + carried.last * b) / (a + b)
            share = blend_weights(window, self._observations.shape)
            total[(slice(None), *window.slices)] += share * mean[0].numpy()
            weight[window.slices] += share
        return np.asarray(self._observations.denormalise((total / weight)[None], [0.5])[0])


def agreement_of(
    observations: Observations, fields: NDArray[np.float32], settings: Settings
) -> float | None:
    """Return the agreement of both images half way along fields (n, 2, H, W), of any n.

    The value compares with `Progress.agreement` of a training with these settings.
    """
    windows = scan(observations.shape, settings.patches.size, settings.patches.stride)
    patches = [(0, window) for window in windows]
    with torch.random.fork_rng(devices=[]):
        model = LatentDynamics(observations.channels, settings)
    start = np.ascontiguousarray(fields, np.float32)[None]
    judge = Agreement(model, observations, patches, start, settings, torch.device("cpu"))
    return judge.measured(model, 0)[0]
