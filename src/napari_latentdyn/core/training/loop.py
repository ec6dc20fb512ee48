"""The loop of training: batches of patches, optimiser steps, and when to end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_latentdyn.core.dynamics.checkpoint import Checkpoint
from napari_latentdyn.core.networks.losses import loss_terms, total_loss
from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.observations.patches import batch_indices, scan
from napari_latentdyn.core.training.agreement import Agreement, Plateau
from napari_latentdyn.core.training.preview import Preview
from napari_latentdyn.core.training.processes import Processes
from napari_latentdyn.core.training.progress import Progress
from napari_latentdyn.core.training.sampler import PatchSampler, predicted
from napari_latentdyn.errors import FitError, is_out_of_memory, no_memory
from napari_latentdyn.settings import Settings

__all__ = ["BETAS", "TrainingLoop"]

#: Decay rates of the moments of Adam.
BETAS = (0.9, 0.999)
_MAX_GRADIENT = 1.0


class TrainingLoop:
    """Trains the networks of a model on patches of all intervals.

    Parameters
    ----------
    settings : Settings
        Those of the fit.
    should_stop : callable
        Called between two steps; true ends the training.
    processes : Processes
        The processes that share each batch.
    resume : Checkpoint, optional
        State from which the training continues.

    Attributes
    ----------
    step : int
        Finished optimiser steps.
    history : list of dict
        Losses of each step.
    batch_size : int
        Patches of a step; halved where the memory does not suffice.
    agreement : (float or None, float or None)
        See `Progress`.
    converged : bool
        Whether training ended because the agreement no longer improved.
    """

    def __init__(
        self,
        settings: Settings,
        should_stop: Callable[[], bool],
        processes: Processes,
        resume: Checkpoint | None,
    ) -> None:
        self.settings = settings
        self.should_stop = should_stop
        self.processes = processes
        self.step = resume.step if resume else 0
        self.history: list[dict[str, float]] = list(resume.history) if resume else []
        self.batch_size = settings.training.batch_size
        self.agreement: tuple[float | None, float | None] = (None, None)
        self.converged = False
        self._started = time.perf_counter() - (resume.seconds if resume else 0.0)

    @property
    def seconds(self) -> float:
        """Time since the start, that of an earlier part included."""
        return time.perf_counter() - self._started

    def run(
        self,
        model: LatentDynamics,
        optimiser: torch.optim.Optimizer,
        known: Observations,
        start: NDArray[np.float32],
        device: torch.device,
    ) -> Iterator[Progress]:
        """Train from fields `start`, (K - 1, n, 2, H, W) in pixels per stage.

        Yields after each step. Raises OutOfMemoryError if memory runs out, also with half of
        the batch, and FitError if the loss became NaN or infinite.
        """
        training, size = self.settings.training, self.settings.patches
        windows = scan(known.shape, size.size, size.stride)
        patches = [(k, window) for k in range(len(known) - 1) for window in windows]
        judge = Agreement(model, known, patches, start, self.settings, device)
        sampler = PatchSampler(known, patches, start, self.settings, device, judge.hidden)
        self.agreement = judge.measured(model, self.step)
        plateau = Plateau(self.settings, self.agreement[1], self.step)
        preview = None
        if self.settings.output.preview and self.processes.is_first:
            middle = (len(known) - 1) // 2
            preview = Preview(known.interval(middle), model, start[middle])
        rate = training.learning_rate
        if training.start_from != "scratch":
            rate *= training.learned_rate
        halved, first_step = False, self.step
        network = self.processes.wrapped(model)
        while (
            self.step < training.steps
            and not self.converged
            and not self.processes.any(self.should_stop())
        ):
            for group in optimiser.param_groups:
                group["lr"] = rate * training.final_rate ** (self.step / training.steps)
            chosen = batch_indices(self.step, len(patches), self.batch_size, training.seed)
            try:
                losses = self._one_step(network, optimiser, sampler, chosen)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                # One process cannot change the batch of all processes.
                if halved or self.batch_size == 1 or self.processes.count > 1:
                    raise no_memory(device.type) from None
                halved = True
                self.batch_size = max(1, min(self.batch_size, len(patches)) // 2)
                optimiser.zero_grad(set_to_none=True)
                if device.type == "cuda":
                    torch.cuda.empty_cache()
                continue
            self.step += 1
            self.history.append(losses)
            if judge.is_due(self.step, training.steps):
                self.agreement = judge.measured(model, self.step)
                reached = plateau.reached(self.agreement[1], self.step)
                self.converged = self.processes.any(reached)
            yield Progress(
                "train",
                self.step,
                training.steps,
                losses,
                self.seconds,
                preview.updated(self.should_stop) if preview else None,
                "Training" + (f" with batches of {self.batch_size}" if halved else ""),
                *self.agreement,
            )
        self.agreement = judge.measured(model, self.step)
        if self.step > first_step:
            with torch.no_grad():  # Checks that the loss after the last step is finite.
                self._loss(network, sampler, chosen)

    def _is_stopped(self) -> bool:
        return self.processes.any(self.should_stop())

    def _one_step(
        self,
        model: nn.Module,
        optimiser: torch.optim.Optimizer,
        sampler: PatchSampler,
        chosen: NDArray[np.int64],
    ) -> dict[str, float]:
        model.train()
        total, losses = self._loss(model, sampler, chosen)
        optimiser.zero_grad(set_to_none=True)
        self.processes.backward(total)
        torch.nn.utils.clip_grad_norm_(model.parameters(), _MAX_GRADIENT)
        optimiser.step()
        return losses

    def _loss(
        self, model: nn.Module, sampler: PatchSampler, chosen: NDArray[np.int64]
    ) -> tuple[Tensor, dict[str, float]]:
        terms = loss_terms(*predicted(model, sampler, chosen, self.processes), self.settings)
        total = total_loss(terms, self.settings.training)
        losses = {"total": float(total.detach())}
        losses |= {name: float(term.detach()) for name, term in terms.items()}
        if not np.isfinite(losses["total"]):
            raise FitError(
                f"the loss became {'NaN' if np.isnan(losses['total']) else 'infinite'} after "
                f"{self.step} steps; lower the learning rate "
                f"(now {self.settings.training.learning_rate:g})."
            )
        return total, losses
