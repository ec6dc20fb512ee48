"""The live plot of a training: the explained difference, or the terms of the loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QSizePolicy, QStackedWidget, QWidget

from napari_latentdyn.widgets.editors import ChoiceBox
from napari_latentdyn.widgets.labels import WrappingLabel
from napari_latentdyn.widgets.layouts import column, row, single_shot
from napari_latentdyn.widgets.palette import DARK, TERMS, Palette
from napari_latentdyn.widgets.themed_plot import ThemedPlot

__all__ = ["LossPlot"]

#: Smallest range of the axis of the agreement in per cent: smaller changes look flat.
_SMALLEST_RANGE = 1.0
_MARGIN = 0.1
_AGREEMENT, _LOSSES = "agreement", "losses"
_TEXTS = {_AGREEMENT: "explained", _LOSSES: "losses"}
_TIPS = {
    _AGREEMENT: "Part of the difference between the two images that motion explains, in blocks "
    "spread over the image, over the optimiser steps: 100 % if both images agree when they are "
    "carried half way, 0 % if they differ as much as without motion. The dashed line is the "
    "motion from which training started. The axis shows only the range of the values.",
    _LOSSES: "Terms of the loss, before weighting, over the optimiser steps on a logarithmic "
    "axis: match, the difference between the advected first image and the last; auto-encoding, "
    "the difference between each image and its reproduction by the networks; space and time, the "
    "penalties on abrupt changes of the fields.",
}


class AgreementPlot(ThemedPlot):
    """Part of the difference between the images that motion explains, in per cent.

    A dashed line marks the agreement before training. The axis shows only the range of the
    values, as training changes little after a good matching.
    """

    def __init__(self) -> None:
        super().__init__(axis_width=38)
        self.setObjectName("agreement_plot")
        self.setMinimumHeight(90)
        self.curve = self.plot([], [], pen=pg.mkPen(width=1))
        self.before = pg.InfiniteLine(angle=0)
        self.addItem(self.before, ignoreBounds=True)
        self.set_palette(DARK)

    def show_values(
        self, steps: Sequence[int], values: Sequence[float], before: float | None
    ) -> None:
        """Show the agreement, from 0 to 1 or NaN, after each step and before the first step."""
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
            missing = max(0.0, _SMALLEST_RANGE - (high - low)) / 2
            self.setYRange(low - missing, high + missing, padding=_MARGIN)

    def set_palette(self, palette: Palette) -> None:
        """Use the colours of another theme."""
        super().set_palette(palette)
        self.curve.setPen(pg.mkPen(palette.curves["match"], width=1))
        self.before.setPen(pg.mkPen(palette.dim, width=1, style=Qt.PenStyle.DashLine))


class LossPlot(QWidget):
    """Agreement of both images half way, or losses, over the optimiser steps.

    The agreement is shown if it is known, unless the user chooses the losses. At most `MAX_POINTS`
    steps are kept: beyond, every second step is dropped. Curves are drawn at most ten times a
    second.
    """

    MAX_POINTS = 2000
    INTERVAL_MS = 100

    def __init__(self) -> None:
        super().__init__()
        self._steps: list[int] = []
        self._losses: dict[str, list[float]] = {}
        self._agreement: list[float] = []
        self._before: float | None = None
        self._every = 1
        self._palette = DARK
        self.agreement = AgreementPlot()
        self.plot = ThemedPlot(axis_width=38)
        self.plot.setMinimumHeight(90)
        self.plot.getPlotItem().setLogMode(x=False, y=True)
        # Qt draws lines of one pixel ten times faster than wider lines.
        self.curves = {term: self.plot.plot([], [], pen=pg.mkPen(width=1)) for term in TERMS}
        self.choice = ChoiceBox()
        self.choice.setObjectName("plot_shows")
        self.choice.set_items(_TEXTS.items())
        self.choice.setMinimumContentsLength(max(map(len, _TEXTS.values())))
        self.choice.setValue(_AGREEMENT)
        self.choice.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.choice.edited.connect(self._on_choice)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.agreement)
        self.pages.addWidget(self.plot)
        self.legend = WrappingLabel()
        self.legend.setObjectName("loss_legend")
        self.legend.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column((self.pages, row(self.legend, self.choice)), self).setStretch(0, 1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._timer = single_shot(self, self.INTERVAL_MS, self._draw)
        self.set_palette(DARK)
        self._on_choice()

    def sizeHint(self) -> QSize:
        """Return a height for the legend and three decades."""
        return QSize(280, 160)

    @property
    def is_empty(self) -> bool:
        """Whether there are no steps."""
        return not self._steps

    def clear(self) -> None:
        """Drop all losses."""
        self._steps, self._losses, self._every = [], {}, 1
        self._agreement, self._before = [], None
        self._on_choice()
        self._draw()

    def add(
        self,
        step: int,
        losses: Mapping[str, float],
        agreement: float | None = None,
        before: float | None = None,
    ) -> None:
        """Add the losses of a step by term, and the agreement: the latest, and before training.

        A step before the last one, for example after a return to a checkpoint, drops all later
        steps.
        """
        if self._steps and step <= self._steps[-1]:
            kept = int(np.searchsorted(self._steps, step))
            self._steps = self._steps[:kept]
            self._losses = {term: values[:kept] for term, values in self._losses.items()}
            self._agreement = self._agreement[:kept]
        self._before = before
        if self._steps and step - self._steps[-1] < self._every:
            return
        self._steps.append(step)
        self._agreement.append(np.nan if agreement is None else agreement)
        for term in TERMS:
            values = self._losses.setdefault(term, [])
            values.append(float(losses.get(term, np.nan)))
        if len(self._steps) > self.MAX_POINTS:
            self._every *= 2
            self._steps = self._steps[::2]
            self._losses = {term: values[::2] for term, values in self._losses.items()}
            self._agreement = self._agreement[::2]
        if not self._timer.isActive():
            self._timer.start()

    def points(self, term: str) -> tuple[list[int], list[float]]:
        """Return steps and values of a term of the loss, or of the "agreement"."""
        if term == _AGREEMENT:
            return list(self._steps), list(self._agreement)
        return list(self._steps), list(self._losses.get(term, []))

    def set_palette(self, palette: Palette) -> None:
        """Use the colours of another theme."""
        self._palette = palette
        self.agreement.set_palette(palette)
        self.plot.set_palette(palette)
        for term, curve in self.curves.items():
            curve.setPen(pg.mkPen(palette.curves[term], width=1))
        self._write_legend()

    @property
    def _shown(self) -> str:
        """The plot to show: the choice of the user, or the losses if no agreement is known."""
        known = not self._steps or bool(np.isfinite(self._agreement).any())
        return str(self.choice.value()) if known else _LOSSES

    def _on_choice(self) -> None:
        shown = self._shown
        self.pages.setCurrentWidget(self.plot if shown == _LOSSES else self.agreement)
        self.choice.setVisible(shown == self.choice.value())
        self.setToolTip(f"<qt>{_TIPS[shown]}</qt>")
        self._write_legend()

    def _write_legend(self) -> None:
        if self._shown == _AGREEMENT:
            colour, dim = self._palette.curves["match"], self._palette.dim
            self.legend.setText(
                f'<span style="color:{colour}">■</span>&nbsp;%&nbsp;explained '
                f'<span style="color:{dim}">╌</span>&nbsp;before&nbsp;training'
            )
            return
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
            # A loss of zero has no logarithm: leave a gap.
            values = np.where(values > 0, values, np.nan)
            known = np.isfinite(values)
            curve.setData(steps[known], values[known])
        self.agreement.show_values(self._steps, self._agreement, self._before)
        self._on_choice()
