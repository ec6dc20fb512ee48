"""Runs one method on one scene in a process of its own, for its time and its memory.

python -m benchmarks.tutorials.worker CASE METHOD OUT.npz
"""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.accuracy.methods import run_settings
from benchmarks.accuracy.worker import peak_memory
from benchmarks.tutorials.cases import read_case
from benchmarks.tutorials.onesided import one_sided_advection

from napari_latentdyn.core.baselines import Interpolation, find_method
from napari_latentdyn.core.baselines.learned import Learned
from napari_latentdyn.core.networks.device import use_threads
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.settings.presets import PRESETS

__all__ = ["main"]

_ONE_SIDED = "advection-paper"
#: Imported before the clock starts, as the benchmark of the accuracy does.
_NEEDS = {"dis": ["cv2"], "transport": ["ot"], "transport-entropic": ["ot"]}


def main(arguments: list[str]) -> None:
    """Run one method on one scene."""
    case_name, method, out = arguments
    case = read_case(case_name)
    for module in _NEEDS.get(method, []):
        importlib.import_module(module)
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(1)
    use_threads(1)
    grey = case.frames.shape[1] == 1
    ends = [frame[0] if grey else frame for frame in case.frames[[0, -1]]]
    started = time.perf_counter()
    observations = Observations.from_arrays(*ends, channel_axis=None if grey else 0)
    made = _run(method, observations, case.asked)
    seconds = time.perf_counter() - started
    arrays: dict[str, Any] = {"frames": made.frames, "seconds": seconds, "peak_mb": peak_memory()}
    if made.velocity is not None:
        arrays["velocity"] = made.velocity
    # Whole or not at all: what is there is taken for complete.
    part = Path(out).with_suffix(".part.npz")
    np.savez_compressed(part, **arrays)
    part.replace(out)


def _run(method: str, observations: Observations, times: np.ndarray) -> Interpolation:
    if method == _ONE_SIDED:
        return Interpolation(
            *one_sided_advection(observations.images[0], observations.images[1], times)
        )
    make = find_method(method)
    if method in PRESETS:
        make = Learned(run_settings(method, {}, 1))
    return make(observations, times, should_stop=lambda: False, on_progress=lambda _: None)


if __name__ == "__main__":
    main(sys.argv[1:])
