"""Batches of scenes: made beforehand by other processes, seen several times, never twice alike."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.training.processes import Processes
from training.plan import Plan
from training.scenes import Scene, make_scene, photometry

__all__ = ["TIMES", "Example", "batches", "scene_of"]

#: Times of the frames of each scene.
TIMES = (0.0, 0.25, 0.5, 0.75, 1.0)
_AHEAD = 24
#: Part of the scenes that stay simple to the end.
_ALWAYS_SIMPLE = 0.2


@dataclass(eq=False)
class Example:
    """A batch of scenes as a sensor saw them.

    Attributes
    ----------
    frames : Tensor, shape (B, T, H, W)
        Normalised; first and last with noise.
    velocity : Tensor, shape (B, 2, H, W)
        True velocity half way in pixels per interval.
    known : Tensor, shape (B, 1, H, W)
        One where it is more than a convention.
    """

    frames: Tensor
    velocity: Tensor
    known: Tensor

    def to(self, device: torch.device) -> Example:
        """Return the same on a device."""
        return Example(self.frames.to(device), self.velocity.to(device), self.known.to(device))

    def of(self, chosen: NDArray[np.int64]) -> Example:
        """Return the scenes with these indices."""
        return Example(self.frames[chosen], self.velocity[chosen], self.known[chosen])


def scene_of(seed: int, number: int, size: int, longest: float, simple: float = 0.0) -> Scene:
    """Return one scene of the endless sequence that belongs to a seed.

    Parameters
    ----------
    seed, number : int
        Which one.
    size : int
        Its side in pixels.
    longest : float
        Longest displacement in pixels.
    simple : float
        With which probability it is a simple one.
    """
    random = torch.Generator().manual_seed(_mixed(seed, number))
    easy = float(torch.rand((), generator=random)) < simple
    return make_scene(random, (size, size), TIMES, longest, simple=easy)


def batches(plan: Plan, start: int = 0, processes: Processes | None = None) -> Iterator[Example]:
    """Yield the batches from a step on; the same ones for the same plan.

    Scenes that are seen again after a restart are those since then. Each of several
    `processes` makes its part of the scenes, and all yield the whole batch.
    """
    processes = processes or Processes()
    pool: deque[Scene] = deque(maxlen=plan.pool)
    scenes = _of_all(_scenes(plan, start * plan.fresh, processes), processes)
    step = start
    while True:
        random = torch.Generator().manual_seed(_mixed(plan.seed + 1, step))
        new = [next(scenes) for _ in range(min(plan.fresh, plan.batch))]
        chosen = list(new)
        chosen.extend(
            pool[_integer(random, len(pool))] if pool else new[0]
            for _ in range(plan.batch - len(new))
        )
        pool.extend(new)
        quiet = step < plan.simple
        yield _together([_seen(scene, random, quiet=quiet) for scene in chosen])
        step += 1


def _of_all(own: Iterator[Scene], processes: Processes) -> Iterator[Scene]:
    """Yield the scenes of all processes in turn."""
    for scene in own:
        parts = [part[None] for part in (scene.frames, scene.velocity, scene.known)]
        for values in zip(*processes.whole_batch(parts, processes.count), strict=True):
            yield Scene(*values)


def _scenes(plan: Plan, first: int, processes: Processes) -> Iterator[Scene]:
    numbers = itertools.count(first + processes.rank, processes.count)
    if plan.workers == 0:
        for number in numbers:
            yield scene_of(*_described(plan, number))
    with ProcessPoolExecutor(plan.workers, initializer=_one_thread) as workers:
        waiting: deque[Future[Scene]] = deque()
        while True:
            while len(waiting) < _AHEAD:
                waiting.append(workers.submit(scene_of, *_described(plan, next(numbers))))
            yield waiting.popleft().result()


def _described(plan: Plan, number: int) -> tuple[int, int, int, float, float]:
    simple = 1.0 - number / (plan.simple * plan.fresh) if plan.simple else 0.0
    return plan.seed, number, plan.size, plan.longest, max(simple, _ALWAYS_SIMPLE)


def _one_thread() -> None:
    os.nice(5)
    torch.set_num_threads(1)


def _seen(scene: Scene, random: torch.Generator, *, quiet: bool) -> Scene:
    """Return a scene turned, mirrored, reversed in time, or in negative, as a sensor saw it."""
    frames, velocity, known = scene.frames, scene.velocity, scene.known
    sign = torch.ones(2, 1, 1)
    if _integer(random, 2):
        frames, velocity, known = frames.flip(-1), velocity.flip(-1), known.flip(-1)
        sign[1] = -sign[1]
    if _integer(random, 2):
        frames, velocity, known = frames.flip(-2), velocity.flip(-2), known.flip(-2)
        sign[0] = -sign[0]
    velocity = velocity * sign
    if _integer(random, 2):
        frames, known = frames.transpose(-1, -2), known.transpose(-1, -2)
        velocity = velocity.transpose(-1, -2).flip(0)
    if _integer(random, 2):
        frames, velocity = frames.flip(0), -velocity
    if _integer(random, 3) == 0:
        frames = 1.0 - frames
    # What a sensor adds would hide the motion as long as none has been learned.
    if quiet and _integer(random, 2):
        return Scene(frames.clamp(0, 1), velocity, known)
    return Scene(photometry(frames, TIMES, random), velocity, known)


def _together(scenes: list[Scene]) -> Example:
    return Example(
        torch.stack([scene.frames for scene in scenes]),
        torch.stack([scene.velocity for scene in scenes]),
        torch.stack([scene.known for scene in scenes]),
    )


def _integer(random: torch.Generator, below: int) -> int:
    return int(torch.randint(below, (), generator=random))


def _mixed(seed: int, number: int) -> int:
    # Neighbouring seeds of one generator give related numbers.
    return int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0] >> 1)
