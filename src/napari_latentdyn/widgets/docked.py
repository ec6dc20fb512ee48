"""Base class of the dock widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self
from weakref import WeakSet

from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QSize
from qtpy.QtGui import QCloseEvent, QShowEvent
from qtpy.QtWidgets import QDockWidget, QMainWindow, QSizePolicy, QWidget

from napari_latentdyn.widgets.closing import ClosingGuard, Stake
from napari_latentdyn.widgets.layouts import column, single_shot

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["Docked"]

_panels: WeakSet[Docked] = WeakSet()


class _Controller(Protocol):
    def open(self) -> None: ...

    def close(self) -> None: ...


class Docked(QWidget):
    """A dock widget with a view, a controller that follows the viewer, and a closing guard."""

    view: QWidget
    controller: _Controller
    viewer: Viewer
    guard: ClosingGuard
    _placed = False

    def fill(self, name: str, view: QWidget) -> None:
        """Set the object name and the view."""
        self.setObjectName(name)
        self.guard = ClosingGuard(self)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        column((view,), self)
        # The view of another panel was hidden with its dock.
        view.show()
        _panels.add(self)

    @classmethod
    def without_dock(cls, viewer: Viewer) -> Self | None:
        """Return a panel of this class whose dock was closed while it ran, or None."""
        return next(
            (
                panel
                for panel in _panels
                if isinstance(panel, cls)
                and isalive(panel)
                and panel.viewer is viewer
                and panel.guard.away
            ),
            None,
        )

    def give_up(self) -> None:
        """Delete this panel, as another one takes over its view and controller."""
        self.guard.release()
        _panels.discard(self)
        # Qt deletes this panel after the view has moved.
        self.deleteLater()

    def at_stake(self) -> Stake | None:
        """Return what closing the controller would lose, or None."""
        return None

    def save_unsaved(self) -> bool:
        """Save the unsaved result; return whether nothing is unsaved."""
        return True

    def sizeHint(self) -> QSize:
        """Return the size of the view."""
        return self.view.sizeHint()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Open the controller; at first, join the tabs of other widgets of the plugin."""
        self.controller.open()
        self.guard.follow()
        super().showEvent(event)
        if not self._placed:
            self._placed = True
            # The dock is not in its window yet.
            single_shot(self, 0, self._join_tabs).start()

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Close the controller."""
        self.controller.close()
        super().closeEvent(event)

    def event(self, event: QEvent | None) -> bool:
        """Notice the removal from a dock, which sends no close event."""
        done = super().event(event)
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self.parent() is None:
                self.guard.on_removed()
            else:
                self.controller.open()
        return done

    def _join_tabs(self) -> None:
        """Join the tabs of a dock of the plugin in the same area.

        Two docks above each other are too small; napari does not read tabs from a manifest yet.
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
        """Return the dock of the widget, or None."""
        parent = self.parent()
        while parent is not None and not isinstance(parent, QDockWidget):
            parent = parent.parent()
        return parent
