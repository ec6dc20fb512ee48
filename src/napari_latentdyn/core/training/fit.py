"""Fit the model to observations: one generator for the window, the command line and tests."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from napari_latentdyn.core.dynamics.checkpoint import Checkpoint
from napari_latentdyn.core.dynamics.fitted import Fitted
from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.matching.ensemble import Ensemble
from napari_latentdyn.core.matching.store import IntervalStore
from napari_latentdyn.core.networks.device import use_threads
from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.moving import moving_part
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.rendering.coefficients import fit_all
from napari_latentdyn.core.rendering.correction import Correction
from napari_latentdyn.core.rendering.filling import fill_missing
from napari_latentdyn.core.rendering.renderer import Renderer
from napari_latentdyn.core.runfolder.evidence import MotionEvidence, weakest
from napari_latentdyn.core.training.cache import open_store, told_of
from napari_latentdyn.core.training.choice import settle_equation
from napari_latentdyn.core.training.hidden import HiddenImages, learn_correction
from napari_latentdyn.core.training.initial import match_intervals, start_fields
from napari_latentdyn.core.training.known_tracks import with_tracks
from napari_latentdyn.core.training.loop import BETAS, TrainingLoop
from napari_latentdyn.core.training.prior import load_weights, start_correction
from napari_latentdyn.core.training.processes import Processes
from napari_latentdyn.core.training.progress import Progress
from napari_latentdyn.core.training.reporting import make_report, with_coefficients
from napari_latentdyn.core.training.unused import unused
from napari_latentdyn.errors import FitError, Stopped, is_out_of_memory, no_memory
from napari_latentdyn.generators import mapped
from napari_latentdyn.settings import Settings

__all__ = ["Progress", "fit"]

#: Least time in seconds between two reports of the preparation.
_SHOW_EVERY = 0.1


def fit(
    observations: Observations,
    settings: Settings | None = None,
    *,
    should_stop: Callable[[], bool] | None = None,
    resume: Checkpoint | None = None,
    processes: Processes | None = None,
    keep: Path | None = None,
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
    keep : Path, optional
        Folder for the intervals of a long series (`cache.is_long`), from which a fit of the same
        images continues that was stopped. The result reads this folder; `cache.discard_series`
        deletes it. By default they are in a temporary folder, which is deleted with the result;
        pairs and short series stay in the memory.

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
        If the loss became NaN or infinite, or a file of a long series cannot be written.
    RunFolderError
        If `keep` holds other files, or another process uses it.

    Examples
    --------
    >>> fitting = fit(observations, Settings.preset("quick"))  # doctest: +SKIP
    >>> for progress in fitting:  # doctest: +SKIP
    ...     print(progress.step, progress.losses)
    """
    chosen = settings or Settings.preset("standard")
    return _Fit(observations, chosen, should_stop, resume, processes or Processes(), keep).run()


