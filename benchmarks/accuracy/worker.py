"""Runs one method on one case in a process of its own, for its time and its memory.

    python -m benchmarks.accuracy.worker CASE.npz METHOD THREADS OUT

writes OUT.npz with frames, displacement and confidence, and OUT.json with seconds
and the peak of the memory.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from benchmarks.accuracy.methods import METHODS, Method, run_settings
from benchmarks.accuracy.outcome import Outcome
from benchmarks.accuracy.rivals import RIVALS

__all__ = ["main", "peak_memory"]


def peak_memory() -> float:
    """Return the most memory that this process held at once, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, kilobytes elsewhere.
    return peak / (1024**2 if sys.platform == "darwin" else 1024)


def main(arguments: list[str]) -> None:
    """Run one method on one case."""
    case, name, threads, out = arguments
    with np.load(case) as arrays:
        first, last, times = arrays["first"], arrays["last"], arrays["times"].tolist()
    run = _prepared(METHODS[name], int(threads), (first, last, times))
    started = time.perf_counter()
    outcome = run()
    seconds = time.perf_counter() - started
    peak = peak_memory()
    arrays = {"frames": outcome.frames}
    if outcome.displacement is not None:
        arrays["displacement"] = outcome.displacement
    if outcome.confidence is not None:
        arrays["confidence"] = outcome.confidence
    np.savez(f"{out}.npz", **arrays)
    report = {"seconds": seconds, "peak_mb": peak}
    Path(f"{out}.json").write_text(json.dumps(report), encoding="utf-8")


def _prepared(method: Method, threads: int, inputs: tuple) -> Callable[[], Outcome]:
    """Import what a method needs, so that this is not part of its time."""
    if method.preset is not None:
        from benchmarks.accuracy.learned import learned

        settings = run_settings(method.preset, method.changes, threads)
        return lambda: learned(*inputs, settings)
    rival = RIVALS[method.name]
    for module in rival.needs:
        importlib.import_module(module)
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    return lambda: rival.make(*inputs)


if __name__ == "__main__":
    main(sys.argv[1:])
