"""Labels whose height is that of their wrapped text."""

from __future__ import annotations

import html

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

from napari_latentdyn.widgets.palette import DARK, Palette

__all__ = ["StatusLine", "WrappingLabel"]


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


class StatusLine(WrappingLabel):
    """One sentence for the user, in the colour of its severity.

    Its property ``severity`` is "info" or "error".
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, lines=2)
        self.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._said: tuple[str, bool] = ("", False)
        self._palette = DARK

    def say(self, text: str, *, error: bool = False) -> None:
        """Show plain text."""
        self._said = (text, error)
        self.setText(html.escape(text))
        self.setStyleSheet(f"color: {self._palette.error};" if error else "")
        self.setProperty("severity", "error" if error else "info")

    def set_palette(self, palette: Palette) -> None:
        """Take the colours of another theme."""
        self._palette = palette
        self.say(self._said[0], error=self._said[1])
