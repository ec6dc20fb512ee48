"""A combo box that elides long texts in the middle, where names of a series are equal."""

from __future__ import annotations

import html

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QHelpEvent, QPaintEvent
from qtpy.QtWidgets import (
    QComboBox,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QToolTip,
)

__all__ = ["ElidingComboBox"]

#: Pixels beside the text.
_MARGIN = 6


class ElidingComboBox(QComboBox):
    """Shows the beginning and the end of a long text, and the whole text as tooltip."""

    def __init__(self) -> None:
        super().__init__()
        popup = self.view()
        if popup is not None:
            popup.setTextElideMode(Qt.TextElideMode.ElideMiddle)

    def shown_text(self) -> str:
        """Return the elided text of the current entry."""
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        return self._fitted(option)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the elided text."""
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        option.currentText = self._fitted(option)
        painter = QStylePainter(self)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def event(self, event: QEvent | None) -> bool:
        """Show an elided text in full above the tooltip."""
        if isinstance(event, QHelpEvent) and self.shown_text() != self.currentText():
            whole = f"<b>{html.escape(self.currentText())}</b>"
            QToolTip.showText(event.globalPos(), f"<qt>{whole}<br>{self.toolTip()}</qt>", self)
            return True
        return bool(super().event(event))

    def _fitted(self, option: QStyleOptionComboBox) -> str:
        style = self.style()
        assert style is not None
        room = style.subControlRect(
            QStyle.ComplexControl.CC_ComboBox,
            option,
            QStyle.SubControl.SC_ComboBoxEditField,
            self,
        ).width()
        middle = Qt.TextElideMode.ElideMiddle
        text: str = self.fontMetrics().elidedText(self.currentText(), middle, room - _MARGIN)
        return text
