"""What dock widgets have in common: a view that fills them, a controller that they close."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from qtpy.QtCore import QEvent, QSize, QTimer
from qtpy.QtGui import QCloseEvent, QShowEvent
from qtpy.QtWidgets import QDockWidget, QMainWindow, QSizePolicy, QVBoxLayout, QWidget

from napari_latentdyn.widgets.closing import ClosingGuard, Stake

if TYPE_CHECKING:
    from napari.viewer import Viewer

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
    viewer : napari.Viewer
        The viewer in whose window it is docked.
    guard : ClosingGuard
        Asks before something is lost because the dock or napari closes.
    """

    view: QWidget
    controller: _Controller
    viewer: Viewer
    guard: ClosingGuard
    _placed = False

    def fill(self, name: str, view: QWidget) -> None:
        """Take an object name, and show a view that fills the widget."""
        self.setObjectName(name)
        self.guard = ClosingGuard(self)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(view)

    def at_stake(self) -> Stake | None:
        """Return what is lost when the controller closes, None for nothing."""
        return None

    def save_unsaved(self) -> bool:
        """Save what is at stake; return whether nothing is unsaved any more."""
        return True

    def sizeHint(self) -> QSize:
        """Take the size of the view."""
        return self.view.sizeHint()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Go on after having been closed; take a tab beside other widgets of the plugin."""
        self.controller.open()
        self.guard.follow()
        super().showEvent(event)
        if not self._placed:
            self._placed = True
            # The dock is not in its window yet.
            later = QTimer(self)
            later.setSingleShot(True)
            later.timeout.connect(self._join_tabs)
            later.start(0)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Stop what is computed."""
        self.controller.close()
        super().closeEvent(event)

    def event(self, event: QEvent | None) -> bool:
        """Notice being taken out of a dock, which then does not close what it held."""
        done = super().event(event)
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self.parent() is None:
                self.guard.on_removed()
            else:
                self.controller.open()
        return done

    def _join_tabs(self) -> None:
        """Take a tab over a dock of the plugin that stands in the same area.

        One below the other, they leave each other half of a small screen; napari
        does not yet read what a manifest says of tabs.
        """
        dock = self.dock()
        window = dock.parent() if dock is not None else None
        if dock is None or not isinstance(window, QMainWindow) or dock.isFloating():
            return
        for other in window.findChildren(QDockWidget):
            stands = other is not dock and other.isVisible() and not other.isFloating()
            beside = window.dockWidgetArea(other) == window.dockWidgetArea(dock)
            if stands and beside and other.findChild(Docked) is not None:
                window.tabifyDockWidget(other, dock)
                dock.show()
                dock.raise_()
                return

    def dock(self) -> QDockWidget | None:
        """Return the dock that it is in, None if it is in none."""
        parent = self.parent()
        while parent is not None and not isinstance(parent, QDockWidget):
            parent = parent.parent()
        return parent
