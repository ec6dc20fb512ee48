"""Legend: a colour bar with limits and unit for each coloured layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

__all__ = ["Legend", "Scale"]

_STOPS = 24


@dataclass(frozen=True)
class Scale:
    """Quantity, unit and limits of the colours of a layer, (n, 3) or (n, 4) in [0, 1]."""

    title: str
    unit: str
    low: float
    high: float
    colours: NDArray[np.floating]


class Legend(QWidget):
    """One line for each scale: title, and a bar between its limits."""

    def __init__(self) -> None:
        super().__init__()
        self.scales: tuple[Scale, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Legend")
        self.hide()

    def show_scales(self, scales: Sequence[Scale]) -> None:
        """Show scales; without scales the legend is hidden."""
        self.scales = tuple(scales)
        self.setVisible(bool(scales))
        self.setToolTip(
            "<br>".join(
                f"{s.title}: {_number(s.low)} to {_number(s.high)} {s.unit}" for s in self.scales
            )
        )
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Return a height of two lines for each scale."""
        return QSize(240, len(self.scales) * self._row())

    def minimumSizeHint(self) -> QSize:
        """Return the full height."""
        return QSize(120, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw titles, bars and limits."""
        painter = QPainter(self)
        line = self.fontMetrics().height()
        text = self.palette().windowText().color()
        for number, scale in enumerate(self.scales):
            top = number * self._row()
            painter.setPen(text)
            title = f"{scale.title} ({scale.unit})" if scale.unit else scale.title
            painter.drawText(QRectF(0, top, self.width(), line), Qt.AlignmentFlag.AlignLeft, title)
            low, high = _number(scale.low), _number(scale.high)
            left = self.fontMetrics().horizontalAdvance(low) + 6
            right = self.fontMetrics().horizontalAdvance(high) + 6
            bar = QRectF(left, top + line + 2, max(20, self.width() - left - right), line - 4)
            gradient = QLinearGradient(bar.left(), 0, bar.right(), 0)
            positions = np.linspace(0, len(scale.colours) - 1, _STOPS)
            for part, place in zip(np.linspace(0, 1, _STOPS), positions, strict=True):
                red, green, blue = (float(v) for v in scale.colours[round(float(place))][:3])
                gradient.setColorAt(float(part), QColor.fromRgbF(red, green, blue))
            painter.fillRect(bar, gradient)
            painter.setPen(text)
            below = QRectF(0, top + line, self.width(), line)
            painter.drawText(below, Qt.AlignmentFlag.AlignLeft, low)
            painter.drawText(below, Qt.AlignmentFlag.AlignRight, high)
        painter.end()

    def _row(self) -> int:
        return 2 * self.fontMetrics().height() + 6


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "\u2212")
