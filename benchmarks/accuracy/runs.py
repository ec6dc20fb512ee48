"""Runs methods on cases, each pair in a process of its own, and scores the frames."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.accuracy.cases import Case
from benchmarks.accuracy.fields import field_error
from benchmarks.accuracy.methods import Method
from benchmarks.accuracy.scores import confidence_score, score

__all__ = ["Runner", "case_file", "fingerprint", "frames_file"]

ROOT = Path(__file__).resolve().parents[2]
_LONGEST_REASON = 300

Row = dict[str, Any]


def fingerprint(case: Case, method: Method, threads: int) -> str:
    """Return what changes with the case and with every setting of the method.

    Raises
    ------
    SettingsError
        If the changes of the method are refused.
    """
    text = json.dumps(method.recipe(threads), sort_keys=True)
    return hashlib.sha256(f"{case.fingerprint} {text}".encode()).hexdigest()[:16]


def beside(stem: Path, suffix: str) -> Path:
    """Return a path with something added to its name, which may hold dots."""
    return stem.with_name(stem.name + suffix)


def case_file(out: Path, case: str) -> Path:
    """Return where the images of a case are kept."""
    return out / "cases" / f"{case}.npz"


def frames_file(out: Path, case: str, method: Method) -> Path:
    """Return where the frames of a method are kept."""
    return out / "frames" / f"{case}__{method.slug}.npy"


@dataclass(frozen=True)
class Runner:
    """Runs methods on cases.

    Attributes
    ----------
    out : Path
        Folder for cases and frames.
    threads : int
        CPU threads of each process.
    timeout : float
        Seconds after which a process is ended.
    """

    out: Path
    threads: int = 2
    timeout: float = 3600.0

    def run(self, case: Case, method: Method, known: Row | None = None) -> Row:
        """Run a method on a case and score its frames.

        Parameters
        ----------
        case : Case
            What to run on.
        method : Method
            What to run.
        known : dict, optional
            An earlier row, which is returned if nothing changed since.

        Returns
        -------
        dict
            Scores, "seconds" and "peak_mb", or "error" with a reason.
        """
        reason = method.missing()
        if reason:
            return {"source": "run", "error": reason}
        try:
            mark = fingerprint(case, method, self.threads)
        except ValueError as error:
            return {"source": "run", "error": str(error)}
        if known and known.get("fingerprint") == mark and "error" not in known:
            return known
        row = {"source": "run", "fingerprint": mark}
        frames = frames_file(self.out, case.name, method)
        frames.parent.mkdir(parents=True, exist_ok=True)
        stem = frames.with_suffix("")
        reason = self._work(self._stored(case), method, stem)
        if reason:
            return {**row, "error": reason}
        row |= json.loads(beside(stem, ".json").read_text(encoding="utf-8"))
        try:
            row |= self._scored(case, stem)
        except ValueError as error:
            row["error"] = str(error)
        return row

    def _stored(self, case: Case) -> Path:
        path = case_file(self.out, case.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, first=case.first, last=case.last, truth=case.truth, times=case.times)
        return path

    def _work(self, case: Path, method: Method, stem: Path) -> str | None:
        """Run the process; return why it failed, or None."""
        for suffix in (".json", ".npy"):
            beside(stem, suffix).unlink(missing_ok=True)
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(self.threads),
            "OMP_WAIT_POLICY": "PASSIVE",
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        }
        command = [sys.executable, "-m", "benchmarks.accuracy.worker"]
        command += [str(case.resolve()), method.name, str(self.threads), str(stem.resolve())]
        try:
            process = subprocess.run(
                command, env=environment, timeout=self.timeout, capture_output=True, text=True
            )
        except subprocess.TimeoutExpired:
            return f"not ready after {self.timeout:g} s"
        if process.returncode == 0:
            return None
        lines = process.stderr.strip().splitlines()
        said = lines[-1] if lines else f"ended with status {process.returncode}"
        return said.rpartition("Error: ")[2][:_LONGEST_REASON]

    def _scored(self, case: Case, stem: Path) -> Row:
        """Score what a process left, and keep its frames alone."""
        made = beside(stem, ".npz")
        with np.load(made) as arrays:
            outcome = dict(arrays)
        made.unlink()
        frames = outcome["frames"]
        np.save(beside(stem, ".npy"), frames.astype(np.float32))
        row: Row = dict(score(frames, case.truth))
        if case.field is not None and "displacement" in outcome:
            row["field"] = field_error(outcome["displacement"], case.field)
        if "confidence" in outcome:
            row["confidence"] = confidence_score(1 - outcome["confidence"], frames, case.truth)
            change = np.abs(case.last - case.first)
            difference = np.broadcast_to(change, case.truth.shape)
            row["difference"] = confidence_score(difference, frames, case.truth)
        return row
