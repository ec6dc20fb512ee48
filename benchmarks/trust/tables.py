"""Coverage and rank correlation of standard deviations as tables."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

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
    """Return the root mean square of errors beside that of the deviations, by deviation.

    The last columns are the parts of the vectors of two errors that lie in a circle of one and of
    two deviations. The last two rows are the places where the images show the velocity, and where
    they do not.
    """

    def every(values: Callable[[Errors], NDArray[Any] | None]) -> NDArray[Any]:
        columns = (np.broadcast_to(values(o), o.errors.shape).reshape(2, -1) for o in found)
        return np.concatenate(list(columns), axis=1)

    std, error, measured = (every(attrgetter(name)) for name in ("std", "errors", "measured"))
    parts = {
        f"{low:g} to {high:g}" if np.isfinite(high) else f"above {low:g}": (std >= low)
        & (std < high)
        for low, high in itertools.pairwise(_BOUNDS)
    }
    parts |= {"measured": measured, "not measured": ~measured}
    known = np.isfinite(error).all(axis=0)
    lines = []
    for name, chosen in parts.items():
        inside = chosen[0] & known
        if inside.any():
            ratio = np.abs(error[:, inside]) / std[:, inside]
            roots = [np.sqrt(np.mean(values[:, inside] ** 2)) for values in (std, error)]
            covered = [100 * np.mean(ratio < k) for k in (1.0, 1.96)]
            circles = [100 * np.mean(np.hypot(*ratio) < k) for k in (1.0, 2.0)]
            share = number(100 * float(inside.mean()), 1)
            told = [
                *(number(float(value), 3) for value in roots),
                *(number(float(part), 1) for part in covered + circles),
            ]
            lines.append([name, share, *told])
    header = ["deviation", "places (%)", "root mean square of deviations", "of errors"]
    header += ["within 1 std (%)", "within 1.96 std (%)"]
    return table([*header, "circle of 1 std (%)", "circle of 2 std (%)"], lines)


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