class _Fit:
    def __init__(
        self,
        observations: Observations,
        settings: Settings,
        should_stop: Callable[[], bool] | None,
        resume: Checkpoint | None,
        processes: Processes,
        keep: Path | None,
    ) -> None:
        self.observations = observations
        self.settings = settings
        self.should_stop = should_stop or (lambda: False)
        self.resume = resume
        self.processes = processes
        self.loop = TrainingLoop(settings, self.should_stop, processes, resume)
        # Each process matches; only one can write into a folder.
        self.keep = keep if processes.count == 1 else None
        self.store: IntervalStore | None = None
        self._latest: Progress | None = None

    def run(self) -> Generator[Progress, None, Dynamics]:
        try:
            with self._keeping():
                return (yield from self._run())
        except RuntimeError as error:
            if is_out_of_memory(error):
                failure: FitError = no_memory(self.device.type)
            else:
                failure = self.processes.failure(error)
        # Outside of the handler, because the traceback of its error keeps tensors alive.
        raise failure

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        """Let other fits use the folder of the intervals if this one has no result."""
        try:
            yield
        except BaseException:
            if self.store is not None:
                self.store.close()
            raise

    def _run(self) -> Generator[Progress, None, Dynamics]:
        use_threads(self.settings.training.threads, self.processes.local_count)
        self.device = self.processes.device(self.settings.training.device)
        model = self._model()
        with self.processes.stopping_together():
            ensembles = yield from self._prepare(model)
            start, evidence = yield from self._started(ensembles)
        start = self.processes.from_first(start)
        if self.settings.model.initial_fields == "matched":
            stop = None if self.store is None else self._stop_if_asked
            self.observations = fill_missing(self.observations, ensembles, start, model, stop)
        self.observations, chosen = settle_equation(self.observations, start, model)
        self.settings = model.settings
        optimiser = None
        # The first optimiser of a process takes a second.
        if self.resume is not None or self.settings.training.steps > 0:
            optimiser = torch.optim.Adam(
                model.parameters(), lr=self.settings.training.learning_rate, betas=BETAS
            )
            if self.resume is not None:
                self.resume.restore(model, optimiser)
            moving = moving_part(self.observations)
            yield from self.loop.run(model, optimiser, moving, start, self.device)
        checkpoint = Checkpoint.of(
            model,
            optimiser,
            self.loop.step,
            ensembles,
            self.loop.history,
            self.loop.seconds,
            self.observations.brightness,
        )
        # Without training, the initial fields already contain those of the networks.
        done = self.loop.step == 0 and self.settings.model.initial_fields != "zero"
        fields = start if done else (yield from self._render(model, start))
        del optimiser
        coefficients = fit_all(model.transport.equation, self.observations, fields, model)
        correction, errors = yield from self._learn(model, ensembles)
        model.to("cpu")
        report = make_report(
            self.observations,
            self.settings,
            device=self.device.type,
            steps=self.loop.step,
            seconds=self.loop.seconds,
            history=self.loop.history,
            batch_size=self.loop.batch_size,
            agreement=self.loop.agreement,
            converged=self.loop.converged,
            evidence=weakest(evidence),
            hidden=errors,
            equation=with_coefficients(chosen, model.transport.equation, coefficients),
        )
        if self.device.type == "cuda":
            gc.collect()
            torch.cuda.empty_cache()
        dynamics = Dynamics(
            self.settings,
            fields.reshape(-1, *fields.shape[2:]),
            report,
            observations=self.observations,
            fitted=Fitted(model, ensembles, checkpoint, correction, coefficients),
        )
        dynamics.report = with_tracks(dynamics)
        return dynamics

    def _prepare(self, model: LatentDynamics) -> Generator[Progress, None, Sequence[Ensemble]]:
        proposing = model if self.has_learned else None
        self.store = open_store(
            self.observations, self.settings, self.device.type, proposing, self.keep
        )
        if self.resume is not None:
            self.resume.check_shape(len(self.observations), self.observations.shape)
            self.observations = self.observations.with_brightness(self.resume.brightness)
            return self.resume.ensembles
        said = " ".join((*told_of(self.store), *unused(self.observations.known, self.settings)))
        if said:
            yield Progress("prepare", 0, 100, seconds=self.loop.seconds, note=said)
        working = match_intervals(
            self.observations, self.settings, self.device, proposing, self.store
        )
        self.observations, ensembles = yield from mapped(working, self._prepared, pause=_SHOW_EVERY)
        return ensembles

    def _started(
        self, ensembles: Sequence[Ensemble]
    ) -> Generator[Progress, None, tuple[NDArray[np.float32], Sequence[MotionEvidence | None]]]:
        """Return the stage fields of all intervals, and the evidence of motion in each."""
        start = self._fields_of("start", len(ensembles))
        evidence: list[MotionEvidence | None] = []
        for k, ensemble in enumerate(ensembles):
            if self.store is not None:
                self._stop_if_asked()
            if self.store is not None and self._latest is not None:
                message = f"Stage fields of interval {k + 1} of {len(ensembles)}"
                yield replace(self._latest, seconds=self.loop.seconds, message=message)
            regions = self.observations.known.regions.of_images(k, k + 1)
            start[k] = start_fields(ensemble, self.settings, regions)
            evidence.append(ensemble.evidence)
        if self._latest is not None:
            # Marks the end of this phase for a stopwatch.
            yield replace(self._latest, step=self._latest.total, seconds=self.loop.seconds)
        return start, evidence

    def _fields_of(self, name: str, intervals: int) -> NDArray[np.float32]:
        """Return an array (K - 1, n, 2, H, W), in a file for a long series."""
        shape = (intervals, self.settings.model.stages, 2, *self.observations.shape)
        if self.store is None:
            return np.empty(shape, np.float32)
        return self.store.array(f"{name}-fields", shape)

    def _prepared(self, step: tuple[float, int, str]) -> Progress:
        self._stop_if_asked()
        done, total, message = step
        # In hundredths, because one member of the matching takes many seconds.
        self._latest = Progress(
            "prepare", round(100 * done), 100 * total, seconds=self.loop.seconds, message=message
        )
        return self._latest

    def _stop_if_asked(self) -> None:
        if self.should_stop():
            # Zero fields would give a cross-dissolve that looks like a result.
            raise Stopped("stopped before a result was found.")

    def _learn(
        self, model: LatentDynamics, ensembles: Sequence[Ensemble]
    ) -> Generator[Progress, None, tuple[Correction | None, HiddenImages | None]]:
        """Learn from hidden images how to correct frames, or take it from an earlier run."""
        given, settings = start_correction(self.settings), self.settings
        if (
            not settings.training.from_series
            or settings.model.initial_fields != "matched"
            or len(self.observations) < 3
        ):
            return given, None

        def told(step: tuple[float, int, str]) -> Progress:
            if self.processes.any(self.should_stop()):
                raise Stopped
            done, total, message = step
            at = round(100 * done), 100 * total
            return Progress("learn", *at, seconds=self.loop.seconds, message=message)

        working = learn_correction(
            self.observations, ensembles, settings, model, model if self.has_learned else None
        )
        try:
            return (yield from mapped(working, told, pause=_SHOW_EVERY))
        except Stopped:
            # The motion is found, and frames need no correction.
            return given, None

    def _model(self) -> LatentDynamics:
        # Keeps the random numbers of the caller.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.training.seed)
            model = LatentDynamics(self.observations.channels, self.settings)
        # A training that goes on has its own weights.
        self.has_learned = self.resume is None and load_weights(model, self.settings)
        return model.to(self.device)

    def _render(
        self, model: LatentDynamics, start: NDArray[np.float32]
    ) -> Generator[Progress, None, NDArray[np.float32]]:
        count = len(self.observations) - 1
        total = count * len(Renderer(model, self.observations.interval(0)).windows)
        message = "Advection fields of the whole image"
        yield Progress("render", 0, total, seconds=self.loop.seconds, message=message)
        try:
            fields = self._fields_of("trained", count)
            for k, interval in enumerate(self.observations.intervals()):
                fields[k] = Renderer(model, interval).fields(start[k], self._ask)
            return fields
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                raise no_memory(self.device.type) from None
            raise

    def _ask(self, *_: int) -> None:
        # Fields are always completed; the call only lets the caller update.
        self.should_stop()
