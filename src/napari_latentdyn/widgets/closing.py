"""Asks before a run or a result is lost because a dock or napari closes."""

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
    "Its layers stay in the viewer. Without it they cannot be explored further, and no training "
    "can go on from it."
)
#: Panels on their way from a dock to the main window: nobody else holds them there.
_held: set[Docked] = set()


@dataclass(frozen=True)
class Stake:
    """What is lost when a panel is closed.

    Attributes
    ----------
    running : str
        What is running, such as "the training of a → b"; ``""`` for nothing.
    unsaved : str
        What has not been saved; ``""`` for nothing.
    can_save : bool
        Whether it can be saved.
    marks : tuple of int
        Tells this run and result from others of the same names.
    """

    running: str
    unsaved: str
    can_save: bool
    marks: tuple[int, ...]

    def __str__(self) -> str:
        parts = []
        if self.running:
            parts.append(f"{_capital(self.running)} is running.")
        if self.unsaved:
            parts.append(f"{_capital(self.unsaved)} has not been saved as a run folder.")
        return " ".join(parts)


class ClosingGuard(QObject):
    """Asks what becomes of what a panel holds, before it is lost.

    Qt lets nobody but the window itself refuse to close; napari's main window
    sends its events through a filter first, which refuses for it. The cross of
    a dock takes the panel out and throws the dock away, without an event that
    could be refused. The panel is then kept by the main window, without a dock,
    until the user has answered. So nothing depends on the way it was taken out,
    and no program waits for an answer. A window that is not shown has no user
    to ask, and a program that closes the viewer has decided: both close.

    Parameters
    ----------
    panel : Docked
        What is guarded, as long as it exists.
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
        """Whether the panel is kept without a dock."""
        return self._panel in _held or (
            self._window is not None and self._panel.parent() is self._window
        )

    def follow(self) -> None:
        """Guard the window that the dock of the panel is in."""
        dock = self._panel.dock()
        if dock is None:
            return
        self._name = dock.windowTitle()
        window = dock.parent()
        if isinstance(window, QMainWindow) and window is not self._window:
            self._window = window
            window.installEventFilter(self)

    def on_removed(self) -> None:
        """Ask what becomes of a panel that was taken out of its dock, or close it."""
        if self._panel.at_stake() is None or not self._in_use():
            self._panel.controller.close()
            return
        _held.add(self._panel)
        # The dock is about to be removed, and the panel with it unless it stays without a parent.
        QTimer.singleShot(0, self._keep_and_ask)

    def release(self) -> None:
        """Guard no longer: another panel goes on with what this one held."""
        if self.question is not None:
            self.question.blockSignals(True)
            self.question.close()
            self.question = None
        if self._window is not None and isalive(self._window):
            self._window.removeEventFilter(self)
        self._window = None
        _held.discard(self._panel)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Refuse to close napari's window if the user wants to stay."""
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
            more = "It can go on without the dock, which the menu Plugins opens again."
            buttons = {_BUTTON.Ok: "Keep running", _BUTTON.Discard: "Stop and discard"}
        else:
            more = _LAYERS_STAY
            buttons = {_BUTTON.Save: "Save…"} if stake.can_save else {}
            buttons[_BUTTON.Discard] = "Discard"
        self.question = _box(window, stake, more, buttons)
        self.question.finished.connect(self._on_answer)
        # Not exec: what took the panel out of its dock goes on.
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
        # Without a parent it belongs to Python, and may go while this is still at work.
        _held.add(panel)
        panel.setParent(None)
        QTimer.singleShot(0, partial(_held.discard, panel))

    # -------------------------------------------------------------- napari

    def _in_use(self) -> bool:
        """Whether there is a user; a program that closes a viewer empties its window first."""
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
        buttons[_BUTTON.Discard] = "Stop and discard" if stake.running else "Discard"
        box = _box(self._window, stake, "", buttons)
        box.exec()
        answer = box.standardButton(box.clickedButton())
        box.deleteLater()
        gone = answer == _BUTTON.Discard or (answer == _BUTTON.Save and self._panel.save_unsaved())
        # napari may ask again, or close its windows a second time when it quits.
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
    box.setInformativeText(more)
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
