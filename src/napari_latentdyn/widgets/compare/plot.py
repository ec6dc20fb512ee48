"""A measure over time, one curve for each method."""

from __future__ import annotations

import html
from collections.abc import Mapping

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_latentdyn.widgets.labels import WrappingLabel
from napari_latentdyn.widgets.layouts import column
from napari_latentdyn.widgets.palette import DARK, Palette
from napari_latentdyn.widgets.themed_plot import ThemedPlot

__all__ = ["TimePlot"]

#: Colours of Okabe and Ito and two more: distinguishable with colour blindness, visible in both
#: themes.
_COLOURS = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"),
    *("#a6761d", "#7570b3", "#999999", "#e7298a"),
)


class TimePlot(QWidget):
    """Curves with points, and a legend below."""

    def __init__(self) -> None:
        super().__init__()
        self.plot = ThemedPlot(axis_width=60)
        self.legend = WrappingLabel()
        self.legend.setObjectName("plot_legend")
        self.legend.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column((self.plot, self.legend), self).setStretch(0, 1)
        self.curves: dict[str, tuple[NDArray[np.floating], NDArray[np.floating]]] = {}
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.set_palette(DARK)

    def sizeHint(self) -> QSize:
        """Return a height for a curve with axes and legend."""
        return QSize(280, 220)

    def show_curves(
        self,
        curves: Mapping[str, tuple[NDArray[np.floating], NDArray[np.floating]]],
        measure: str,
        unit: str = "",
    ) -> None:
        """Show times and values by the title of the method.

        Without a unit, times are fractions of the interval.
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
        self.plot.set_label("bottom", f"time ({unit or 'fraction of the interval'})")
        self.plot.set_label("left", measure)
        self.plot.enableAutoRange()
        self.setVisible(bool(self.curves))

    def set_palette(self, palette: Palette) -> None:
        """Use the colours of another theme."""
        self.plot.set_palette(palette)
