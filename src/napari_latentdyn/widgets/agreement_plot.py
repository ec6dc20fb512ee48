"""The live plot of what training does: how well both images agree half way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt

from napari_latentdyn.widgets.palette import DARK, Palette
from napari_latentdyn.widgets.still_plot import StillPlot

__all__ = ["AgreementPlot"]

#: Least height of the axis in per cent: what changes by less is flat to a user, too.
_LEAST_SPAN = 1.0
_MARGIN = 0.1


class AgreementPlot(StillPlot):
    """Part of the difference between the images that motion explains, in per cent.

    A dashed line marks where training began; the axis shows no more than what
    changed, because training changes little where matching did its work.
    """

    def __init__(self) -> None:
        super().__init__(38)
        self.setObjectName("agreement_plot")
        self.setMinimumHeight(90)
        self.curve = self.plot([], [], pen=pg.mkPen(width=1))
        self.before = pg.InfiniteLine(angle=0)
        self.addItem(self.before, ignoreBounds=True)
        self.set_palette(DARK)

    def show_values(
        self, steps: Sequence[int], values: Sequence[float], before: float | None
    ) -> None:
        """Show the agreement, a part of 1 or NaN, after each step and before the first."""
        percent = 100 * np.asarray(values, dtype=float)
        known = np.isfinite(percent)
        self.curve.setData(np.asarray(steps, dtype=float)[known], percent[known])
        self.before.setVisible(before is not None)
        shown = percent[known].tolist()
        if before is not None:
            self.before.setValue(100 * before)
            shown.append(100 * before)
        if shown:
            low, high = min(shown), max(shown)
            missing = max(0.0, _LEAST_SPAN - (high - low)) / 2
            self.setYRange(low - missing, high + missing, padding=_MARGIN)

    def set_palette(self, palette: Palette) -> None:
        """Take the colours of another theme."""
        super().set_palette(palette)
        self.curve.setPen(pg.mkPen(palette.curves["match"], width=1))
        self.before.setPen(pg.mkPen(palette.dim, width=1, style=Qt.PenStyle.DashLine))
