"""What a user does in the dock "Large scene"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLineEdit, QProgressBar, QPushButton
from tests.widgets.helpers import control, put, status

QUICK = {"output.frames": 1, "training.threads": 1, "tile": 128}


def write(qtbot: Any, panel: Any, name: str, text: object) -> None:
    """Type a text in place of the one in a line."""
    line = control(panel, name, QLineEdit)
    qtbot.mouseClick(line, Qt.MouseButton.LeftButton)
    qtbot.keyClick(line, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(line, Qt.Key.Key_Delete)
    qtbot.keyClicks(line, str(text))


def fill(qtbot: Any, panel: Any, pair: tuple[object, object], out: Path | str) -> None:
    write(qtbot, panel, "first_file", pair[0])
    write(qtbot, panel, "last_file", pair[1])
    write(qtbot, panel, "output", out)
    put(panel, QUICK)


def start(qtbot: Any, panel: Any) -> None:
    """Press Start as soon as it can be pressed."""
    button = control(panel, "start", QPushButton)
    qtbot.waitUntil(button.isEnabled, timeout=10_000)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def running(panel: Any) -> bool:
    return bool(control(panel, "stop", QPushButton).isEnabled())


def wait_for(qtbot: Any, panel: Any, words: str, timeout: int = 30_000) -> str:
    """Wait for a status that begins with some words, and return it."""
    qtbot.waitUntil(lambda: status(panel)[0].startswith(words), timeout=timeout)
    return status(panel)[0]


def stop_within(qtbot: Any, panel: Any, per_mille: int) -> None:
    """Press Stop when some of the work is done."""
    bar = control(panel, "progress", QProgressBar)
    qtbot.waitUntil(lambda: bar.value() >= per_mille, timeout=30_000)
    qtbot.mouseClick(control(panel, "stop", QPushButton), Qt.MouseButton.LeftButton)
