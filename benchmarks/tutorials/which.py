"""Figures for the page "Which method when", from the tables of the page on accuracy."""

from __future__ import annotations

import re

from benchmarks.accuracy.markdown import table

__all__ = ["Accuracy"]

#: Kinds of scenes, and the sequence that stands for each in the tables.
_KINDS = {
    "drift past land": "syn translation land",
    "rotation": "syn rotation",
    "a crack that opens": "syn crack opening",
    "turbulent flow": "micro active nematic",
    "rain that grows and decays": "radar fmi 20160928",
    "clouds of a cyclone": "satellite fy2 cyclone",
    "light that changes over a glacier": "glacier perito moreno",
    "particles in a wake": "piv karman wake",
    "foam, many small cells": "fluid foam 2d",
    "cells that move on their own and divide": "micro hela nuclei",
    "a heart that fills and brightens": "medical cine mri",
    "the sea, where little moves": "ocean med adt",
}
_METHODS = {
    "standard": "standard",
    "quick": "quick",
    "DIS flow, tuned": "dis",
    "advection of the images": "advection",
    "optimal transport, exact": "transport, exact",
    "optimal transport, entropic": "transport, entropic",
    "cross-dissolve": "dissolve",
    "paper": "paper",
}
_SHOWN = (
    "standard",
    "quick",
    "DIS flow, tuned",
    "advection of the images",
    "optimal transport, exact",
    "optimal transport, entropic",
    "cross-dissolve",
)


class Accuracy:
    """The tables of `docs/accuracy.md`.

    Parameters
    ----------
    page : str
        The page.
    """

    def __init__(self, page: str) -> None:
        self._tables = {
            title: _parsed(text)
            for title, text in re.findall(r"^## (.*?)\n\n((?:\|.*\n)+)", page, re.MULTILINE)
        }

    def value(self, title: str, method: str, column: str) -> str:
        """Return a cell without emphasis and daggers.

        Raises
        ------
        KeyError
            If there is no such table, line or column.
        """
        return self._tables[title][method][column]

    def kinds(self) -> str:
        """Return PSNR by kind of scene, the best of each line in bold."""
        rows = []
        for kind, case in _KINDS.items():
            cells = [self.value("PSNR, case by case", method, case) for method in _SHOWN]
            best = max(map(float, cells))
            rows.append([kind, *(f"**{c}**" if float(c) == best else c for c in cells)])
        return table(["scene, PSNR in dB", *(_METHODS[m] for m in _SHOWN)], rows)

    def lead(self, synthetic: bool) -> float:
        """Return how far `standard` is ahead of the DIS flow on average, in dB."""
        cases = [case for case in _KINDS.values() if case.startswith("syn ") is synthetic]
        return sum(self._ahead(case) for case in cases) / len(cases)

    def behind(self, cases: str) -> float:
        """Return by how much it is behind `standard` at most, in dB."""
        return max(self._ahead(case.strip()) for case in cases.split(","))

    def _ahead(self, case: str) -> float:
        ours, theirs = (
            float(self.value("PSNR, case by case", m, case))
            for m in ("standard", "DIS flow, tuned")
        )
        return ours - theirs

    def costs(self) -> str:
        """Return seconds and memory of each method, means over all stored sequences."""
        names = (*_SHOWN, "paper")
        columns = ("PSNR (dB)", "SSIM", "sharpness", "seconds", "peak MB")
        rows = [[_METHODS[n], *(self.value("Means", n, c) for c in columns)] for n in names]
        return table(["method", *columns], rows)


def _parsed(text: str) -> dict[str, dict[str, str]]:
    lines = [
        [_plain(cell) for cell in line.strip().strip("|").split("|")] for line in text.splitlines()
    ]
    header, _, *rows = lines
    return {row[0]: dict(zip(header, row, strict=True)) for row in rows}


def _plain(cell: str) -> str:
    return cell.replace("*", "").replace("†", "").strip()
