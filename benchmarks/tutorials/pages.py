"""The pages of the tutorials and "Which method when": their figures and tables."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.accuracy.markdown import number
from benchmarks.tutorials.cases import PAGES
from benchmarks.tutorials.figures import Figures
from benchmarks.tutorials.fill import fill, scene_table, told
from benchmarks.tutorials.which import Accuracy

__all__ = ["FIGURES", "filled", "pages", "read_figures", "write_figures"]

ROOT = Path(__file__).resolve().parents[2]
FIGURES = Path(__file__).with_name("figures.json")


def pages() -> list[Path]:
    """Return the pages that hold figures."""
    docs = ROOT / "docs"
    return [*(docs / "tutorials" / f"{name}.md" for name in PAGES), docs / "which-method.md"]


def read_figures() -> dict[str, Figures]:
    """Return all figures by scene, as they were measured last."""
    figures: dict[str, Figures] = json.loads(FIGURES.read_text(encoding="utf-8"))
    return figures


def write_figures(figures: dict[str, Figures]) -> None:
    """Keep all figures, rounded to six digits."""
    rounded = {
        case: {
            name: {key: float(f"{value:.6g}") for key, value in row.items()}
            for name, row in rows.items()
        }
        for case, rows in figures.items()
    }
    FIGURES.write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")


def filled(text: str) -> str:
    """Return the text of a page with its figures as measured last.

    Raises
    ------
    KeyError
        If it asks for a figure or a table that there is not.
    """
    figures = read_figures()
    accuracy = Accuracy((ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8"))
    tables = {"kinds": accuracy.kinds, "costs": accuracy.costs}

    def inline(name: str) -> str:
        if name.startswith("accuracy: "):
            title, method, column = name.removeprefix("accuracy: ").split(" / ")
            return accuracy.value(title, method, column)
        if name.startswith("lead: "):
            return number(accuracy.lead(name == "lead: synthetic"), 1)
        if name.startswith("behind: "):
            return number(accuracy.behind(name.removeprefix("behind: ")), 1)
        case, method, measure = name.split(".")
        return told(measure, figures[case][method][measure])

    def made(name: str) -> str:
        return tables[name]() if name in tables else scene_table(figures[name])

    return fill(text, inline, made)
