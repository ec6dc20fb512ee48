"""The trainer of the prior."""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from napari_latentdyn.core.networks.device import use_threads
from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.training.processes import Processes
from napari_latentdyn.errors import ResumeError, SettingsError
from napari_latentdyn.settings import Settings
from training.feed import TIMES, Example, batches
from training.losses import decoded, field_loss, frame_loss, start_near, whole
from training.plan import Plan
from training.state import State

__all__ = ["new_state", "rate", "train"]

_log = logging.getLogger(__name__)
_MAX_GRADIENT = 1.0
#: The second one forgets large gradients sooner than is usual: they are rare and come in bursts.
_BETAS = (0.9, 0.99)
#: What the log says of the steps since its last line: means.
_NAMES = ("field", "epe", "frames", "ends", "square")


def new_state(plan: Plan, settings: Settings, device: torch.device) -> State:
    """Return networks with random weights, and their optimiser."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        model = LatentDynamics(1, settings).to(device)
    optimiser = torch.optim.AdamW(
        model.parameters(),
        lr=plan.learning_rate,
        weight_decay=plan.weight_decay,
        betas=_BETAS,
    )
    return State(model, copy.deepcopy(model), optimiser)


def rate(plan: Plan, step: int) -> float:
    """Return the learning rate of a step: a short rise, then half a cosine."""
    rise = min(1.0, (step + 1) / max(plan.warm_up, 1))
    fall = 0.5 * (1 + math.cos(math.pi * min(step / plan.steps, 1.0)))
    return plan.learning_rate * rise * (plan.final_rate + (1 - plan.final_rate) * fall)


class _Networks(nn.Module):
    """The outputs of the networks that a step needs, in one call."""

    def __init__(self, model: LatentDynamics) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, example: Example, start: Tensor, number: int | None, count: int
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return the fields of all levels, and a frame with both ends decoded.

        The frame is that of time `number`, of the leading `count` pairs; without a number
        there is none.
        """
        first, last = example.frames[:, :1], example.frames[:, -1:]
        levels = self.model.velocities(first, last, start)
        if number is None:
            return levels, []
        velocity = start + whole(levels[-1], (first.shape[-2], first.shape[-1]))
        return levels, decoded(self.model, example, velocity, number, count)


def train(
    plan: Plan,
    settings: Settings,
    folder: Path | None = None,
    processes: Processes | None = None,
) -> Iterator[State]:
    """Train the prior, step by step.

    Parameters
    ----------
    plan : Plan
        How long and on what.
    settings : Settings
        The networks are those of `settings.model`.
    folder : Path, optional
        Where checkpoints and the log are written, and from which training goes
        on if it has been here before.
    processes : Processes, optional
        The processes that share each batch, from `together`; the first one writes.

    Yields
    ------
    State
        After every step; the same object.
    """
    processes = processes or Processes()
    use_threads(plan.threads)
    device = processes.device(plan.device)
    state = new_state(plan, settings, device)
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"cannot write to {folder} ({error.strerror}): give another folder."
            ) from None
        if state.restore(folder):
            _log.info("going on after %d steps", state.step)
        first = processes.from_first(np.array([state.step], np.float32))
        if processes.any(int(first[0]) != state.step):
            raise ResumeError(
                f"the processes found different checkpoints in {folder}: give a folder that all "
                "computers share."
            )
    if not processes.is_first:
        folder = None
    sums, since = dict.fromkeys(_NAMES, 0.0), 0
    shown = 0
    started = time.perf_counter() - state.seconds
    feed = batches(plan, state.step, processes)
    networks = processes.wrapped(_Networks(state.model), partly_used=True)
    while state.step < plan.steps:
        for group in state.optimiser.param_groups:
            group["lr"] = rate(plan, state.step)
        found = _one_step(plan, state, networks, next(feed).to(device), processes)
        state.step += 1
        state.seconds = time.perf_counter() - started
        state.average(plan)
        for name, value in found.items():
            sums[name] += value
        since += 1
        shown += "square" in found
        if folder is not None and (state.step % plan.report_every == 0 or state.step == plan.steps):
            counts = {"field": since, "epe": since}
            entry = {name: value / max(counts.get(name, shown), 1) for name, value in sums.items()}
            entry["psnr"] = -10 * math.log10(max(entry.pop("square"), 1e-12))
            state.note(folder, {"step": state.step, "seconds": round(state.seconds, 1), **entry})
            _log.info(
                "step %d of %d, %.0f s: end-point error %.3f px, frames %.2f dB",
                state.step,
                plan.steps,
                state.seconds,
                entry["epe"],
                entry["psnr"],
            )
            sums, since, shown = dict.fromkeys(_NAMES, 0.0), 0, 0
        if folder is not None and (state.step % plan.save_every == 0 or state.step == plan.steps):
            state.save(folder, plan)
        yield state


def _one_step(
    plan: Plan, state: State, networks: nn.Module, example: Example, processes: Processes
) -> dict[str, float]:
    model = state.model.train()
    settled = model.settings.model.coarsening
    model.extractor.coarsening = settled + (state.step < plan.coarse)
    random = torch.Generator().manual_seed(plan.seed * 1_000_003 + state.step)
    start = start_near(example, plan.given_start, random)
    number, size = None, len(start)
    if state.step % plan.frames_every == 0:
        number = 1 + int(torch.randint(len(TIMES) - 2, (), generator=random))
    own, count = processes.share(size), min(plan.frames_batch, size)
    levels, images = networks(example.of(own), start[own], number, len(processes.share(count)))
    levels = processes.whole_batch(levels, size)
    loss, epe = field_loss(levels, start, example)
    found = {"field": float(loss.detach()), "epe": float(epe)}
    if number is not None:
        frames, ends, square = frame_loss(processes.whole_batch(images, count), example, number)
        loss = loss + plan.weight_frames * frames + plan.weight_ends * ends
        found |= {
            "frames": float(frames.detach()),
            "ends": float(ends.detach()),
            "square": float(square),
        }
    state.optimiser.zero_grad(set_to_none=True)
    processes.backward(loss)
    torch.nn.utils.clip_grad_norm_(model.parameters(), _MAX_GRADIENT)
    state.optimiser.step()
    return found
