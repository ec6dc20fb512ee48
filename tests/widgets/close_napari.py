"""Close napari in one state of the window: ``python close_napari.py STATE [FOLDER]``.

Run as a program of its own, because what goes wrong ends the interpreter. It
prints each question that it was asked, with what it answered, and ``closed``
when the event loop has ended. What is not saved is discarded; with FOLDER, it is
saved there.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
import tifffile
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QApplication,
    QDockWidget,
    QFileDialog,
    QLabel,
    QLineEdit,
    QMainWindow,
    QMessageBox,
    QPushButton,
)
from scipy import ndimage

PLUGIN = "napari-latentdyn"


def wait(until: Callable[[], Any], seconds: float = 90.0) -> None:
    """Process events until something is true."""
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "waited in vain"
        QApplication.processEvents()
        time.sleep(0.01)


class Session:
    """A viewer with two images and the steps of a user."""

    def __init__(self) -> None:
        self.viewer = napari.Viewer(show=True)
        noise = np.random.default_rng(0).normal(size=(72, 72))
        scene = ndimage.gaussian_filter(noise, 2)
        self.viewer.add_image(scene[4:68, 4:68], name="a")
        self.viewer.add_image(scene[6:70, 1:65], name="b")
        self.panel: Any = None
        self.button = QMessageBox.StandardButton.Discard
        self.answering = QTimer()
        self.answering.timeout.connect(self.answer)
        self.answering.start(50)

    def answer(self) -> None:
        """Answer a question, whether it keeps the program waiting or not."""
        for box in QApplication.topLevelWidgets():
            if isinstance(box, QMessageBox) and box.isVisible():
                button = box.button(self.button) or box.button(QMessageBox.StandardButton.Discard)
                print(f"{box.text()} {button.text()}", flush=True)
                QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def open(self, name: str = "Learn dynamics") -> Any:
        _, panel = self.viewer.window.add_plugin_dock_widget(PLUGIN, name)
        QApplication.processEvents()
        if name == "Learn dynamics":
            self.panel = panel
        return panel

    def press(self, name: str, panel: Any = None) -> None:
        button = (panel or self.panel).findChild(QPushButton, name)
        wait(button.isEnabled)
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def preview(self) -> None:
        self.press("preview")
        wait(lambda: "frames" in " ".join(layer.name for layer in self.viewer.layers))
        wait(lambda: self.panel.findChild(QPushButton, "train").isEnabled())

    def train(self, steps: int = 200) -> None:
        self.panel.findChild(object, "training.steps").setValue(steps)
        self.press("train")
        wait(lambda: self.panel.findChild(QPushButton, "cancel").isEnabled())

    def close_dock(self) -> None:
        """Close the dock by its own close, as the cross in its title bar does."""
        parent = self.panel.parent()
        while not isinstance(parent, QDockWidget):
            parent = parent.parent()
        self.viewer.window.remove_dock_widget(parent)
        for _ in range(20):
            QApplication.processEvents()
            time.sleep(0.01)


def never_used(s: Session) -> None:
    s.open()


def previewing(s: Session) -> None:
    s.open()
    s.press("preview")


def previewed(s: Session) -> None:
    s.open()
    s.preview()


def training(s: Session) -> None:
    s.open()
    s.train()


def trained(s: Session) -> None:
    s.open()
    s.train(2)
    wait(lambda: len(s.viewer.layers) > 3)
    wait(lambda: s.panel.findChild(QPushButton, "train").isEnabled())


def dock_closed(s: Session) -> None:
    previewed(s)
    s.close_dock()


def dock_closed_while_training(s: Session) -> None:
    training(s)
    s.close_dock()


def dock_closed_and_training_kept(s: Session) -> None:
    training(s)
    s.button = QMessageBox.StandardButton.Ok
    s.close_dock()


def reopened(s: Session) -> None:
    dock_closed(s)
    s.open()


def reopened_and_previewed(s: Session) -> None:
    reopened(s)
    s.preview()


def reopened_and_training(s: Session) -> None:
    reopened(s)
    s.train()


def comparing(s: Session) -> None:
    panel = s.open("Compare methods")
    s.press("compare", panel)


def exploring(s: Session) -> None:
    previewed(s)
    s.open("Explore dynamics")


def computing_scene(s: Session) -> None:
    """In the middle of a tile, which takes longer than anyone waits for napari to close."""
    panel = s.open("Large scene")
    folder = Path(tempfile.mkdtemp())
    image = np.random.default_rng(0).normal(100, 20, (1100, 1100)).astype(np.float32)
    for end, shift in (("first", 0), ("last", 3)):
        tifffile.imwrite(folder / f"{end}.tif", np.roll(image, shift, axis=1))
        panel.findChild(QLineEdit, f"{end}_file").setText(str(folder / f"{end}.tif"))
    panel.findChild(QLineEdit, "output").setText(str(folder / "out"))
    s.press("start", panel)
    status = panel.findChild(QLabel, "status")
    wait(lambda: status.text().startswith("Matching"))


STATES = {
    state.__name__: state
    for state in (
        never_used,
        previewing,
        previewed,
        training,
        trained,
        dock_closed,
        dock_closed_while_training,
        dock_closed_and_training_kept,
        reopened,
        reopened_and_previewed,
        reopened_and_training,
        comparing,
        exploring,
        computing_scene,
    )
}


def main(name: str, folder: str = "") -> None:
    session = Session()
    if folder:
        session.button = QMessageBox.StandardButton.Save
        QFileDialog.getSaveFileName = lambda *_, **__: (folder, "")
    STATES[name](session)
    window = next(w for w in QApplication.topLevelWidgets() if isinstance(w, QMainWindow))
    # In the event loop, which ends with its last window.
    QTimer.singleShot(0, window.close)
    napari.run()
    print("closed", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
