"""Plots in the colours of the theme."""

from __future__ import annotations

import pyqtgraph as pg

from napari_latentdyn.widgets.palette import DARK, Palette

__all__ = ["ThemedPlot"]


class ThemedPlot(pg.PlotWidget):
    """A plot without menu and mouse, in the colours of the theme."""

    def __init__(self, axis_width: int) -> None:
        super().__init__()
        self.setMenuEnabled(False)
        self.setMouseEnabled(x=False, y=False)
        self.hideButtons()
        self.getPlotItem().setContentsMargins(0, 4, 8, 0)
        self.getPlotItem().getAxis("left").setWidth(axis_width)
        for name in ("left", "bottom"):
            self.getPlotItem().getAxis(name).enableAutoSIPrefix(False)
        self.colours = DARK

    def set_palette(self, palette: Palette) -> None:
        """Use the colours of another theme."""
        self.colours = palette
        self.setBackground(palette.background)
        for name in ("left", "bottom"):
            self.getPlotItem().getAxis(name).setPen(palette.dim)
            self.getPlotItem().getAxis(name).setTextPen(palette.text)

    def set_label(self, axis: str, text: str) -> None:
        """Write the label of an axis."""
        self.getPlotItem().getAxis(axis).setLabel(text, color=self.colours.text)
