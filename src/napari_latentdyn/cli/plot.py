"""Plot of scores over time, if matplotlib is installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_latentdyn.core.baselines import Assessment, MethodInfo

__all__ = ["SCORES", "plot_over_time"]

#: Scores against true frames: attribute, label and format in a table.
SCORES = (
    ("psnr", "PSNR (dB)", "{:.2f}"),
    ("ssim", "SSIM", "{:.4f}"),
    ("gradient_error", "gradient RMSE", "{:.4f}"),
)


def plot_over_time(path: Path, curves: Sequence[tuple[MethodInfo, Assessment]]) -> bool:
    """Write scores, where there is truth, and the total intensity over time as PNG.

    Return False if matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    scores = SCORES if any(assessment.scores for _, assessment in curves) else ()
    figure = Figure(figsize=(8, 0.8 + 2.4 * (len(scores) + 1)), layout="constrained")
    axes = figure.subplots(len(scores) + 1, 1, sharex=True, squeeze=False)[:, 0]
    for axis, (name, label, _) in zip(axes, scores, strict=False):
        for info, assessment in curves:
            values = np.array([getattr(s, name) for s in assessment.scores])
            axis.plot(assessment.truth_times, values, marker="o", markersize=3, label=info.title)
        axis.set_ylabel(label)
    for info, assessment in curves:
        off = 100 * assessment.intensity_error
        axes[-1].plot(assessment.times, off, marker="o", markersize=3, label=info.title)
    axes[-1].set_ylabel("total intensity off (%)")
    axes[-1].set_xlabel("fraction of the interval")
    handles, labels = axes[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize="small")
    figure.savefig(path, dpi=120)
    return True
