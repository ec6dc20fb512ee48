"""Values at a point over time, or along a line over time."""

from __future__ import annotations

import html
import math

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import QSize
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_latentdyn.core.geometry.units import unit_symbol
from napari_latentdyn.core.observations.ometiff import even_step
from napari_latentdyn.widgets.layouts import column
from napari_latentdyn.widgets.palette import DARK, Palette
from napari_latentdyn.widgets.themed_plot import ThemedPlot

__all__ = ["ProfilePlot"]

#: Greatest number of columns for times that are not evenly spaced.
_COLUMNS = 500


class ProfilePlot(QWidget):
    """A curve over time for a point, or an image of position and time for a line."""

    def __init__(self) -> None:
        super().__init__()
        self.plot = ThemedPlot(axis_width=64)
        self.curve = self.plot.plot([], [], pen=pg.mkPen(width=1), connect="finite")
        self.bounds = [self.plot.plot([], [], pen=None) for _ in range(2)]
        self.band = pg.FillBetweenItem(*self.bounds)
        self.plot.addItem(self.band)
        self.now = pg.InfiniteLine(angle=90, movable=False)
        self.plot.addItem(self.now)
        self.image = pg.ImageItem(axisOrder="row-major")
        self.plot.addItem(self.image)
        column((self.plot,), self)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.hide()
        self.set_palette(DARK)

    def sizeHint(self) -> QSize:
        """Return a height for a curve with axes."""
        return QSize(280, 180)

    def show_curve(
        self,
        times: NDArray[np.floating],
        values: NDArray[np.floating],
        unit: str,
        what: str,
        std: NDArray[np.floating] | None = None,
    ) -> None:
        """Show the values at a point over times; NaN leaves a gap.

        With standard deviations `std`, a band of one of them lies around the curve.
        """
        self.image.hide()
        self._show_band(times, values, std)
        self.plot.setTitle(None)
        self.curve.setData(np.asarray(times, float), np.asarray(values, float))
        self.curve.show()
        self.plot.set_label("bottom", f"time ({unit})")
        self.plot.set_label("left", what)
        self.plot.enableAutoRange()
        self.show()

    def _show_band(
        self,
        times: NDArray[np.floating],
        values: NDArray[np.floating],
        std: NDArray[np.floating] | None,
    ) -> None:
        wide = np.full(len(times), np.nan) if std is None else std
        known = np.isfinite(values + wide)
        for bound, sign in zip(self.bounds, (-1, 1), strict=True):
            bound.setData(times[known], (values + sign * wide)[known])
        self.band.setVisible(bool(known.any()))

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
        """Show values (T, S) along a line of a length over times (T,)."""
        self.curve.hide()
        self._show_band(times, times, None)
        finite = values[np.isfinite(values)]
        if finite.size:
            what = f"{what}: {finite.min():.2g} to {finite.max():.2g}"
        self.plot.setTitle(html.escape(what), color=self.plot.colours.text, size="8pt")
        if len(times) > 1 and even_step(times) is None:
            # An image has columns of one width.
            count = min(_COLUMNS, 1 + math.ceil(np.ptp(times) / np.diff(times).min()))
            even = np.linspace(times[0], times[-1], count)
            values = values[np.abs(times - even[:, None]).argmin(axis=1)]
            times = even
        self.image.setImage(np.nan_to_num(values.T), autoLevels=True)
        half = (times[-1] - times[0]) / max(len(times) - 1, 1) / 2
        self.image.setRect(times[0] - half, 0, times[-1] - times[0] + 2 * half, length)
        self.image.show()
        self.plot.set_label("bottom", f"time ({unit})")
        self.plot.set_label("left", f"Distance along line ({unit_symbol(length_unit)})")
        self.plot.enableAutoRange()
        self.show()

    def show_time(self, time: float) -> None:
        """Mark the time of the slider."""
        self.now.setValue(time)

    def set_palette(self, palette: Palette) -> None:
        """Use the colours of another theme."""
        self.plot.set_palette(palette)
        self.curve.setPen(pg.mkPen(palette.curves["match"], width=1))
        faint = pg.mkColor(palette.curves["match"])
        faint.setAlpha(70)
        self.band.setBrush(pg.mkBrush(faint))
        self.now.setPen(pg.mkPen(palette.dim, width=1))
