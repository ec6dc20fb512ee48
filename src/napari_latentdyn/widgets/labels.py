"""A label whose height is that of its wrapped text."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

__all__ = ["WrappingLabel"]


class WrappingLabel(QLabel):
    """Rich text that wraps at any width and is exactly as tall as that needs.

    Qt's own label asks for the height of a width that it does not get, which
    leaves gaps or cuts lines off.
    """

    def __init__(self, parent: QWidget | None = None, *, lines: int = 0) -> None:
        super().__init__(parent)
        self._lines = lines
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setWordWrap(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def hasHeightForWidth(self) -> bool:
        """Tell layouts to go by the size hint alone."""
        return False

    def sizeHint(self) -> QSize:
        """Return the height at the present width, but that of `lines` lines at least."""
        least = self._lines * self.fontMetrics().lineSpacing() + 4 if self._lines else 0
        return QSize(100, max(least, self.heightForWidth(max(self.width(), 100))))

    def minimumSizeHint(self) -> QSize:
        """Never be cut off."""
        return QSize(0, self.sizeHint().height())

    def setText(self, text: str | None) -> None:
        """Set the text and take the height that it needs."""
        super().setText(text or "")
        self.updateGeometry()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Take the height that the new width needs."""
        super().resizeEvent(event)
        self.updateGeometry()
