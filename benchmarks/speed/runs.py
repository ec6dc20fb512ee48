"""Runs each measurement in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.speed.subjects import Subject

__all__ = ["Runner"]

ROOT = Path(__file__).resolve().parents[2]
_LONGEST_REASON = 300

Row = dict[str, Any]


@dataclass(frozen=True)
class Runner:
    """Measures subjects.

    Attributes
    ----------
    repeats : int
        Rounds in which subjects are timed in turn.
    threads : int
        CPU threads of each process.
    """

    repeats: int
    threads: int

    def row(self, label: str, subjects: dict[str, Subject]) -> Row:
        """Time subjects in turn in one process, then measure the memory of each in another.

        Returns
        -------
        dict
            "label", "size", "seconds" and "mb" by subject, and "probe"; or "label" and
            "error" with a reason.
        """
        given = {name: subject.as_dict() for name, subject in subjects.items()}
        row: Row = {"label": label, "size": next(iter(subjects.values())).size}
        try:
            row |= self._measured({"kind": "times", "subjects": given})
            row["mb"] = {
                name: self._measured({"kind": "memory", "subject": subject})["mb"]
                for name, subject in given.items()
            }
        except RuntimeError as error:
            return {"label": label, "error": str(error)}
        return row

    def race(self, case: str, data: Path, steps: int | None) -> Row:
        """Run `standard` and the reference on a case; see `race.measure`."""
        job = {"kind": "race", "case": case, "data": str(data.resolve()), "steps": steps}
        try:
            return {"label": case, **self._measured(job)}
        except RuntimeError as error:
            return {"label": case, "error": str(error)}

    def _measured(self, job: dict[str, Any]) -> dict[str, Any]:
        """Return what a process measured.

        Raises
        ------
        RuntimeError
            If it failed, with the last line of its errors.
        """
        job = {**job, "repeats": self.repeats, "threads": self.threads}
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(self.threads),
            "OMP_WAIT_POLICY": "PASSIVE",
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        }
        command = [sys.executable, "-m", "benchmarks.speed.worker", json.dumps(job)]
        process = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        )
        if process.returncode:
            lines = process.stderr.strip().splitlines()
            said = lines[-1] if lines else f"the process ended with status {process.returncode}"
            raise RuntimeError(said.rpartition("Error: ")[2][:_LONGEST_REASON])
        measured: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
        return measured
