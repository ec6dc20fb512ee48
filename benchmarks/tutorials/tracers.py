"""Pictures of how things turn: tracers along the fields against the true ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from benchmarks.tutorials.cases import METHODS, Case
from benchmarks.tutorials.figures import tracers
from benchmarks.tutorials.measures import sagitta, tracer_errors, true_tracers
from benchmarks.tutorials.pictures import save, show
from benchmarks.tutorials.runs import Made

__all__ = ["tracer_sheet"]

_SHOWN = ("standard", "advection", "dis")
_CURVES = {
    "standard": "#0b6e69",
    "paper": "#8fbf3f",
    "advection": "#d95f02",
    "advection-paper": "#e6ab02",
    "dis": "#7570b3",
}
_LARGER = 10
_EVERY = 24


def tracer_sheet(case: Case, made: dict[str, Made], path: Path) -> None:
    """Draw true paths with the errors half way, and the mean error over time."""
    import matplotlib.pyplot as plt

    if case.velocity is None or case.known is None:
        raise ValueError("tracers need a scene whose true motion is known.")
    times, paths = true_tracers(case.velocity, case.known)
    half = len(times) // 2
    # One curve of the even grid in each direction is enough to be drawn.
    drawn = paths[((paths[:, 0] - 16) % _EVERY == 0).all(axis=1)]
    figure, axes = plt.subplots(1, 4, figsize=(10.4, 3.0), dpi=100, width_ratios=(1, 1, 1, 1.05))
    for axis, method in zip(axes, _SHOWN, strict=False):
        show(axis, 0.55 + 0.45 * case.frames[half], (0.0, 1.0))
        for path_ in drawn:
            axis.plot(path_[:, 1], path_[:, 0], color="#1f4e9c", lw=1.2)
            axis.plot(path_[-1, 1], path_[-1, 0], ".", color="#1f4e9c", ms=4)
        went = tracers(case, method, made[method], times, drawn[:, 0])
        if went is None:
            continue
        off = _LARGER * (went[:, half] - drawn[:, half])
        axis.quiver(
            *drawn[:, half, ::-1].T,
            *off[:, ::-1].T,
            color="#d7191c",
            angles="xy",
            scale_units="xy",
            scale=1,
            width=0.009,
        )
        axis.set_title(METHODS[method], fontsize=9, pad=3)
        height, width = case.frames.shape[-2:]
        axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    axis = axes[-1]
    for method, colour in _CURVES.items():
        found = tracers(case, method, made[method], times, paths[:, 0])
        if found is None:
            continue
        errors = np.nanmean(tracer_errors(found, paths), axis=0)
        axis.plot(times[1:], errors[1:], color=colour, label=METHODS[method], lw=1.6)
    axis.plot(0.5, sagitta(paths).mean(), "k_", ms=16, mew=2.2, label="straight, between true ends")
    axis.set_yscale("log")
    axis.set_xlim(0, 1)
    axis.set_title("mean error (px) over time", fontsize=9, pad=3)
    axis.tick_params(labelsize=7)
    axis.grid(alpha=0.3)
    figure.subplots_adjust(0.005, 0.02, 0.99, 0.91, wspace=0.06)
    box = axis.get_position()
    axis.set_position((box.x0 + 0.035, 0.43, box.width - 0.035, 0.48))
    axis.legend(
        fontsize=7.5,
        loc="upper center",
        bbox_to_anchor=(0.45, -0.14),
        frameon=False,
        labelspacing=0.3,
    )
    save(figure, path)
