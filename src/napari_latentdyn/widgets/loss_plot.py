"""The live plot of the loss: one curve per term, on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_latentdyn.widgets.labels import WrappingLabel
from napari_latentdyn.widgets.palette import DARK, TERMS, Palette

__all__ = ["LossPlot"]


class LossPlot(QWidget):
    """Losses over the optimiser steps.

    However many steps are added, at most `MAX_POINTS` are kept (every second
    one is dropped when there are more) and the curves are drawn at most ten
    times a second.
    """

    MAX_POINTS = 2000
    INTERVAL_MS = 100

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._steps: list[int] = []
        self._losses: dict[str, list[float]] = {}
        self._every = 1
        self._palette = DARK
        self.plot = pg.PlotWidget()
        self.plot.setMenuEnabled(False)
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.hideButtons()
        self.plot.setMinimumHeight(90)
        item = self.plot.getPlotItem()
        item.setLogMode(x=False, y=True)
        item.setContentsMargins(0, 4, 8, 0)
        item.getAxis("left").setWidth(38)
        item.getAxis("bottom").enableAutoSIPrefix(False)
        # Curves of a pixel's width are drawn ten times faster than wider ones.
        self.curves = {term: self.plot.plot([], [], pen=pg.mkPen(width=1)) for term in TERMS}
        self.legend = WrappingLabel()
        self.legend.setObjectName("loss_legend")
        self.legend.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.plot, 1)
        layout.addWidget(self.legend)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setToolTip(
            "<qt>Terms of the loss, before weighting, over the optimiser steps on a logarithmic "
            "axis: match, how well the advected first image meets the last; auto-encoding, how "
            "well the networks reproduce each image; space and time, the penalties on fields that "
            "change abruptly.</qt>"
        )
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(self.INTERVAL_MS)
        self._timer.timeout.connect(self._draw)
        self.set_palette(DARK)

    def sizeHint(self) -> QSize:
        """Be tall enough for the legend and three decades."""
        return QSize(280, 150)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to see."""
        return not self._steps

    def clear(self) -> None:
        """Drop all losses."""
        self._steps, self._losses, self._every = [], {}, 1
        self._draw()

    def add(self, step: int, losses: Mapping[str, float]) -> None:
        """Add the losses of one step; terms that are unknown are left out.

        A step before the last one, as after going back to a checkpoint, drops
        what was after it.
        """
        if self._steps and step <= self._steps[-1]:
            kept = int(np.searchsorted(self._steps, step))
            self._steps = self._steps[:kept]
            self._losses = {term: values[:kept] for term, values in self._losses.items()}
        if self._steps and step - self._steps[-1] < self._every:
            return
        self._steps.append(step)
        for term in TERMS:
            values = self._losses.setdefault(term, [])
            values.append(float(losses.get(term, np.nan)))
        if len(self._steps) > self.MAX_POINTS:
            self._every *= 2
            self._steps = self._steps[::2]
            self._losses = {term: values[::2] for term, values in self._losses.items()}
        if not self._timer.isActive():
            self._timer.start()

    def points(self, term: str) -> tuple[list[int], list[float]]:
        """Return the steps and the losses kept of one term."""
        return list(self._steps), list(self._losses.get(term, []))

    def set_palette(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        self.plot.setBackground(palette.background)
        item = self.plot.getPlotItem()
        for name in ("left", "bottom"):
            item.getAxis(name).setPen(palette.dim)
            item.getAxis(name).setTextPen(palette.text)
        for term, curve in self.curves.items():
            curve.setPen(pg.mkPen(palette.curves[term], width=1))
        self._write_legend()

    def _write_legend(self) -> None:
        shown = [term for term in TERMS if any(np.isfinite(self._losses.get(term, [])))]
        self.legend.setText(
            " &nbsp;".join(
                f'<span style="color:{self._palette.curves[term]}">■</span>&nbsp;'
                f"{TERMS[term].replace('-', '&#8209;')}"
                for term in shown or TERMS
            )
        )

    def _draw(self) -> None:
        self._timer.stop()
        steps = np.asarray(self._steps, dtype=float)
        for term, curve in self.curves.items():
            values = np.asarray(self._losses.get(term, []), dtype=float)
            # A loss of zero has no logarithm: a gap, not a line to minus infinity.
            values = np.where(values > 0, values, np.nan)
            known = np.isfinite(values)
            curve.setData(steps[known], values[known])
        self._write_legend()
