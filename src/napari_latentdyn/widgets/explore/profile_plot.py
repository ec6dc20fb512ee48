"""Values at one place over time, or along a line over time."""

from __future__ import annotations

import html

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import QSize
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_latentdyn.core.geometry.symbols import length_symbol
from napari_latentdyn.widgets.palette import DARK, Palette
from napari_latentdyn.widgets.still_plot import StillPlot

__all__ = ["ProfilePlot"]


class ProfilePlot(QWidget):
    """A curve over time for a place, or an image of place and time for a line."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = DARK
        self.plot = StillPlot(64)
        self.curve = self.plot.plot([], [], pen=pg.mkPen(width=1), connect="finite")
        self.now = pg.InfiniteLine(angle=90, movable=False)
        self.plot.addItem(self.now)
        self.image = pg.ImageItem(axisOrder="row-major")
        self.plot.addItem(self.image)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.plot)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.hide()
        self.set_palette(DARK)

    def sizeHint(self) -> QSize:
        """Be tall enough for a curve with its axes."""
        return QSize(280, 180)

    def show_curve(
        self, times: NDArray[np.floating], values: NDArray[np.floating], unit: str, what: str
    ) -> None:
        """Show values at one place.

        Parameters
        ----------
        times, values : ndarray, shape (T,)
            Gaps where a value is NaN.
        unit : str
            Of the time.
        what : str
            What the values are.
        """
        self.image.hide()
        self.plot.setTitle(None)
        self.curve.setData(np.asarray(times, float), np.asarray(values, float))
        self.curve.show()
        self._label("bottom", f"time ({unit})")
        self._label("left", what)
        self.plot.enableAutoRange()
        self.show()

    def show_line(
        self,
        values: NDArray[np.floating],
        times: NDArray[np.floating],
        length: float,
        *,
        unit: str,
        length_unit: str,
        what: str,
    ) -> None:
        """Show values along a line over time.

        Parameters
        ----------
        values : ndarray, shape (T, S)
            Along the line, for each time.
        times : ndarray, shape (T,)
            Evenly spaced.
        length : float
            Of the line.
        unit, length_unit : str
            Of time and length.
        what : str
            What the values are.
        """
        self.curve.hide()
        finite = values[np.isfinite(values)]
        if finite.size:
            what = f"{what}: {finite.min():.2g} to {finite.max():.2g}"
        self.plot.setTitle(html.escape(what), color=self._palette.text, size="8pt")
        self.image.setImage(np.nan_to_num(values.T), autoLevels=True)
        half = (times[-1] - times[0]) / max(len(times) - 1, 1) / 2
        self.image.setRect(times[0] - half, 0, times[-1] - times[0] + 2 * half, length)
        self.image.show()
        self._label("bottom", f"time ({unit})")
        self._label("left", f"Distance along line ({length_symbol(length_unit)})")
        self.plot.enableAutoRange()
        self.show()

    def show_time(self, time: float) -> None:
        """Mark where the time slider stands."""
        self.now.setValue(time)

    def set_palette(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        self.plot.set_palette(palette)
        self.curve.setPen(pg.mkPen(palette.curves["match"], width=1))
        self.now.setPen(pg.mkPen(palette.dim, width=1))

    def _label(self, axis: str, text: str) -> None:
        self.plot.getPlotItem().getAxis(axis).setLabel(text, color=self._palette.text)
