"""The canvas as a film, written by the export dialog."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import av
import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QPushButton
from tests.widgets.export.helpers import FRAMES, SIDE, write
from tests.widgets.helpers import control


@pytest.mark.parametrize("end", ["mp4", "gif"])
def test_the_canvas_is_filmed_as_it_is_seen(exporting, qtbot, tmp_path, end):
    viewer, dialog = exporting()
    viewer.dims.set_current_step(0, 2)
    zoom = viewer.scene.camera.zoom
    told = viewer.canvas.overlays.text
    before = (told.text, told.position, told.visible)
    target = tmp_path / f"canvas.{end}"
    text, severity = write(dialog, qtbot, f"Movie of the canvas ({end.upper()})", target)
    assert severity == "info", text
    height, width = viewer.screenshot(flash=False).shape[:2]
    with av.open(str(target)) as file:
        pictures = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert len(pictures) == FRAMES
    assert abs(pictures[0].shape[0] - height) <= 1
    assert abs(pictures[0].shape[1] - width) <= 1
    for one, other in pairwise(pictures):
        assert np.abs(one.astype(int) - other).mean() > 2, "every frame shows another time"
    # The window is as it was.
    assert viewer.dims.current_step[0] == 2
    assert viewer.scene.camera.zoom == zoom
    told = viewer.canvas.overlays.text
    assert (told.text, told.position, told.visible) == before
    viewer.dims.set_current_step(0, 0)
    assert told.text == "0 h", "it still follows the slider"
    viewer.dims.set_current_step(0, 2)
    assert not viewer.canvas.overlays.scale_bar.visible


def test_a_film_of_a_window_that_changes_is_given_up(exporting, qtbot, tmp_path):
    viewer, dialog = exporting()
    viewer.window.resize(1200, 800)
    control(dialog, "export.format").setCurrentText("Movie of the canvas (MP4)")
    control(dialog, "export.path").setText(str(tmp_path / "film.mp4"))

    def shrink(_: Any) -> None:
        if viewer.dims.current_step[0] == FRAMES // 2:
            viewer.window.resize(900, 700)

    viewer.dims.set_current_step(0, 0)
    viewer.dims.events.point.connect(shrink)
    control(dialog, "export.write", QPushButton).click()
    qtbot.waitUntil(control(dialog, "export.write", QPushButton).isEnabled, timeout=30_000)
    status = control(dialog, "export.status")
    assert status.property("severity") == "error"
    assert status.text().startswith("The size of the canvas changed")
    assert not list(tmp_path.glob("film*"))


@pytest.mark.parametrize("zoom", [0.01, 40.0])
def test_a_zoom_that_shows_nothing_is_refused(exporting, qtbot, tmp_path, zoom):
    _, dialog = exporting()
    control(dialog, "export.format").setCurrentText("Movie of the canvas (GIF)")
    control(dialog, "export.zoom").setValue(zoom)
    text, severity = write(dialog, qtbot, "Movie of the canvas (GIF)", tmp_path / "film.gif")
    assert severity == "error"
    assert text == f"The zoom of a movie must be 0.25 to 4; got {zoom:g}."


def test_three_dimensions_are_no_film(exporting, qtbot, tmp_path):
    viewer, dialog = exporting()
    viewer.dims.ndisplay = 3
    text, severity = write(dialog, qtbot, "Movie of the canvas (GIF)", tmp_path / "film.gif")
    assert severity == "error"
    assert "switch to 2-D" in text
    assert not (tmp_path / "film.gif").exists()


def test_a_film_can_be_cancelled_and_leaves_nothing(exporting, qtbot, tmp_path):
    viewer, dialog = exporting()
    control(dialog, "export.format").setCurrentText("Movie of the canvas (MP4)")
    control(dialog, "export.path").setText(str(tmp_path / "film.mp4"))
    control(dialog, "export.write", QPushButton).click()
    qtbot.mouseClick(control(dialog, "export.cancel", QPushButton), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(control(dialog, "export.write", QPushButton).isEnabled)
    assert "nothing was written" in control(dialog, "export.status").text()
    assert not list(tmp_path.glob("film*"))
    assert viewer.canvas.overlays.text.position == "top_right", "the window is as it was"


def test_layers_that_go_while_filming_end_it_in_silence(exporting, qtbot, tmp_path):
    viewer, dialog = exporting()
    control(dialog, "export.format").setCurrentText("Movie of the canvas (MP4)")
    control(dialog, "export.path").setText(str(tmp_path / "film.mp4"))
    control(dialog, "export.write", QPushButton).click()
    viewer.layers.clear()
    viewer.add_image(np.zeros((SIDE, SIDE)))
    assert viewer.dims.ndim == 2
    qtbot.waitUntil(control(dialog, "export.write", QPushButton).isEnabled, timeout=30_000)


def test_closing_the_viewer_while_filming_ends_all(exporting, qtbot, tmp_path):
    viewer, dialog = exporting()
    control(dialog, "export.format").setCurrentText("Movie of the canvas (MP4)")
    control(dialog, "export.path").setText(str(tmp_path / "film.mp4"))
    control(dialog, "export.write", QPushButton).click()
    QApplication.processEvents()
    viewer.close()
    assert not (tmp_path / "film.mp4").exists()
