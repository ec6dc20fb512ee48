"""How well both images agree half way, in blocks that the loss does not see."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.pair import ImagePair
from napari_latentdyn.core.observations.patches import Window
from napari_latentdyn.core.physics.halfway import carry_half_way
from napari_latentdyn.core.physics.sampling import pixel_grid
from napari_latentdyn.core.training.pace import patience
from napari_latentdyn.core.training.sampler import PatchSampler
from napari_latentdyn.settings import Settings

__all__ = ["Agreement", "Plateau", "hidden_blocks"]

#: Largest side of a block in pixels, least number of blocks along the shorter side of an image,
#: and the part of the blocks that is hidden.
_BLOCK, _BLOCKS, _PART = 16, 8, 0.15
_SEED = 0
#: What counts as an improvement.
_IMPROVED = 1e-3
#: Patches on which the agreement is measured: the time of one or two steps of training.
_PATCHES = 6
#: Steps of training after which it is measured again.
_EVERY = 10
#: Differences of intensity count up to here: new features cannot be predicted.
_LARGEST = 0.2
#: Mean difference below which images are equal except for rounding.
_EQUAL = 1e-5


def hidden_blocks(shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return where pixels of the first image are hidden from the loss, shape (H, W).

    The blocks belong to the first image and move with it, so that both directions
    of the loss leave out the same part of the scene.
    """
    side = max(1, min(_BLOCK, min(shape) // _BLOCKS))
    random = np.random.default_rng(_SEED)
    blocks = random.random([-(-length // side) for length in shape]) < _PART
    # However small the image is, something is hidden.
    blocks[blocks.shape[0] // 2, blocks.shape[1] // 2] = True
    whole = np.repeat(np.repeat(blocks, side, axis=0), side, axis=1)
    return np.ascontiguousarray(whole[: shape[0], : shape[1]])


class Agreement:
    """Measures how well both images, carried half way, agree in the hidden blocks.

    The measure is the part of the difference between the images that motion
    removes: 1 where the carried images are equal, 0 where they differ as much as
    without any motion, and negative where they differ more.

    Parameters
    ----------
    model : LatentDynamics
        The model before its first step.
    pair : ImagePair
        The images.
    windows : sequence of Window
        The patches of the training, of which some are looked at.
    start : ndarray of float32, shape (n, 2, H, W)
        Initial fields in pixels per stage.
    settings : Settings
        As for the training.
    device : torch.device
        Where to compute.
    """

    def __init__(
        self,
        model: LatentDynamics,
        pair: ImagePair,
        windows: Sequence[Window],
        start: NDArray[np.float32],
        settings: Settings,
        device: torch.device,
    ) -> None:
        self._blocks = hidden_blocks(pair.shape)
        #: What the loss must not see; nothing is kept from a training that runs to its end.
        self.hidden = self._blocks if settings.training.stop_early else None
        count = min(_PATCHES, len(windows))
        chosen = np.linspace(0, len(windows) - 1, count).round().astype(int)
        self._windows = [windows[i] for i in chosen]
        self._sampler = PatchSampler(pair, self._windows, start, settings, device)
        self._keep_better = settings.training.keep_better
        self._device = device
        self._step, self._before = 0, self._of(model, trained=False)
        self._now = self._before

    def is_due(self, step: int, last: int) -> bool:
        """Return whether to measure after a step, of which the last one has this number."""
        return step % _EVERY == 0 or step == last

    def measured(self, model: LatentDynamics, step: int) -> tuple[float | None, float | None]:
        """Return the agreement with the initial fields, and with those of a model after a step.

        Each is at most 1, and None where the hidden blocks show no change. A step
        that was measured is not measured again.
        """
        if step != self._step:
            self._step, self._now = step, self._of(model, trained=True)
        return self._before, self._now

    @torch.no_grad()
    def _of(self, model: LatentDynamics, *, trained: bool) -> float | None:
        model.eval()
        moved, still = [0.0, 0.0], [0.0, 0.0]
        for number, window in enumerate(self._windows):
            batch = self._sampler.batch(np.array([number]))
            images, zero = (batch.first, batch.last), (batch.zero_first, batch.zero_last)
            fields = batch.start
            if trained:
                fields = model.extract(*images, batch.start)
                if self._keep_better:
                    fields = model.keep_better(*images, batch.start, fields, zero)
            hidden = torch.from_numpy(self._blocks[window.slices])[None, None].to(self._device)
            masks = ((batch.valid_first & hidden).float(), batch.valid_last.float())
            carried = model.transport.half_way(images, fields, "spline", zero, masks)
            grid = pixel_grid(window.height, window.width, device=self._device)
            unmoved = carry_half_way(images, (grid, grid), masks, "nearest")
            for sums, compared in ((moved, carried), (still, unmoved)):
                squares = (compared.distance(_LARGEST) ** 2).mean(dim=1, keepdim=True)
                sums[0] += float((squares * compared.seen).sum())
                sums[1] += int(compared.seen.sum())
        if moved[1] == 0 or still[0] <= _EQUAL**2 * still[1]:
            return None
        return 1.0 - math.sqrt(moved[0] / moved[1] / (still[0] / still[1]))


class Plateau:
    """Tells when the agreement no longer improves.

    Parameters
    ----------
    settings : Settings
        `training.stop_early` false, and a decoder that has to be learned first, never
        reach it. The patience is a quarter of the planned steps.
    best : float or None
        The agreement at the beginning.
    step : int
        The step at the beginning; a training that goes on has its patience again.
    """

    def __init__(self, settings: Settings, best: float | None, step: int) -> None:
        self._patience = patience(settings)
        self._best = -math.inf if best is None else best
        self._since = step

    def reached(self, value: float | None, step: int) -> bool:
        """Return whether the agreement has not improved for long, given its value at a step."""
        if self._patience is None or value is None:
            return False
        if value > self._best + _IMPROVED:
            self._best, self._since = value, step
        return step - self._since >= self._patience
