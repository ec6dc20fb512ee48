"""Coverage and rank correlation of standard deviations as tables."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from benchmarks.accuracy.markdown import number, table
from benchmarks.accuracy.scores import blocks, rank_correlation
from benchmarks.trust.samples import Errors
from numpy.typing import NDArray

__all__ = ["ranks", "reliability_table", "table_of"]

#: Bounds of the standard deviations whose errors are compared, in pixels or in intensity.
_BOUNDS = (0.0, 0.02, 0.05, 0.1, 0.3, 1.0, 3.0, np.inf)


def table_of(groups: dict[str, list[Errors]]) -> str:
    """Return a row for each kind of scene or sequence, and one for all, of each group."""
    lines = []
    for title, found in groups.items():
        names = list(dict.fromkeys(one.name for one in found))
        for name in (*names, "**all**") if len(names) > 1 else names:
            chosen = [one for one in found if name in (one.name, "**all**")]
            lines.append([title, name.replace("_", " "), *_figures(chosen)])
    header = ["", "scene", "within 1 std (%)", "within 1.96 std (%)", "rank correlation"]
    return table(header, lines)


def reliability_table(found: list[Errors]) -> str:
    """Return the root mean square of errors beside that of the deviations, by deviation."""
    std = np.concatenate([np.broadcast_to(o.std, o.errors.shape).ravel() for o in found])
    error = np.concatenate([o.errors.ravel() for o in found])
    lines = []
    for low, high in itertools.pairwise(_BOUNDS):
        inside = (std >= low) & (std < high) & np.isfinite(error)
        if not inside.any():
            continue
        one, wide = (100 * np.mean(np.abs(error[inside]) < k * std[inside]) for k in (1, 1.96))
        roots = (float(np.sqrt(np.mean(v[inside] ** 2))) for v in (std, error))
        share = number(100 * float(inside.mean()), 1)
        name = f"{low:g} to {high:g}" if np.isfinite(high) else f"above {low:g}"
        roots_text = [number(value, 3) for value in roots]
        lines.append([name, share, *roots_text, number(float(one), 1), number(float(wide), 1)])
    header = ["deviation", "places (%)", "root mean square of deviations", "of errors"]
    return table([*header, "within 1 std (%)", "within 1.96 std (%)"], lines)


def ranks(found: Sequence[Errors]) -> float:
    """Return the mean rank correlation of deviation and error, on blocks of 8 x 8 pixels."""
    return float(np.mean([_rank(one) for one in found]))


def _figures(found: Sequence[Errors]) -> list[str]:
    scaled = np.concatenate([(np.abs(one.errors) / _positive(one.std)).ravel() for one in found])
    scaled = scaled[np.isfinite(scaled)]
    covered = [number(100 * float((scaled < k).mean()), 1) for k in (1.0, 1.96)]
    return [*covered, number(ranks(found), 2)]


def _positive(std: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.maximum(std, 1e-12)


def _rank(one: Errors) -> float:
    error = blocks(np.sqrt(np.sum(np.square(one.errors, dtype=np.float64), axis=0)))
    std = blocks(one.std)
    known = np.isfinite(error) & np.isfinite(std)
    value = rank_correlation(std[known], error[known])
    return 0.0 if value is None else value
