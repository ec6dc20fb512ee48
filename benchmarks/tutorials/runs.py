"""Runs every method on every scene, once, and reads what they made."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks.tutorials.cases import CASES, METHODS, Case
from numpy.typing import NDArray

__all__ = ["Made", "read_made", "run_all"]

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, eq=False)
class Made:
    """What a method made of a scene.

    Attributes
    ----------
    frames : ndarray of float32, shape (K, C, H, W)
        At the times that the scene asks for.
    velocity : ndarray of float32, shape (n, 2, H, W), or None
        In pixels per stage.
    seconds : float
        Time of the method itself, without imports.
    """

    frames: NDArray[np.float32]
    velocity: NDArray[np.float32] | None
    seconds: float

    def at(self, case: Case, time: float) -> NDArray[np.float32]:
        """Return the frame (C, H, W) at one of the times that were asked for."""
        return np.asarray(self.frames[int(np.argmin(np.abs(case.asked - time)))])


def run_all(out: Path) -> None:
    """Run what is not there yet, each pair in a process of its own with one thread."""
    out.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    for case in CASES:
        for method in METHODS:
            path = _path(out, case, method)
            if path.exists():
                continue
            command = [sys.executable, "-m", "benchmarks.tutorials.worker"]
            command += [case, method, str(path.resolve())]
            subprocess.run(command, cwd=ROOT, env=environment, check=True)
            print(path, flush=True)


def read_made(out: Path, case: Case) -> dict[str, Made]:
    """Read what all methods made of a scene, in the order of the pictures."""
    made = {}
    for method in METHODS:
        with np.load(_path(out, case.name, method)) as arrays:
            velocity = arrays.get("velocity")
            made[method] = Made(arrays["frames"], velocity, float(arrays["seconds"]))
    return made


def _path(out: Path, case: str, method: str) -> Path:
    return out / f"{case}__{method}.npz"
