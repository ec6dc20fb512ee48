"""What dock widgets have in common: a view that fills them, a controller that they close."""

from __future__ import annotations

from typing import Protocol

from qtpy.QtCore import QEvent, QSize
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

__all__ = ["Docked"]


class _Controller(Protocol):
    def open(self) -> None: ...

    def close(self) -> None: ...


class Docked(QWidget):
    """A view in a dock, whose controller follows the viewer while it is there.

    Attributes
    ----------
    view : QWidget
        What the user sees.
    controller
        What follows the viewer from `open` to `close`.
    """

    view: QWidget
    controller: _Controller

    def fill(self, name: str, view: QWidget) -> None:
        """Take an object name, and show a view that fills the widget."""
        self.setObjectName(name)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(view)

    def sizeHint(self) -> QSize:
        """Take the size of the view."""
        return self.view.sizeHint()

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Stop what is computed."""
        self.controller.close()
        super().closeEvent(event)

    def event(self, event: QEvent | None) -> bool:
        """Notice being taken out of a dock, which then does not close what it held."""
        done = super().event(event)
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self.parent() is None:
                self.controller.close()
            else:
                self.controller.open()
        return done
