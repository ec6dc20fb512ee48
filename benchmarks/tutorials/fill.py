"""Puts figures and tables into pages, beside marks that say what belongs there.

A figure in a sentence stands in `<span data-is="drift.standard.psnr">38.8</span>`:
scene, method ("truth" for the truth) and measure. A table stands between the lines
`<!-- table: NAME -->` and `<!-- /table -->`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from benchmarks.accuracy.markdown import number, table
from benchmarks.tutorials.cases import METHODS
from benchmarks.tutorials.figures import Figures

__all__ = ["fill", "scene_table", "told"]

_INLINE = re.compile(r'<span data-is="([^">]*)">[^<]*</span>')
_TABLE = re.compile(r"<!-- table: (.*?) -->.*?<!-- /table -->", re.DOTALL)

#: Title of each measure, digits, and whether it is told in percent.
_MEASURES: dict[str, tuple[str, int, bool]] = {
    "psnr": ("PSNR (dB)", 1, False),
    "ssim": ("SSIM", 3, False),
    "gradient_error": ("gradient RMSE", 4, False),
    "ends": ("end error (%)", 1, True),
    "half": ("half-way error (%)", 1, True),
    "fixed": ("fixed share (%)", 0, True),
    "detail": ("detail (%)", 0, True),
    "similarity": ("detail's correlation", 2, False),
    "crack": ("crack is there (%)", 0, True),
    "early": ("crack too early (%)", 0, True),
    "tracer_half": ("tracers half way (px)", 2, False),
    "tracer_half_median": ("median (px)", 2, False),
    "tracer_end": ("tracers at the end (px)", 2, False),
    "seconds": ("seconds", 1, False),
    "sagitta": ("sagitta (px)", 2, False),
    "sagitta_max": ("largest sagitta (px)", 2, False),
    "tracers": ("tracers", 0, False),
    "way": ("way (px)", 1, False),
}
_COLUMNS = (
    "psnr",
    "ssim",
    "gradient_error",
    "ends",
    "half",
    "fixed",
    "detail",
    "similarity",
    "crack",
    "early",
    "tracer_half",
    "tracer_half_median",
    "tracer_end",
    "seconds",
)


def told(measure: str, value: float | None) -> str:
    """Return a measured value as the pages have it, without its unit."""
    _, digits, percent = _MEASURES[measure]
    return number(value if value is None or not percent else 100 * value, digits)


def scene_table(figures: Figures) -> str:
    """Return what was measured on a scene, one line for the truth and for each method."""
    columns = [c for c in _COLUMNS if any(c in row for row in figures.values())]
    names = {"truth": "*truth*", **METHODS} if figures.get("truth") else dict(METHODS)
    rows = [
        [label, *(told(c, figures[name].get(c)) for c in columns)] for name, label in names.items()
    ]
    return table(["method", *(_MEASURES[c][0] for c in columns)], rows)


def fill(page: str, inline: Callable[[str], str], tables: Callable[[str], str]) -> str:
    """Return a page with all figures and tables put in again.

    Parameters
    ----------
    page : str
        Markdown.
    inline, tables : callable
        Return the text for the name of a figure or of a table.

    Raises
    ------
    KeyError
        If there is no such figure or table.
    """
    page = _INLINE.sub(lambda m: f'<span data-is="{m[1]}">{inline(m[1])}</span>', page)
    return _TABLE.sub(
        lambda m: f"<!-- table: {m[1]} -->\n\n{tables(m[1])}\n\n<!-- /table -->", page
    )
