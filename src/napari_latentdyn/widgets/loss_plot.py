"""The live plot of a training: what motion explains, or the terms of the loss."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from napari_latentdyn.widgets.agreement_plot import AgreementPlot
from napari_latentdyn.widgets.editors import ChoiceBox
from napari_latentdyn.widgets.labels import WrappingLabel
from napari_latentdyn.widgets.palette import DARK, TERMS, Palette
from napari_latentdyn.widgets.still_plot import StillPlot

__all__ = ["LossPlot"]


_AGREEMENT, _LOSSES = "agreement", "losses"
_TEXTS = {_AGREEMENT: "explained", _LOSSES: "losses"}
_TIPS = {
    _AGREEMENT: "How much of the difference between the two images goes away when both are carried "
    "half way, in blocks spread over the image, over the optimiser steps: 100 % where they then "
    "agree, 0 % where they differ as much as without motion. The dashed line is the motion from "
    "which training started. The axis shows what changed only.",
    _LOSSES: "Terms of the loss, before weighting, over the optimiser steps on a logarithmic "
    "axis: match, how well the advected first image meets the last; auto-encoding, how "
    "well the networks reproduce each image; space and time, the penalties on fields that "
    "change abruptly.",
}


class LossPlot(QWidget):
    """Agreement of both images half way, or losses, over the optimiser steps.

    The agreement is what a user wants to know, and is shown where it is known,
    unless the user asks for the losses.

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
        self._agreement: list[float] = []
        self._before: float | None = None
        self._every = 1
        self._palette = DARK
        self.agreement = AgreementPlot()
        self.plot = StillPlot(38)
        self.plot.setMinimumHeight(90)
        self.plot.getPlotItem().setLogMode(x=False, y=True)
        # Curves of a pixel's width are drawn ten times faster than wider ones.
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
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.pages, 1)
        below = QHBoxLayout()
        below.addWidget(self.legend, 1)
        below.addWidget(self.choice)
        layout.addLayout(below)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(self.INTERVAL_MS)
        self._timer.timeout.connect(self._draw)
        self.set_palette(DARK)
        self._on_choice()

    def sizeHint(self) -> QSize:
        """Be tall enough for the legend and three decades."""
        return QSize(280, 160)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to see."""
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
        """Add what is known of one step; terms that are unknown are left out.

        A step before the last one, as after going back to a checkpoint, drops
        what was after it.

        Parameters
        ----------
        step : int
            Number of the step.
        losses : mapping
            Losses by term.
        agreement, before : float, optional
            Agreement of both images half way as last measured, and before
            training.
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
        """Return the steps and the losses kept of one term, or the "agreement"."""
        if term == _AGREEMENT:
            return list(self._steps), list(self._agreement)
        return list(self._steps), list(self._losses.get(term, []))

    def set_palette(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        self.agreement.set_palette(palette)
        self.plot.set_palette(palette)
        for term, curve in self.curves.items():
            curve.setPen(pg.mkPen(palette.curves[term], width=1))
        self._write_legend()

    @property
    def _shown(self) -> str:
        """What is shown: the user's choice, but never an agreement that nobody measured."""
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
            # A loss of zero has no logarithm: a gap, not a line to minus infinity.
            values = np.where(values > 0, values, np.nan)
            known = np.isfinite(values)
            curve.setData(steps[known], values[known])
        self.agreement.show_values(self._steps, self._agreement, self._before)
        self._on_choice()
