"""The results of all runs: one JSON file, and what the tables ask of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.accuracy.methods import METHODS, PRESETS, VARIANTS

__all__ = ["TAKEN_OVER", "Results"]

Row = dict[str, Any]

#: Source of a row whose figures come from a file, and not from a run.
TAKEN_OVER = "taken over"
_KEYS = {
    "psnr": "psnr",
    "ssim": "ssim",
    "grmse": "grmse",
    "sharp": "sharp",
    "wall": "seconds",
    "peak_mb": "peak_mb",
}


class Results:
    """Rows by case and method.

    Parameters
    ----------
    data : dict, optional
        As in the file: {"about": {...}, "cases": {name: {"group": ..., "times":
        ..., "shape": ..., "results": {method: row}}}}.
    """

    def __init__(self, data: dict[str, Any] | None = None) -> None:
        self.data = data or {"about": {}, "cases": {}}

    @classmethod
    def read(cls, path: Path) -> Results:
        """Read the file; without one, there are no results."""
        return cls(json.loads(path.read_text(encoding="utf-8")) if path.exists() else None)

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        part.write_text(json.dumps(self.data, indent=1) + "\n", encoding="utf-8")
        part.replace(path)

    def add_case(self, name: str, group: str, times: list[float], shape: list[int]) -> None:
        """Make place for the rows of a case, and keep those that are there."""
        rows = self.data["cases"].get(name, {}).get("results", {})
        self.data["cases"][name] = {
            "group": group,
            "times": times,
            "shape": shape,
            "results": rows,
        }

    def put(self, case: str, method: str, row: Row) -> None:
        """Set a row."""
        self.data["cases"][case]["results"][method] = row

    def take_over(self, given: dict[str, dict[str, Row]]) -> None:
        """Fill rows that were not run from given figures.

        Parameters
        ----------
        given : dict
            {case: {method: {"psnr": ..., "ssim": ..., "wall": ..., ...}}}.
        """
        for case in self.data["cases"]:
            for method, figures in given.get(case, {}).items():
                if self.get(case, method).get("source") == "run" or "psnr" not in figures:
                    continue
                row = {key: figures[old] for old, key in _KEYS.items() if old in figures}
                self.put(case, method, {"source": TAKEN_OVER, **row})

    def get(self, case: str, method: str) -> Row:
        """Return a row; empty if there is none."""
        row: Row = self.data["cases"].get(case, {}).get("results", {}).get(method, {})
        return row

    def value(self, case: str, method: str, key: str) -> float | None:
        """Return a figure, or None; "field.land" looks into a group."""
        found: Any = self.get(case, method)
        for part in key.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        return None if found is None else float(found)

    def cases(self, group: str) -> list[str]:
        """Return the names of the cases of a group."""
        return [name for name, case in self.data["cases"].items() if case["group"] == group]

    def mean(self, method: str, key: str, cases: list[str]) -> float | None:
        """Return the mean of a figure over the cases that have it."""
        values = [self.value(case, method, key) for case in cases]
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if known else None

    def complete(self, method: str, key: str, cases: list[str]) -> bool:
        """Whether all cases have a figure."""
        return all(self.value(case, method, key) is not None for case in cases)

    def methods(self, cases: list[str]) -> list[str]:
        """Return what has a row in any of the cases, ablations left out: presets first."""
        seen = {method for case in cases for method in self.data["cases"][case]["results"]}
        names = [name for name in (*PRESETS, *VARIANTS) if name in seen]
        return names + sorted(name for name in seen if self.is_rival(name))

    def is_rival(self, method: str) -> bool:
        """Whether a method is neither a preset nor made of one."""
        return method not in METHODS or METHODS[method].preset is None

    def was_taken_over(self, case: str, method: str) -> bool:
        """Whether a row comes from given figures."""
        return self.get(case, method).get("source") == TAKEN_OVER

    def rivals(self, cases: list[str]) -> list[str]:
        """Return the rivals with a row in any of the cases."""
        return [name for name in self.methods(cases) if self.is_rival(name)]

    def best_rival(self, case: str, key: str) -> str | None:
        """Return the rival with the highest figure in a case."""
        scored = {
            name: value
            for name in self.rivals([case])
            if (value := self.value(case, name, key)) is not None
        }
        return max(scored, key=scored.__getitem__, default=None)

    def best_single_rival(self, cases: list[str], key: str) -> str | None:
        """Return the rival with the highest mean among those that have all cases."""
        means = {
            name: self.mean(name, key, cases) or 0.0
            for name in self.rivals(cases)
            if self.complete(name, key, cases)
        }
        return max(means, key=means.__getitem__, default=None)

    def reasons(self, cases: list[str], methods: list[str]) -> dict[str, dict[str, list[str]]]:
        """Return why rows are empty: {method: {reason: cases}}."""
        found: dict[str, dict[str, list[str]]] = {}
        for method in methods:
            for case in cases:
                if error := self.get(case, method).get("error"):
                    found.setdefault(method, {}).setdefault(error, []).append(case)
        return found
