"""The table of a comparison: headings and texts of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_latentdyn.widgets.compare.request import Outcome

__all__ = ["COLUMNS", "MEASURES", "curves_of", "rows_of"]

#: Headings of the columns and their tooltips.
COLUMNS = {
    "method": "The method that computed the frames.",
    "PSNR\n(dB)": "Peak signal-to-noise ratio at the true frames, in decibels: more is better.",
    "SSIM": "Structural similarity to the true frames: 1 is equal.",
    "edge\nerror": "Edge error: root mean square error of the size of the gradient, as a part of "
    "the range per pixel; blurred and doubled edges raise it. Less is better.",
    "end\nerror\n(%)": "End error: difference that remains when an image is carried along the "
    "field to the other, in percent of the range. Methods without a field have none.",
    "half-\nway\nerror\n(%)": "Half-way error: difference of both images carried half way, in "
    "percent of the range. Methods without a field have none.",
    "inten-\nsity off\n(%)": "Intensity off: largest distance of the total intensity from the "
    "straight line between both ends, in percent of its mean.",
    "time\n(s)": "Computing time in seconds; for an existing result, only that of its frames.",
}
MEASURES = {
    "psnr": "PSNR (dB)",
    "ssim": "SSIM",
    "gradient_error": "edge error",
    "intensity_error": "intensity off (%)",
}
_NONE = "–"
_SCORES = (("psnr", "{:.2f}"), ("ssim", "{:.3f}"), ("gradient_error", "{:.3f}"))


def rows_of(outcomes: Mapping[str, Outcome]) -> list[tuple[str, list[str]]]:
    """Return the title of each method and a text for each column."""
    rows = []
    for name, outcome in outcomes.items():
        found = outcome.assessment
        texts = [outcome.info.title if " " in name else name]
        for measure, form in _SCORES:
            value = found.mean(measure)
            texts.append(_NONE if value is None else form.format(value))
        parts = (found.end_error, found.consistency_error, found.conservation_error)
        texts += [_NONE if part is None else f"{100 * part:.1f}" for part in parts]
        texts.append(f"{outcome.seconds:.{1 if outcome.seconds < 10 else 0}f}")
        rows.append((outcome.info.title, texts))
    return rows


def curves_of(
    outcomes: Mapping[str, Outcome], measure: str | None, length: float
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return times, in the unit of the interval `length`, and values of a measure by title."""
    curves = {}
    for outcome in outcomes.values():
        found = outcome.assessment
        if measure == "intensity_error":
            curves[outcome.info.title] = (length * found.times, 100 * found.intensity_error)
        elif found.scores and measure:
            values = np.array([getattr(score, measure) for score in found.scores])
            curves[outcome.info.title] = (length * found.truth_times, values)
    return curves
