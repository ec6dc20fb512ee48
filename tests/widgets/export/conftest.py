"""Fixtures of the tests of the export dialog."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pytest
from qtpy.QtWidgets import QDialog, QPushButton
from tests.conftest import dynamics_of
from tests.widgets.export.helpers import FRAMES, SIDE, Exporting
from tests.widgets.helpers import PLUGIN, control


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run folder of five frames, in which things move down by a pixel a stage."""
    random = np.random.default_rng(0)
    frames = random.random((FRAMES, SIDE, SIDE)).astype(np.float32)
    velocity = np.zeros((FRAMES - 1, 2, SIDE, SIDE), np.float32)
    velocity[:, 0] = 1.0
    report = {"interval": {"value": 12.0, "unit": "hour"}}
    return dynamics_of(frames, velocity, report).save(tmp_path / "drift")


@pytest.fixture
def exporting(
    make_napari_viewer: Callable[..., napari.Viewer], folder: Path, qtbot: Any
) -> Exporting:
    """Drop a run folder, open the widget, and press Export."""

    def make() -> tuple[napari.Viewer, Any]:
        viewer = make_napari_viewer(show=True)
        viewer.open(str(folder), plugin=PLUGIN)
        _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Explore dynamics")
        qtbot.waitUntil(control(panel, "export", QPushButton).isEnabled)
        control(panel, "export", QPushButton).click()
        dialog = panel.findChild(QDialog, "export_dialog")
        assert dialog.isVisible()
        return viewer, dialog

    return make
