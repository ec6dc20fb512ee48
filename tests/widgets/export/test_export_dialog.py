"""The dialog "Export" in a real window, driven by its object names."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import rasterio
import tifffile
import xarray
from qtpy.QtCore import Qt
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QDialog, QFileDialog, QMessageBox, QPushButton
from tests.widgets.conftest import Images, Open
from tests.widgets.export.helpers import FRAMES, write
from tests.widgets.helpers import PLUGIN, control, made, run


def test_frames_are_written_where_the_user_says(exporting, qtbot, tmp_path, folder):
    _, dialog = exporting()
    assert "drift" in dialog.windowTitle()
    # The name lacks its suffix.
    text, severity = write(dialog, qtbot, "OME-TIFF", tmp_path / "a")
    assert severity == "info"
    assert str(tmp_path / "a.ome.tif") in text
    expected = tifffile.imread(folder / "frames.ome.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.ome.tif"), expected)
    movie = tmp_path / "c.mp4"
    control(dialog, "export.format").setCurrentText("Movie (MP4)")
    control(dialog, "export.fps").setValue(5.0)
    control(dialog, "export.arrows").setChecked(True)
    write(dialog, qtbot, "Movie (MP4)", movie)
    with av.open(str(movie)) as file:
        assert file.streams.video[0].frames == FRAMES
        assert file.streams.video[0].average_rate == 5


def test_the_name_follows_the_format(exporting, tmp_path):
    _, dialog = exporting()
    path = control(dialog, "export.path")
    assert path.text().endswith("drift.ome.tif")
    path.setText(str(tmp_path / "mine.ome.tif"))
    for form, name in (
        ("netCDF (CF)", "mine.nc"),
        ("OME-Zarr", "mine.ome.zarr"),
        ("Movie of the canvas (GIF)", "mine.gif"),
    ):
        control(dialog, "export.format").setCurrentText(form)
        assert path.text() == str(tmp_path / name)
        assert control(dialog, "export.about").text()


@pytest.mark.parametrize("way", ["button", "escape", "frame"])
def test_the_dialog_closes_and_opens_again(exporting, qtbot, way):
    viewer, dialog = exporting()
    if way == "button":
        qtbot.mouseClick(control(dialog, "export.close", QPushButton), Qt.MouseButton.LeftButton)
    elif way == "escape":
        qtbot.keyClick(control(dialog, "export.format"), Qt.Key.Key_Escape)
    else:
        dialog.close()
    assert not dialog.isVisible()
    control(dialog.parentWidget(), "export", QPushButton).click()
    assert dialog.isVisible()
    assert viewer.layers


def test_browse_chooses_the_place(exporting, tmp_path, monkeypatch):
    _, dialog = exporting()
    chosen = tmp_path / "there.ome.tif"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(chosen), ""))
    control(dialog, "export.browse", QPushButton).click()
    assert control(dialog, "export.path").text() == str(chosen)


@pytest.mark.parametrize("answer", ["Yes", "No"])
def test_what_is_there_is_replaced_only_after_a_yes(
    exporting, qtbot, tmp_path, monkeypatch, answer
):
    _, dialog = exporting()
    there = tmp_path / "a.nc"
    there.write_text("mine")
    asked = []

    def say(*given: Any) -> Any:
        asked.append(given[2])
        return getattr(QMessageBox.StandardButton, answer)

    monkeypatch.setattr(QMessageBox, "question", say)
    text, severity = write(dialog, qtbot, "netCDF (CF)", tmp_path / "a")
    assert str(there) in asked[0]
    assert severity == "info"
    assert (there.read_bytes() == b"mine") == (answer == "No")
    assert (text == f"{there} was not changed.") == (answer == "No")


def test_what_cannot_be_written_is_told(exporting, qtbot, tmp_path):
    _, dialog = exporting()
    control(dialog, "export.format").setCurrentText("Figure")
    control(dialog, "export.shown").setText("now")
    text, severity = write(dialog, qtbot, "Figure", tmp_path / "a.png")
    assert severity == "error"
    assert "numbers separated by commas" in text
    text, severity = write(dialog, qtbot, "netCDF (CF)", " ")
    assert (severity, "Choose a path" in text) == ("error", True)
    (tmp_path / "file").write_text("mine")
    text, severity = write(dialog, qtbot, "netCDF (CF)", tmp_path / "file" / "a")
    assert severity == "error"
    assert not list(tmp_path.glob("a*"))
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="names of POSIX systems")
def test_names_that_nothing_can_have_are_told(exporting, qtbot, tmp_path):
    _, dialog = exporting()
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe.nc")
    before = sorted(tmp_path.iterdir())
    for name, says in (
        ("x" * 253, "is too long"),
        ("x" * 300, "is too long"),
        ("loop/a", "form a loop"),
        ("pipe.nc", "is a pipe"),
        ("/", "is a folder"),
        ("~nobody-has-this-name/a", "home folder of"),
    ):
        target = name if name[0] in "/~" else tmp_path / name
        text, severity = write(dialog, qtbot, "netCDF (CF)", target)
        assert (says in text, severity) == (True, "error"), text
    assert sorted(tmp_path.iterdir()) == before


def test_tracers_that_were_carried_are_the_tracks(exporting, qtbot, tmp_path):
    viewer, dialog = exporting()
    panel = dialog.parent()
    control(panel, "place_grid", QPushButton).click()
    control(panel, "carry", QPushButton).click()
    qtbot.waitUntil(lambda: bool(made(viewer, "tracers")))
    write(dialog, qtbot, "Table of tracks (CSV)", tmp_path / "b.tracks.csv")
    rows = (tmp_path / "b.tracks.csv").read_text().splitlines()
    assert len(rows) == 1 + len(made(viewer, "tracers")[0].data)


def test_a_result_just_made_is_exported_from_its_own_window(
    open_window: Open, images: Images, qtbot: Any, tmp_path: Path
) -> None:
    viewer, panel = open_window(*images)
    run(qtbot, panel, "preview")
    panel.findChild(QAction, "save_export").trigger()
    dialog = panel.findChild(QDialog, "export_dialog")
    text, severity = write(dialog, qtbot, "netCDF (CF)", tmp_path / "a.nc")
    assert severity == "info", text
    with xarray.open_dataset(tmp_path / "a.nc") as data:
        np.testing.assert_array_equal(data.frames, made(viewer, "frames")[0].data)


def test_a_result_that_was_deleted_is_not_exported(
    open_window: Open, images: Images, qtbot: Any, tmp_path: Path
) -> None:
    viewer, panel = open_window(*images)
    run(qtbot, panel, "preview")
    _, explore = viewer.window.add_plugin_dock_widget(PLUGIN, "Explore dynamics")
    qtbot.waitUntil(control(explore, "export", QPushButton).isEnabled)
    control(explore, "export", QPushButton).click()
    dialog = explore.findChild(QDialog, "export_dialog")
    assert write(dialog, qtbot, "netCDF (CF)", tmp_path / "one.nc")[1] == "info"
    viewer.layers.clear()
    text, severity = write(dialog, qtbot, "netCDF (CF)", tmp_path / "two.nc")
    assert severity == "error"
    assert text.startswith("The result was deleted")
    assert not (tmp_path / "two.nc").exists()


def test_a_geotiff_that_was_opened_in_napari_stays_one(
    make_napari_viewer: Any, images: Images, qtbot: Any, tmp_path: Path
) -> None:
    wanted = {"crs": "EPSG:3413", "transform": rasterio.Affine(40, 0, 5e5, 0, -40, -1.2e6)}
    for name, image in zip("ab", images, strict=True):
        height, width = image.shape
        shape = {"height": height, "width": width, "count": 1, "dtype": image.dtype}
        with rasterio.open(tmp_path / f"{name}.tif", "w", driver="GTiff", **shape, **wanted) as f:
            f.write(image, 1)
    viewer = make_napari_viewer()
    for name in "ab":
        viewer.open(str(tmp_path / f"{name}.tif"), plugin="napari")
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Learn dynamics")
    run(qtbot, panel, "preview")
    _, explorer = viewer.window.add_plugin_dock_widget(PLUGIN, "Explore dynamics")
    control(explorer, "export", QPushButton).click()
    dialog = explorer.findChild(QDialog, "export_dialog")
    target = tmp_path / "out.tif"
    text, severity = write(dialog, qtbot, "GeoTIFF", target)
    assert severity == "info", text
    with rasterio.open(target) as file:
        assert file.crs.to_epsg() == 3413
        assert file.transform == wanted["transform"]
        np.testing.assert_allclose(
            file.read(), made(viewer, "frames")[0].data.astype(np.float32), rtol=1e-6
        )


def test_a_run_that_was_opened_gives_a_script_that_reads_it(exporting, qtbot, tmp_path, folder):
    _, dialog = exporting()
    text, severity = write(dialog, qtbot, "Python script", tmp_path / "again.py")
    assert severity == "info", text
    assert f"RUN = {str(folder)!a}" in (tmp_path / "again.py").read_text()


@pytest.mark.parametrize("window", ["learn", "explore"])
def test_a_result_gives_a_script_once_it_is_saved(
    open_window: Open,
    images: Images,
    qtbot: Any,
    tmp_path: Path,
    window: str,
) -> None:
    viewer, panel = open_window(*images)
    run(qtbot, panel, "preview")
    if window == "learn":
        panel.findChild(QAction, "save_export").trigger()
        dialog = panel.findChild(QDialog, "export_dialog")
    else:
        _, explore = viewer.window.add_plugin_dock_widget(PLUGIN, "Explore dynamics")
        qtbot.waitUntil(control(explore, "export", QPushButton).isEnabled)
        control(explore, "export", QPushButton).click()
        dialog = explore.findChild(QDialog, "export_dialog")
    target = tmp_path / "again.py"
    text, severity = write(dialog, qtbot, "Python script", target)
    assert (severity, text) == (
        "error",
        "The script cannot locate the images. Save a run folder first.",
    )
    # The dialog stays open meanwhile.
    assert panel.save_run(tmp_path / "run") == tmp_path / "run"
    text, severity = write(dialog, qtbot, "Python script", target)
    assert severity == "info", text
    assert f"RUN = {str(tmp_path / 'run')!a}" in target.read_text()
