"""Helpers of the tests of the export dialog."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
from qtpy.QtWidgets import QPushButton
from tests.widgets.helpers import control

#: Frames of the run folder, and side of a frame in pixels.
FRAMES, SIDE = 5, 40
Exporting = Callable[[], tuple[napari.Viewer, Any]]


def write(dialog: Any, qtbot: Any, form: str, target: Path | str) -> tuple[str, str]:
    """Choose a format and a place, press Export, and return what is said in the end."""
    control(dialog, "export.format").setCurrentText(form)
    control(dialog, "export.path").setText(str(target))
    control(dialog, "export.write", QPushButton).click()
    qtbot.waitUntil(control(dialog, "export.write", QPushButton).isEnabled, timeout=60_000)
    status = control(dialog, "export.status")
    return status.text(), status.property("severity")
