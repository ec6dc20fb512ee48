"""Fit the model to observations: one generator for the window, the command line and tests."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_latentdyn.core.dynamics.checkpoint import Checkpoint
from napari_latentdyn.core.dynamics.fitted import Fitted
from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.matching.ensemble import Ensemble
from napari_latentdyn.core.networks.device import use_threads
from napari_latentdyn.core.networks.losses import loss_terms, total_loss
from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.observations.patches import batch_indices, scan
from napari_latentdyn.core.rendering.renderer import Renderer
from napari_latentdyn.core.runfolder.evidence import weakest
from napari_latentdyn.core.training.agreement import Agreement, Plateau
from napari_latentdyn.core.training.initial import match_intervals, start_fields
from napari_latentdyn.core.training.preview import Preview
from napari_latentdyn.core.training.prior import load_weights
from napari_latentdyn.core.training.processes import Processes
from napari_latentdyn.core.training.progress import Progress
from napari_latentdyn.core.training.reporting import make_report
from napari_latentdyn.core.training.sampler import PatchSampler, predicted
from napari_latentdyn.errors import FitError, ResumeError, Stopped, is_out_of_memory, no_memory
from napari_latentdyn.generators import mapped
from napari_latentdyn.settings import Settings

__all__ = ["Progress", "fit"]

_BETAS = (0.9, 0.999)
_MAX_GRADIENT = 1.0
#: Least time in seconds between two reports of the preparation.
_SHOW_EVERY = 0.1


def fit(
    observations: Observations,
    settings: Settings | None = None,
    *,
    should_stop: Callable[[], bool] | None = None,
    resume: Checkpoint | None = None,
    processes: Processes | None = None,
) -> Generator[Progress, None, Dynamics]:
    """Learn the dynamics between neighbouring observations (HLG section 3).

    Parameters
    ----------
    observations : Observations
        K images; the networks are trained on all K - 1 intervals together.
    settings : Settings, optional
        The default is the preset "standard".
    should_stop : callable, optional
        Called between two steps. Once it returns true the training ends, and the
        result so far is returned.
    resume : Checkpoint, optional
        State from which the training continues, ``dynamics.fitted.checkpoint`` of an
        earlier result. The observations and the networks have to be the same; other
        settings may differ.
    processes : Processes, optional
        The processes that share each batch, from `together`. All have to call this function
        with the same arguments, and all return the result.

    Yields
    ------
    Progress
        At every step.

    Returns
    -------
    Dynamics
        The result, with a checkpoint from which training can continue.

    Raises
    ------
    Stopped
        If `should_stop` became true before the initial fields were found.
    SettingsError
        If the networks cannot start from `training.start_from`.
    OutOfMemoryError
        If memory runs out, also with half of the batch.
    DeviceError
        If the device cannot be used.
    ResumeError
        If the checkpoint does not fit.
    FitError
        If the loss became NaN or infinite.

    Examples
    --------
    >>> fitting = fit(observations, Settings.preset("quick"))  # doctest: +SKIP
    >>> for progress in fitting:  # doctest: +SKIP
    ...     print(progress.step, progress.losses)
    """
    chosen = settings or Settings.preset("standard")
    return _Fit(observations, chosen, should_stop, resume, processes or Processes()).run()


class _Fit:
    def __init__(
        self,
        observations: Observations,
        settings: Settings,
        should_stop: Callable[[], bool] | None,
        resume: Checkpoint | None,
        processes: Processes,
    ) -> None:
        self.observations = observations
        self.settings = settings
        self.should_stop = should_stop or (lambda: False)
        self.resume = resume
        self.processes = processes
        self.history: list[dict[str, float]] = list(resume.history) if resume else []
        self.step = resume.step if resume else 0
        self.batch_size = settings.training.batch_size
        self.agreement: tuple[float | None, float | None] = (None, None)
        self.converged = False
        self._latest: Progress | None = None
        self._started = time.perf_counter() - (resume.seconds if resume else 0.0)

    def run(self) -> Generator[Progress, None, Dynamics]:
        try:
            return (yield from self._run())
        except RuntimeError as error:
            if is_out_of_memory(error):
                failure: FitError = no_memory(self.device.type)
            else:
                failure = self.processes.failure(error)
        # Outside of the handler, because the traceback of its error keeps tensors alive.
        raise failure

    def _run(self) -> Generator[Progress, None, Dynamics]:
        use_threads(self.settings.training.threads, self.processes.local_count)
        self.device = self.processes.device(self.settings.training.device)
        model = self._model()
        with self.processes.stopping_together():
            ensembles = yield from self._prepare(model)
        start = np.stack([start_fields(ensemble, self.settings) for ensemble in ensembles])
        start = self.processes.from_first(start)
        optimiser = None
        # The first optimiser of a process takes a second.
        if self.resume is not None or self.settings.training.steps > 0:
            optimiser = torch.optim.Adam(
                model.parameters(), lr=self.settings.training.learning_rate, betas=_BETAS
            )
            if self.resume is not None:
                self.resume.restore(model, optimiser)
            yield from self._train(model, optimiser, start)
        checkpoint = Checkpoint.of(
            model,
            optimiser,
            self.step,
            ensembles,
            self.history,
            self._seconds(),
            self.observations.brightness,
        )
        # Without training, the initial fields already contain those of the networks.
        done = self.step == 0 and self.settings.model.initial_fields in ("extracted", "matched")
        fields = start if done else (yield from self._render(model, start))
        del optimiser
        model.to("cpu")
        report = make_report(
            self.observations,
            self.settings,
            device=self.device.type,
            steps=self.step,
            seconds=self._seconds(),
            history=self.history,
            batch_size=self.batch_size,
            agreement=self.agreement,
            converged=self.converged,
            evidence=weakest([ensemble.evidence for ensemble in ensembles]),
        )
        if self.device.type == "cuda":
            gc.collect()
            torch.cuda.empty_cache()
        return Dynamics(
            self.settings,
            fields.reshape(-1, *fields.shape[2:]),
            report,
            observations=self.observations,
            fitted=Fitted(model, ensembles, checkpoint),
        )

    def _prepare(self, model: LatentDynamics) -> Generator[Progress, None, tuple[Ensemble, ...]]:
        if self.resume is not None:
            self._check_resumed(self.resume)
            self.observations = self.observations.with_brightness(self.resume.brightness)
            return self.resume.ensembles
        working = match_intervals(
            self.observations, self.settings, self.device, model if self.has_learned else None
        )
        self.observations, ensembles = yield from mapped(working, self._prepared, pause=_SHOW_EVERY)
        if self._latest is not None:
            # Marks the end of this phase for a stopwatch.
            yield replace(self._latest, step=self._latest.total, seconds=self._seconds())
        return ensembles

    def _check_resumed(self, before: Checkpoint) -> None:
        known = [ensemble.velocities.shape[-2:] for ensemble in before.ensembles]
        if known != [self.observations.shape] * (len(self.observations) - 1):
            raise ResumeError(
                "the training cannot continue, because its images had another number or size; "
                "start again."
            )

    def _prepared(self, step: tuple[float, int, str]) -> Progress:
        if self.should_stop():
            # Zero fields would give a cross-dissolve that looks like a result.
            raise Stopped("stopped before a result was found.")
        done, total, message = step
        # In hundredths, because one member of the matching takes many seconds.
        self._latest = Progress(
            "prepare", round(100 * done), 100 * total, seconds=self._seconds(), message=message
        )
        return self._latest

    def _model(self) -> LatentDynamics:
        # Keeps the random numbers of the caller.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.training.seed)
            model = LatentDynamics(self.observations.channels, self.settings)
        # A training that goes on has its own weights.
        self.has_learned = self.resume is None and load_weights(model, self.settings)
        return model.to(self.device)

    def _train(
        self, model: LatentDynamics, optimiser: torch.optim.Optimizer, start: NDArray[np.float32]
    ) -> Iterator[Progress]:
        training = self.settings.training
        known, size = self.observations, self.settings.patches
        windows = scan(known.shape, size.size, size.stride)
        patches = [(k, window) for k in range(len(known) - 1) for window in windows]
        judge = Agreement(model, known, patches, start, self.settings, self.device)
        sampler = PatchSampler(known, patches, start, self.settings, self.device, judge.hidden)
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
        while self.step < training.steps and not self.converged and not self._is_stopped():
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
                    raise no_memory(self.device.type) from None
                halved = True
                self.batch_size = max(1, min(self.batch_size, len(patches)) // 2)
                optimiser.zero_grad(set_to_none=True)
                if self.device.type == "cuda":
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
                self._seconds(),
                preview.updated(self.should_stop) if preview else None,
                "Training" + (f" with batches of {self.batch_size}" if halved else ""),
                *self.agreement,
            )
        self.agreement = judge.measured(model, self.step)
        if self.step > first_step:
            with torch.no_grad():  # Checks that the loss after the last step is finite.
                self._loss(network, sampler, chosen)

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

    def _render(
        self, model: LatentDynamics, start: NDArray[np.float32]
    ) -> Generator[Progress, None, NDArray[np.float32]]:
        renderers = [Renderer(model, interval) for interval in self.observations.intervals()]
        total = len(renderers) * len(renderers[0].windows)
        message = "Advection fields of the whole image"
        yield Progress("render", 0, total, seconds=self._seconds(), message=message)
        try:
            pairs = zip(renderers, start, strict=True)
            return np.stack([renderer.fields(own, self._ask) for renderer, own in pairs])
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                raise no_memory(self.device.type) from None
            raise

    def _is_stopped(self) -> bool:
        return self.processes.any(self.should_stop())

    def _ask(self, *_: int) -> None:
        # Fields are always completed; the call only lets the caller update.
        self.should_stop()

    def _seconds(self) -> float:
        return time.perf_counter() - self._started
