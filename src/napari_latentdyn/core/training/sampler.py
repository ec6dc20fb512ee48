"""Batches of patch pairs on the device that trains."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_latentdyn.core.networks.model import Batch, Prediction
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.observations.patches import Window
from napari_latentdyn.core.physics.operators import patch_bounds
from napari_latentdyn.core.training.processes import Processes
from napari_latentdyn.settings import Settings

__all__ = ["Patch", "PatchSampler", "predicted"]

#: An interval between two neighbouring observations, and a window of it.
Patch = tuple[int, Window]


class PatchSampler:
    """Cuts pairs of patches of one size out of K neighbouring observations.

    `start` (K - 1, n, 2, H, W) are the initial fields in pixels per stage. Pixels in
    `hidden` (H, W) count as missing in the first image of each interval. The images stay in
    the main memory; batches go to the device.
    """

    def __init__(
        self,
        observations: Observations,
        patches: Sequence[Patch],
        start: NDArray[np.float32],
        settings: Settings,
        device: torch.device,
        hidden: NDArray[np.bool_] | None = None,
    ) -> None:
        self._patches = patches
        self._device = device
        self._per_patch = settings.images.normalisation == "patch"
        self._images = torch.from_numpy(observations.normalised())
        self._valid = torch.from_numpy(observations.valid)[:, None]
        shown = observations.valid if hidden is None else observations.valid & ~hidden
        self._shown = torch.from_numpy(shown)[:, None]
        self._start = torch.from_numpy(start)
        self._zeros = torch.from_numpy(observations.zeros).to(device)

    def batch(self, chosen: NDArray[np.int64]) -> Batch:
        """Return the patches with these indices."""
        first, last = self._cut(self._images, chosen), self._cut(self._images, chosen, 1)
        intervals = torch.tensor([self._patches[i][0] for i in chosen], device=self._device)
        zero_first, zero_last = self._zeros[intervals], self._zeros[intervals + 1]
        if self._per_patch:
            low, span = patch_bounds(first, last)
            first, last = (first - low) / span, (last - low) / span
            zero_first, zero_last = (zero_first - low) / span, (zero_last - low) / span
        return Batch(
            first=first,
            last=last,
            valid_first=self._cut(self._shown, chosen),
            valid_last=self._cut(self._valid, chosen, 1),
            start=self._cut(self._start, chosen),
            zero_first=zero_first,
            zero_last=zero_last,
        )

    def _cut(self, values: Tensor, chosen: NDArray[np.int64], later: int = 0) -> Tensor:
        patches = [self._patches[number] for number in chosen]
        cut = [values[(interval + later, ..., *window.slices)] for interval, window in patches]
        return torch.stack(cut).to(self._device)


def predicted(
    model: nn.Module, sampler: PatchSampler, chosen: NDArray[np.int64], processes: Processes
) -> tuple[Batch, Prediction]:
    """Return the patches with these indices and the output of the model for them.

    Each process runs the model, which was `wrapped`, on its share of the patches.
    """
    batch = sampler.batch(chosen)
    if processes.count == 1:
        return batch, model(batch)
    own: Prediction = model(sampler.batch(chosen[processes.share(len(chosen))]))
    outputs = [own.fields, own.coded_first, own.coded_last, *chain.from_iterable(own.arrived)]
    fields, coded_first, coded_last, *rest = processes.whole_batch(outputs, len(chosen))
    arrived = list(zip(rest[::3], rest[1::3], rest[2::3], strict=True))
    return batch, Prediction(fields, coded_first, coded_last, arrived)
