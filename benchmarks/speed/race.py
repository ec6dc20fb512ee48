"""How long `standard` and the reference take to the accuracy that the reference ends with."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.accuracy.cases import Case, generated_cases, stored_cases
from benchmarks.accuracy.methods import run_settings
from benchmarks.accuracy.scores import psnr
from benchmarks.speed import reference
from benchmarks.speed.scene import moving_texture
from benchmarks.speed.timing import Probe
from numpy.typing import NDArray

from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.generators import drain

__all__ = ["CASES", "EVERY", "measure", "read"]

#: A stored sequence, and a scene that the package generates.
CASES = ("syn_rotation", "generated_translation_land")
#: Steps of the reference between two measurements of its frame.
EVERY = 20

Curve = list[tuple[int, float, float]]


def read(name: str, data: Path) -> Case:
    """Return a case of the accuracy benchmark.

    Raises
    ------
    ValueError
        If there is no case of that name.
    """
    for case in generated_cases(name.__eq__) or stored_cases(data, name.__eq__):
        return case
    raise ValueError(f"there is no sequence {name} in {data}")


def measure(case: Case, steps: int, repeats: int, threads: int) -> dict[str, Any]:
    """Run both on a case, in turn.

    The reference starts from other random weights each time.

    Returns
    -------
    dict
        "time" of the true frame; "standard", a list of (seconds, PSNR), one for each
        repeat; "reference", as many curves of (step, seconds, PSNR); "probe".
    """
    probe = Probe()
    # Loads modules and weights. A corner of the case itself may stand still, which is refused.
    tiny = moving_texture(64)
    _standard(*tiny, 0.5, threads)
    reference.interpolate(*tiny, [0.5], steps=1)
    nearest = int(np.argmin(np.abs(np.asarray(case.times) - 0.5)))
    at, truth = case.times[nearest], case.truth[nearest]
    ours, curves = [], []
    probe.measure()
    for number in range(repeats):
        started = time.perf_counter()
        frame = _standard(case.first, case.last, at, threads)
        ours.append((time.perf_counter() - started, _accuracy(frame, truth)))
        probe.measure()
        curves.append(_curve(case, at, truth, steps, number))
        probe.measure()
    return {"time": at, "standard": ours, "reference": curves, "probe": probe.seconds}


def _standard(
    first: NDArray[np.float32], last: NDArray[np.float32], at: float, threads: int
) -> NDArray[np.float32]:
    settings = run_settings("standard", {"training.device": "cpu"}, threads)
    observations = Observations.from_arrays(first, last, settings=settings.images)
    return np.asarray(drain(fit(observations, settings)).frames([at])[0])


def _curve(case: Case, at: float, truth: NDArray[np.float32], steps: int, seed: int) -> Curve:
    """Return step, seconds and PSNR of the reference during its training.

    The seconds are those of the steps so far and of one drawing; drawings before
    that do not count.
    """
    curve: Curve = []
    measuring = 0.0
    started = time.perf_counter()

    def on_step(step: int, loss: float, draw: reference.Draw) -> None:
        nonlocal measuring
        if step % EVERY and step != steps:
            return
        stopped = time.perf_counter()
        frame = draw()[0]
        drawn = time.perf_counter()
        curve.append((step, drawn - started - measuring, _accuracy(frame, truth)))
        measuring += time.perf_counter() - stopped

    reference.interpolate(case.first, case.last, [at], steps=steps, seed=seed, on_step=on_step)
    return curve


def _accuracy(frame: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    return psnr(np.clip(frame, 0, 1), truth)
