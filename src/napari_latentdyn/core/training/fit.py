"""Fit the model to two images: one generator for the window, the command line and tests."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.dynamics.checkpoint import Checkpoint
from napari_latentdyn.core.dynamics.reporting import make_report
from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.matching.ensemble import Ensemble
from napari_latentdyn.core.networks.device import is_out_of_memory, resolve, use_threads
from napari_latentdyn.core.networks.losses import loss_terms, total_loss
from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.pair import ImagePair
from napari_latentdyn.core.observations.patches import batch_indices, scan
from napari_latentdyn.core.rendering.renderer import Renderer
from napari_latentdyn.core.training.agreement import Agreement, Plateau
from napari_latentdyn.core.training.initial import initial_velocities, start_fields
from napari_latentdyn.core.training.preview import Preview
from napari_latentdyn.core.training.prior import load_weights
from napari_latentdyn.core.training.progress import Progress
from napari_latentdyn.core.training.sampler import PatchSampler
from napari_latentdyn.errors import FitError, OutOfMemoryError, Stopped
from napari_latentdyn.generators import mapped
from napari_latentdyn.settings import Settings

__all__ = ["Progress", "fit"]

_BETAS = (0.9, 0.999)
_MAX_GRADIENT = 1.0
#: Least time in seconds between two reports of the preparation.
_SHOW_EVERY = 0.1


def fit(
    pair: ImagePair,
    settings: Settings | None = None,
    *,
    should_stop: Callable[[], bool] | None = None,
    resume: Checkpoint | None = None,
) -> Generator[Progress, None, Dynamics]:
    """Learn the dynamics between two images (HLG section 3).

    Parameters
    ----------
    pair : ImagePair
        The images.
    settings : Settings, optional
        The default is the preset "standard".
    should_stop : callable, optional
        Asked between two steps. Once it is true the training ends, and what
        was learned is returned; before that, there is nothing to return.
    resume : Checkpoint, optional
        Go on from here. The pair and the networks have to be the same; other
        settings may differ.

    Yields
    ------
    Progress
        At every step.

    Returns
    -------
    Dynamics
        The result, with a checkpoint to go on from.

    Raises
    ------
    Stopped
        If `should_stop` became true before the initial fields were found.
    SettingsError
        If the networks cannot start from where the settings say.
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
    >>> fitting = fit(pair, Settings.preset("quick"))  # doctest: +SKIP
    >>> for progress in fitting:  # doctest: +SKIP
    ...     print(progress.step, progress.losses)
    """
    return _Fit(pair, settings or Settings.preset("standard"), should_stop, resume).run()


class _Fit:
    def __init__(
        self,
        pair: ImagePair,
        settings: Settings,
        should_stop: Callable[[], bool] | None,
        resume: Checkpoint | None,
    ) -> None:
        self.pair = pair
        self.settings = settings
        self.should_stop = should_stop or (lambda: False)
        self.resume = resume
        self.history: list[dict[str, float]] = list(resume.history) if resume else []
        self.step = resume.step if resume else 0
        self.batch_size = settings.training.batch_size
        self.agreement: tuple[float | None, float | None] = (None, None)
        self.converged = False
        self._started = time.perf_counter() - (resume.seconds if resume else 0.0)

    def run(self) -> Generator[Progress, None, Dynamics]:
        message: str | None = None
        try:
            return (yield from self._run())
        except RuntimeError as error:
            if is_out_of_memory(error):
                message = "the memory is too small: choose a smaller patch size or batch size."
            else:
                message = f"the training failed: {_first_line(error)}"
        # Not within the handler: the error's traceback would keep tensors alive.
        raise FitError(message)

    def _run(self) -> Generator[Progress, None, Dynamics]:
        use_threads(self.settings.training.threads)
        self.device = resolve(self.settings.training.device)
        model = self._model()
        ensemble = yield from self._prepare(model)
        start = start_fields(ensemble, self.settings)
        optimiser = None
        # Making the first one of a process takes a second.
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
            ensemble,
            self.history,
            self._seconds(),
            self.pair.brightness,
        )
        # What the networks extract is in the matched velocities already, unless they learned more.
        done = self.step == 0 and self.settings.model.initial_fields in ("extracted", "matched")
        fields = start if done else (yield from self._render(model, start))
        del optimiser
        model.to("cpu")
        report = make_report(
            self.settings,
            device=self.device.type,
            steps=self.step,
            seconds=self._seconds(),
            history=self.history,
            batch_size=self.batch_size,
            agreement=self.agreement,
            converged=self.converged,
            evidence=ensemble.evidence,
        )
        if self.device.type == "cuda":
            gc.collect()
            torch.cuda.empty_cache()
        return Dynamics(self.pair, self.settings, model, fields, report, ensemble, checkpoint)

    def _prepare(self, model: LatentDynamics) -> Generator[Progress, None, Ensemble]:
        if self.resume is not None:
            self.pair = self.pair.with_brightness(self.resume.brightness)
            return self.resume.start
        working = initial_velocities(
            self.pair, self.settings, self.device, model if self.has_learned else None
        )
        latest: Progress | None = None

        def prepared(step: tuple[float, int, str]) -> Progress:
            nonlocal latest
            if self.should_stop():
                # Fields of zero would make a cross-dissolve that looks like a result.
                raise Stopped("stopped before anything was learned.")
            done, total, message = step
            # In hundredths, because one piece of the matching takes many seconds.
            latest = Progress(
                "prepare",
                round(100 * done),
                100 * total,
                seconds=self._seconds(),
                message=message,
            )
            return latest

        self.pair, result = yield from mapped(working, prepared, pause=_SHOW_EVERY)
        if latest is not None:
            # The end of this phase is the start of the next one for those who take the time.
            yield replace(latest, step=latest.total, seconds=self._seconds())
        return result

    def _model(self) -> LatentDynamics:
        # Random numbers of the caller stay as they are.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.training.seed)
            model = LatentDynamics(self.pair.channels, self.settings)
        # A training that goes on has its own weights.
        self.has_learned = self.resume is None and load_weights(model, self.settings)
        return model.to(self.device)

    def _train(
        self, model: LatentDynamics, optimiser: torch.optim.Optimizer, start: NDArray[np.float32]
    ) -> Iterator[Progress]:
        training = self.settings.training
        windows = scan(self.pair.shape, self.settings.patches.size, self.settings.patches.stride)
        judge = Agreement(model, self.pair, windows, start, self.settings, self.device)
        sampler = PatchSampler(self.pair, windows, start, self.settings, self.device, judge.hidden)
        self.agreement = judge.measured(model, self.step)
        plateau = Plateau(self.settings, self.agreement[1], self.step)
        preview = Preview(self.pair, model, start) if self.settings.output.preview else None
        rate = training.learning_rate
        if training.start_from != "scratch":
            rate *= training.learned_rate
        halved, first_step = False, self.step
        while self.step < training.steps and not self.converged and not self.should_stop():
            for group in optimiser.param_groups:
                group["lr"] = rate * training.final_rate ** (self.step / training.steps)
            chosen = batch_indices(self.step, len(windows), self.batch_size, training.seed)
            try:
                losses = self._one_step(model, optimiser, sampler, chosen)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if halved or self.batch_size == 1:
                    raise _no_memory(self.device) from None
                halved = True
                self.batch_size = max(1, min(self.batch_size, len(windows)) // 2)
                optimiser.zero_grad(set_to_none=True)
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()
                continue
            self.step += 1
            self.history.append(losses)
            if judge.is_due(self.step, training.steps):
                self.agreement = judge.measured(model, self.step)
                self.converged = plateau.reached(self.agreement[1], self.step)
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
            with torch.no_grad():  # No step follows that would notice what the last one made.
                self._loss(model, sampler, chosen)

    def _one_step(
        self,
        model: LatentDynamics,
        optimiser: torch.optim.Optimizer,
        sampler: PatchSampler,
        chosen: NDArray[np.int64],
    ) -> dict[str, float]:
        model.train()
        total, losses = self._loss(model, sampler, chosen)
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), _MAX_GRADIENT)
        optimiser.step()
        return losses

    def _loss(
        self, model: LatentDynamics, sampler: PatchSampler, chosen: NDArray[np.int64]
    ) -> tuple[Tensor, dict[str, float]]:
        batch = sampler.batch(chosen)
        terms = loss_terms(batch, model(batch), self.settings)
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
        renderer = Renderer(model, self.pair)
        yield Progress(
            "render",
            0,
            len(renderer.windows),
            seconds=self._seconds(),
            message="Advection fields of the whole image",
        )
        try:
            return renderer.fields(start, self._ask)
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                raise _no_memory(self.device) from None
            raise

    def _ask(self, *_: int) -> None:
        # Without fields there is no result: asked only so that the caller takes notice.
        self.should_stop()

    def _seconds(self) -> float:
        return time.perf_counter() - self._started


def _no_memory(device: torch.device) -> OutOfMemoryError:
    return OutOfMemoryError(
        f"the memory of the {'GPU' if device.type != 'cpu' else 'computer'} is too small for this "
        "training: choose a smaller patch size, batch size or U-net width"
        + (", or the device cpu." if device.type != "cpu" else ".")
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
