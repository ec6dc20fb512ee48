"""Labels with the height of their wrapped text."""

from __future__ import annotations

import html
from typing import Literal

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QLabel, QSizePolicy

from napari_latentdyn.widgets.palette import DARK, Palette

__all__ = ["Severity", "StatusLine", "WrappingLabel"]

Severity = Literal["info", "warning", "error"]


class WrappingLabel(QLabel):
    """Rich text with the height of its wrapped lines, but at least that of `lines` lines.

    QLabel computes its height for another width, which leaves gaps or hides lines.
    """

    def __init__(self, *, lines: int = 0) -> None:
        super().__init__()
        self._lines = lines
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setWordWrap(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def hasHeightForWidth(self) -> bool:
        """Return False, so that layouts use the size hint."""
        return False

    def sizeHint(self) -> QSize:
        """Return the height at the current width."""
        least = self._lines * self.fontMetrics().lineSpacing() + 4 if self._lines else 0
        return QSize(100, max(least, self.heightForWidth(max(self.width(), 100))))

    def minimumSizeHint(self) -> QSize:
        """Return the full height."""
        return QSize(0, self.sizeHint().height())

    def setText(self, text: str | None) -> None:
        """Set the text and update the height."""
        super().setText(text or "")
        self.updateGeometry()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Update the height for the new width."""
        super().resizeEvent(event)
        self.updateGeometry()


class StatusLine(WrappingLabel):
    """A sentence in the colour of its severity, the property ``severity``."""

    def __init__(self, *, lines: int = 2) -> None:
        super().__init__(lines=lines)
        self.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._said: tuple[str, Severity] = ("", "info")
        self._palette = DARK

    def say(self, text: str, severity: Severity = "info") -> None:
        """Show plain text."""
        self._said = (text, severity)
        colour = {"error": self._palette.error, "warning": self._palette.warning}.get(severity)
        self.setText(html.escape(text))
        self.setStyleSheet(f"color: {colour};" if colour else "")
        self.setProperty("severity", severity)

    def set_palette(self, palette: Palette) -> None:
        """Use the colours of another theme."""
        self._palette = palette
        self.say(*self._said)
