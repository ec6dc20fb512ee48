"""A plot that stays where it is, in the colours of napari's theme."""

from __future__ import annotations

import pyqtgraph as pg

from napari_latentdyn.widgets.palette import Palette

__all__ = ["StillPlot"]


class StillPlot(pg.PlotWidget):
    """A plot without menus, which the mouse does not move.

    Parameters
    ----------
    left : int
        Width of the left axis in pixels.
    """

    def __init__(self, left: int) -> None:
        super().__init__()
        self.setMenuEnabled(False)
        self.setMouseEnabled(x=False, y=False)
        self.hideButtons()
        item = self.getPlotItem()
        item.setContentsMargins(0, 4, 8, 0)
        item.getAxis("left").setWidth(left)
        for name in ("left", "bottom"):
            item.getAxis(name).enableAutoSIPrefix(False)

    def set_palette(self, palette: Palette) -> None:
        """Take the colours of another theme."""
        self.setBackground(palette.background)
        for name in ("left", "bottom"):
            axis = self.getPlotItem().getAxis(name)
            axis.setPen(palette.dim)
            axis.setTextPen(palette.text)
