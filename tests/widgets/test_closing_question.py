"""Closing a dock or napari asks before a training or a result is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QDockWidget,
    QFileDialog,
    QMainWindow,
    QMessageBox,
    QPushButton,
)
from tests.widgets.conftest import Images, Open
from tests.widgets.helpers import (
    PLUGIN,
    FakeFit,
    answer,
    control,
    idle,
    made,
    press,
    put,
    question,
    run,
    status,
)

from napari_latentdyn.core.dynamics.result import Dynamics

Button = QMessageBox.StandardButton


def close_dock(qtbot: Any, panel: Any) -> None:
    """Press the cross in the title bar of the dock."""
    dock = panel.parent()
    assert isinstance(dock, QDockWidget)
    cross = dock.titleBarWidget().findChild(QPushButton, "QTitleBarCloseButton")
    qtbot.mouseClick(cross, Qt.MouseButton.LeftButton)


def train_endlessly(qtbot: Any, panel: Any) -> None:
    put(panel, {"training.steps": 100_000})
    press(qtbot, panel, "train")
    qtbot.waitUntil(lambda: control(panel, "progress").value() >= 2, timeout=30_000)


def open_again(viewer: Any) -> Any:
    return viewer.window.add_plugin_dock_widget(PLUGIN, "Learn dynamics")[1]


# ---------------------------------------------------------------- the dock


def test_a_training_goes_on_without_its_dock(open_window: Open, images: Images, qtbot: Any) -> None:
    fake = FakeFit()
    viewer, panel = open_window(*images, fit=fake, show=True)
    train_endlessly(qtbot, panel)
    done = control(panel, "progress").value()
    close_dock(qtbot, panel)
    assert answer(qtbot, Button.Ok) == "The training of image 0 → image 1 is running."
    assert not fake.done.is_set()
    again = open_again(viewer)
    assert again is not panel
    qtbot.waitUntil(lambda: control(again, "progress").value() > done + 5)
    qtbot.waitUntil(control(again, "progress").isVisible)
    assert control(again, "training.steps").value() == 100_000
    press(qtbot, again, "cancel")
    qtbot.waitUntil(lambda: idle(again), timeout=20_000)
    assert len(made(viewer, "frames")) == 1
    assert control(again, "save", QPushButton).isEnabled()


def test_a_training_can_be_stopped_with_its_dock(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    fake = FakeFit()
    viewer, panel = open_window(*images, fit=fake, show=True)
    train_endlessly(qtbot, panel)
    close_dock(qtbot, panel)
    assert not fake.done.is_set()
    answer(qtbot, Button.Discard)
    qtbot.waitUntil(fake.done.is_set, timeout=5000)
    assert made(viewer, "frames") == []
    again = open_again(viewer)
    assert idle(again)
    assert control(again, "training.steps").value() == 100_000


def test_cancel_brings_the_dock_back(open_window: Open, images: Images, qtbot: Any) -> None:
    fake = FakeFit()
    viewer, panel = open_window(*images, fit=fake, show=True)
    train_endlessly(qtbot, panel)
    name = panel.parent().windowTitle()
    close_dock(qtbot, panel)
    answer(qtbot, Button.Cancel)
    assert panel.isVisible()
    assert panel.parent().windowTitle() == name
    assert viewer.window.dock_widgets[name] is panel
    press(qtbot, panel, "cancel")
    qtbot.waitUntil(lambda: idle(panel), timeout=20_000)
    # And so does the key Escape.
    close_dock(qtbot, panel)
    qtbot.waitUntil(lambda: question() is not None)
    qtbot.keyClick(question(), Qt.Key.Key_Escape)
    qtbot.waitUntil(panel.isVisible)
    assert control(panel, "save", QPushButton).isEnabled()


def test_a_result_can_be_saved_when_its_dock_closes(
    open_window: Open, images: Images, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, panel = open_window(*images, fit=FakeFit(), show=True)
    run(qtbot, panel)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: ("", ""))
    close_dock(qtbot, panel)
    text = answer(qtbot, Button.Save)
    assert text == "The result of image 0 → image 1 has not been saved as a run folder."
    assert panel.isVisible(), "who gives no place wants to keep it"
    chosen = tmp_path / "run"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(chosen), ""))
    close_dock(qtbot, panel)
    answer(qtbot, Button.Save)
    assert Dynamics.load(chosen).report.steps == 4
    assert not panel.isVisible()
    assert not control(open_again(viewer), "save", QPushButton).isEnabled()
    assert len(made(viewer, "frames")) == 1, "layers stay"


def test_nothing_is_asked_where_nothing_is_lost(
    open_window: Open, images: Images, qtbot: Any, tmp_path: Path
) -> None:
    _, panel = open_window(*images, fit=FakeFit(), show=True)
    run(qtbot, panel)
    assert panel.save_run(tmp_path / "run") == tmp_path / "run"
    assert status(panel)[0].startswith("Saved")
    close_dock(qtbot, panel)
    qtbot.wait(200)
    assert question() is None
    assert not panel.isVisible()


# ------------------------------------------------------------------ napari


def main_window(panel: Any) -> QMainWindow:
    window = panel.window()
    assert isinstance(window, QMainWindow)
    return window


def answer_soon(qtbot: Any, button: Button) -> list[str]:
    """Answer a question that keeps everything else waiting."""
    asked: list[str] = []

    def press() -> None:
        box = question()
        if box is None:
            QTimer.singleShot(20, press)
            return
        asked.append(box.text())
        qtbot.mouseClick(box.button(button), Qt.MouseButton.LeftButton)

    QTimer.singleShot(20, press)
    return asked


def test_napari_asks_before_it_closes_over_a_training(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    _, panel = open_window(*images, fit=FakeFit(), show=True)
    train_endlessly(qtbot, panel)
    window = main_window(panel)
    asked = answer_soon(qtbot, Button.Cancel)
    window.close()
    assert asked == ["The training of image 0 → image 1 is running."]
    assert window.isVisible()
    done = control(panel, "progress").value()
    qtbot.waitUntil(lambda: control(panel, "progress").value() > done + 3)
    # Also where no dock shows it any more.
    close_dock(qtbot, panel)
    answer(qtbot, Button.Ok)
    asked = answer_soon(qtbot, Button.Cancel)
    window.close()
    assert len(asked) == 1
    assert window.isVisible()


def test_napari_stays_where_a_result_was_to_be_saved_and_was_not(
    open_window: Open, images: Images, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, panel = open_window(*images, fit=FakeFit(), show=True)
    run(qtbot, panel)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: ("", ""))
    window = main_window(panel)
    asked = answer_soon(qtbot, Button.Save)
    window.close()
    assert asked == ["The result of image 0 → image 1 has not been saved as a run folder."]
    assert window.isVisible()
    assert control(panel, "save", QPushButton).isEnabled()


def test_a_program_that_closes_the_viewer_is_not_asked(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    fake = FakeFit()
    viewer, panel = open_window(*images, fit=fake, show=True)
    train_endlessly(qtbot, panel)
    viewer.close()
    assert fake.done.wait(5)
