"""Times of two computations in turn, the noise of the machine, and the largest memory."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch
from benchmarks.accuracy.worker import peak_memory

__all__ = ["TRANSFORMS", "Probe", "added_memory", "in_turn", "timed"]

#: Transforms in one probe: so many that one interruption by another process counts little.
TRANSFORMS = 48

Compute = Callable[[], object]


class Probe:
    """Repeats one fixed computation, whose times differ only by the noise of the machine."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self._values = torch.rand(1024, 1024, generator=generator)
        self.seconds: list[float] = []
        self._compute()

    def measure(self) -> None:
        """Note how long the computation takes now."""
        self.seconds.append(timed(self._compute))

    def _compute(self) -> None:
        for _ in range(TRANSFORMS):
            torch.fft.irfft2(torch.fft.rfft2(self._values))


def timed(compute: Compute) -> float:
    """Return the seconds of a computation, collecting garbage before and not during it."""
    gc.collect()
    started = time.perf_counter()
    compute()
    return time.perf_counter() - started


def in_turn(subjects: dict[str, Compute], repeats: int, probe: Probe) -> dict[str, list[float]]:
    """Time computations in turn, and the probe between them.

    Every second round goes backwards, so that a machine that becomes slower or faster
    favours none of them.

    Returns
    -------
    dict of str to list of float
        Seconds of each computation, one for each round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in subjects}
    probe.measure()
    for number in range(repeats):
        names = list(subjects) if number % 2 == 0 else list(reversed(subjects))
        for name in names:
            seconds[name].append(timed(subjects[name]))
            probe.measure()
    return seconds


def added_memory(compute: Compute) -> float:
    """Return by how many MB the resident memory grew at most during a computation.

    Linux forgets the peak of the time before; elsewhere the peak before counts as the
    memory that was there.
    """
    gc.collect()
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    before = peak_memory()
    compute()
    return max(0.0, peak_memory() - before)
