"""Questions before closing a dock or napari loses a run or a result."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtWidgets import QMainWindow, QMessageBox, QWidget

if TYPE_CHECKING:
    from napari_latentdyn.widgets.docked import Docked

__all__ = ["ClosingGuard", "Stake"]

_BUTTON = QMessageBox.StandardButton
_LAYERS_STAY = (
    "Its layers stay in the viewer. Without the result, the layers cannot be explored further and "
    "the training cannot continue."
)
#: Panels between a dock and the main window, which no other object references.
_held: set[Docked] = set()


@dataclass(frozen=True)
class Stake:
    """Running job and unsaved result that closing a panel would lose, by name or ``""``.

    `can_save` tells whether the result can be saved; `marks` identify job and result. `kept` is a
    sentence on what stays of the running job, ``""`` if nothing stays.
    """

    running: str
    unsaved: str
    can_save: bool
    marks: tuple[int, ...]
    kept: str = ""

    @property
    def stop(self) -> str:
        """Text of the button that stops the running job."""
        return "Stop" if self.kept else "Stop and discard"

    def __str__(self) -> str:
        parts = []
        if self.running:
            parts.append(f"{_capital(self.running)} is running.")
        if self.unsaved:
            parts.append(f"{_capital(self.unsaved)} has not been saved as a run folder.")
        return " ".join(parts)


class ClosingGuard(QObject):
    """Asks the user before the running job or unsaved result of a panel is lost.

    An event filter on napari's main window can refuse to close it. The close button of a dock
    removes the panel without an event that could be refused, so the main window keeps the panel
    until the user has answered. Hidden windows, and viewers that a program closes, close without
    a question.
    """

    def __init__(self, panel: Docked) -> None:
        super().__init__(panel)
        self._panel = panel
        self._window: QMainWindow | None = None
        self._name = ""
        self._answered: Stake | None = None
        self.question: QMessageBox | None = None

    @property
    def away(self) -> bool:
        """Whether the panel has no dock; the main window then keeps it alive."""
        return self._panel in _held or (
            self._window is not None and self._panel.parent() is self._window
        )

    def follow(self) -> None:
        """Guard the main window of the dock of the panel."""
        dock = self._panel.dock()
        if dock is None:
            return
        self._name = dock.windowTitle()
        window = dock.parent()
        if isinstance(window, QMainWindow) and window is not self._window:
            self._window = window
            window.installEventFilter(self)

    def on_removed(self) -> None:
        """Ask about a panel that was removed from its dock, or close the panel."""
        if self._panel.at_stake() is None or not self._in_use():
            self._panel.controller.close()
            return
        _held.add(self._panel)
        # Qt deletes the dock next, and the panel with it unless the panel has no parent.
        QTimer.singleShot(0, self._keep_and_ask)

    def release(self) -> None:
        """Stop guarding, as another panel takes over view and controller."""
        if self.question is not None:
            self.question.blockSignals(True)
            self.question.close()
            self.question = None
        if self._window is not None and isalive(self._window):
            self._window.removeEventFilter(self)
        self._window = None
        _held.discard(self._panel)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Refuse to close napari's window if the user cancels."""
        if event is None or event.type() != QEvent.Type.Close or watched is not self._window:
            return False
        if self._in_use() and not self._may_close():
            event.ignore()
            return True
        return False

    # ------------------------------------------------------------ the dock

    def _keep_and_ask(self) -> None:
        _held.discard(self._panel)
        window, stake = self._window, self._panel.at_stake()
        if self._panel.parent() is not None:
            return
        if window is None or stake is None or not self._in_use():
            self._panel.controller.close()
            return
        self._panel.setParent(window)
        if stake.running:
            more = "It continues without the dock; the menu Plugins opens the dock again."
            buttons = {_BUTTON.Ok: "Keep running", _BUTTON.Discard: stake.stop}
        else:
            more = _LAYERS_STAY
            buttons = {_BUTTON.Save: "Save…"} if stake.can_save else {}
            buttons[_BUTTON.Discard] = "Discard"
        self.question = _box(window, stake, more, buttons)
        self.question.finished.connect(self._on_answer)
        # Not exec, as the code that removed the panel must continue.
        self.question.open()

    def _on_answer(self) -> None:
        question, self.question = self.question, None
        if question is None:
            return
        answer = question.standardButton(question.clickedButton())
        question.deleteLater()
        if answer == _BUTTON.Ok:
            return
        if answer == _BUTTON.Discard or (answer == _BUTTON.Save and self._panel.save_unsaved()):
            self._drop()
        else:
            self._panel.viewer.window.add_dock_widget(self._panel, name=self._name)
            self._panel.show()

    def _drop(self) -> None:
        panel = self._panel
        panel.controller.close()
        # Without a parent, Python may delete the panel during this call.
        _held.add(panel)
        panel.setParent(None)
        QTimer.singleShot(0, partial(_held.discard, panel))

    # -------------------------------------------------------------- napari

    def _in_use(self) -> bool:
        """Whether the window is in use; a program that closes a viewer empties its window first."""
        window = self._window
        if window is None or not isalive(window) or not window.isVisible():
            return False
        centre = window.centralWidget()
        return centre is not None and any(child.isVisible() for child in _children(centre))

    def _may_close(self) -> bool:
        stake = self._panel.at_stake()
        if stake is None or stake == self._answered or self._window is None:
            return True
        if self.question is not None:
            self.question.raise_()
            return False
        buttons = {_BUTTON.Save: "Save…"} if stake.can_save else {}
        buttons[_BUTTON.Discard] = stake.stop if stake.running else "Discard"
        box = _box(self._window, stake, "", buttons)
        box.exec()
        answer = box.standardButton(box.clickedButton())
        box.deleteLater()
        gone = answer == _BUTTON.Discard or (answer == _BUTTON.Save and self._panel.save_unsaved())
        # napari may close its windows twice when it quits.
        self._answered = self._panel.at_stake() if gone else None
        return gone


def _box(
    window: QWidget, stake: Stake, more: str, buttons: dict[QMessageBox.StandardButton, str]
) -> QMessageBox:
    box = QMessageBox(window)
    box.setObjectName("closing_question")
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("Close?")
    box.setText(str(stake))
    box.setInformativeText(" ".join(part for part in (more, stake.kept) if part))
    for kind, text in buttons.items():
        button = box.addButton(kind)
        assert button is not None
        button.setText(text)
    box.addButton(_BUTTON.Cancel)
    box.setDefaultButton(next(iter(buttons)) if _BUTTON.Save in buttons else _BUTTON.Cancel)
    return box


def _children(widget: QWidget) -> list[QWidget]:
    direct = Qt.FindChildOption.FindDirectChildrenOnly
    return widget.findChildren(QWidget, options=direct)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
