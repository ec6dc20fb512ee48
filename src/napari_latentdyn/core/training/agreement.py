"""Agreement of both images half way, in blocks that are hidden from the loss."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.physics.halfway import carry_half_way
from napari_latentdyn.core.physics.sampling import pixel_grid
from napari_latentdyn.core.training.pace import patience
from napari_latentdyn.core.training.sampler import Patch, PatchSampler
from napari_latentdyn.settings import Settings

__all__ = ["Agreement", "Plateau", "hidden_blocks"]

#: Largest side of a block in pixels, least number of blocks along the shorter side of an image,
#: and the part of the blocks that is hidden.
_BLOCK, _BLOCKS, _PART = 16, 8, 0.15
_SEED = 0
#: Least improvement.
_IMPROVED = 1e-3
#: Patches on which the agreement is measured, in the time of one or two steps of training.
_PATCHES = 6
#: Steps of training after which it is measured again.
_EVERY = 10
#: Limit of differences of intensity, because new features cannot be predicted.
_LARGEST = 0.2
#: Mean difference below which images are equal except for rounding.
_EQUAL = 1e-5


def hidden_blocks(shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which pixels of the first image are hidden from the loss, shape (H, W).

    The blocks belong to the first image and move with it, so that both directions of the
    loss leave out the same part of the scene.
    """
    side = max(1, min(_BLOCK, min(shape) // _BLOCKS))
    random = np.random.default_rng(_SEED)
    blocks = random.random([-(-length // side) for length in shape]) < _PART
    # At least one block is hidden, also in small images.
    blocks[blocks.shape[0] // 2, blocks.shape[1] // 2] = True
    whole = np.repeat(np.repeat(blocks, side, axis=0), side, axis=1)
    return np.ascontiguousarray(whole[: shape[0], : shape[1]])


class Agreement:
    """Measures how well both images, carried half way, agree in the hidden blocks.

    The measure is the part of the difference between the images that motion removes: 1
    where the carried images are equal, 0 where they differ as much as without any motion,
    and negative where they differ more. Some of the `patches` of the training are used;
    `start` (K - 1, n, 2, H, W) are the initial fields in pixels per stage, and the model is
    that before its first step.
    """

    def __init__(
        self,
        model: LatentDynamics,
        observations: Observations,
        patches: Sequence[Patch],
        start: NDArray[np.float32],
        settings: Settings,
        device: torch.device,
    ) -> None:
        self._blocks = hidden_blocks(observations.shape)
        #: Pixels hidden from the loss; None for a training that runs to its end.
        self.hidden = self._blocks if settings.training.stop_early else None
        count = min(_PATCHES, len(patches))
        chosen = np.linspace(0, len(patches) - 1, count).round().astype(int)
        self._patches = [patches[i] for i in chosen]
        self._sampler = PatchSampler(observations, self._patches, start, settings, device)
        self._keep_better = settings.training.keep_better
        self._device = device
        self._step, self._before = 0, self._of(model, trained=False)
        self._now = self._before

    def is_due(self, step: int, last: int) -> bool:
        """Return whether to measure after this step of a training with `last` steps."""
        return step % _EVERY == 0 or step == last

    def measured(self, model: LatentDynamics, step: int) -> tuple[float | None, float | None]:
        """Return the agreement with the initial fields, and with those of the model after a step.

        Each is at most 1, and None where the hidden blocks show no change. A step is measured
        once.
        """
        if step != self._step:
            self._step, self._now = step, self._of(model, trained=True)
        return self._before, self._now

    @torch.no_grad()
    def _of(self, model: LatentDynamics, *, trained: bool) -> float | None:
        model.eval()
        moved, still = [0.0, 0.0], [0.0, 0.0]
        for number, (_, window) in enumerate(self._patches):
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
    """Detects that the agreement no longer improves.

    `best` is the agreement at `step`, where the training begins or continues, with its
    whole patience: see `pace.patience`.
    """

    def __init__(self, settings: Settings, best: float | None, step: int) -> None:
        self._patience = patience(settings)
        self._best = -math.inf if best is None else best
        self._since = step

    def reached(self, value: float | None, step: int) -> bool:
        """Return whether `value`, the agreement now, has not improved during the patience."""
        if self._patience is None or value is None:
            return False
        if value > self._best + _IMPROVED:
            self._best, self._since = value, step
        return step - self._since >= self._patience
