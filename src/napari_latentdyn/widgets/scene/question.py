"""The question about a folder that holds a result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QMessageBox, QWidget

from napari_latentdyn.files.paths import named
from napari_latentdyn.widgets.scene.look import Holding
from napari_latentdyn.widgets.texts import sentence

__all__ = ["ask_about"]

_BUTTON = QMessageBox.StandardButton


def ask_about(
    parent: QWidget, path: Path, known: Holding, reply: Callable[[QMessageBox.StandardButton], Any]
) -> None:
    """Ask whether the scene in a folder is opened, if it is finished, or overwritten.

    `reply` is called with the button ``Open``, ``Yes`` to overwrite, or ``Cancel``.
    """
    box = QMessageBox(parent)
    box.setObjectName("scene_question")
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("Overwrite?")
    box.setText(sentence(known.problem) or f"The scene in {named(path)} is finished.")
    box.setInformativeText(
        "Overwriting replaces the frames, here and in this viewer. The velocities stay, so that "
        "only drawing is done again."
        if known.serves
        else "Overwriting deletes the scene in the folder, with its layers in this viewer. Other "
        "files stay."
    )
    if known.finished:
        box.addButton(_BUTTON.Open)
    overwrite = box.addButton(_BUTTON.Yes)
    assert overwrite is not None
    overwrite.setText("Overwrite")
    box.addButton(_BUTTON.Cancel)
    box.setDefaultButton(_BUTTON.Open if known.finished else _BUTTON.Cancel)

    def on_answer() -> None:
        answer = box.standardButton(box.clickedButton())
        box.deleteLater()
        reply(answer)

    box.finished.connect(on_answer)
    # Not exec: napari must be able to close meanwhile.
    box.open()
