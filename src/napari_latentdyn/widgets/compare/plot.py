"""A measure over time, one curve for each method."""

from __future__ import annotations

import html
from collections.abc import Mapping

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_latentdyn.widgets.labels import WrappingLabel
from napari_latentdyn.widgets.palette import DARK, Palette
from napari_latentdyn.widgets.still_plot import StillPlot

__all__ = ["TimePlot"]

#: Colours of Okabe and Ito, which people tell apart who confuse red and green, and two more; dark
#: enough and light enough for both themes.
_COLOURS = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"),
    *("#a6761d", "#7570b3", "#999999", "#e7298a"),
)


class TimePlot(QWidget):
    """Curves with points, and a legend below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plot = StillPlot(60)
        self.legend = WrappingLabel()
        self.legend.setObjectName("plot_legend")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.plot, 1)
        layout.addWidget(self.legend)
        self._palette = DARK
        self.curves: dict[str, tuple[NDArray[np.floating], NDArray[np.floating]]] = {}
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.set_palette(DARK)

    def sizeHint(self) -> QSize:
        """Be tall enough for a curve with its axes and the legend."""
        return QSize(280, 220)

    def show_curves(
        self,
        curves: Mapping[str, tuple[NDArray[np.floating], NDArray[np.floating]]],
        measure: str,
        unit: str = "",
    ) -> None:
        """Show values over times, by the title of the method.

        The times are in a unit, or fractions of the interval without one.
        """
        self.curves = dict(curves)
        self.plot.clear()
        names = []
        for number, (title, (times, values)) in enumerate(self.curves.items()):
            colour = _COLOURS[number % len(_COLOURS)]
            self.plot.plot(
                np.asarray(times, float),
                np.asarray(values, float),
                pen=pg.mkPen(colour, width=1),
                symbol="o",
                symbolSize=5,
                symbolBrush=colour,
                symbolPen=None,
            )
            title = html.escape(title).replace(" ", "&nbsp;")
            names.append(f'<span style="color:{colour}">■</span>&nbsp;{title}')
        self.legend.setText(" &nbsp;".join(names))
        self.legend.setAlignment(Qt.AlignmentFlag.AlignCenter)
        axis = self.plot.getPlotItem().getAxis
        unit = unit or "fraction of the interval"
        axis("bottom").setLabel(f"time ({unit})", color=self._palette.text)
        axis("left").setLabel(measure, color=self._palette.text)
        self.plot.enableAutoRange()
        self.setVisible(bool(self.curves))

    def set_palette(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        self.plot.set_palette(palette)
