"""The dock "Large scene": from two files to lazy layers, stopped and continued."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
import zarr
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QLineEdit, QMessageBox, QProgressBar, QPushButton
from tests.core.scene.conftest import waves
from tests.widgets.helpers import PLUGIN, answer, choose, control, made, press, put, status
from tests.widgets.scene.conftest import Opened
from tests.widgets.scene.helpers import QUICK, fill, running, start, stop_within, wait_for, write
from tests.widgets.test_closing_question import close_dock

from napari_latentdyn.core.observations.images.windows import open_windows
from napari_latentdyn.core.scene.folder import SceneFolder
from napari_latentdyn.core.scene.plan import begin_scene, plan_scene
from napari_latentdyn.export.scene import make_scene_frames
from napari_latentdyn.settings import Settings
from napari_latentdyn.settings.scene import SceneOptions

Open = Callable[[], Opened]
Pair = tuple[str, str]
Button = QMessageBox.StandardButton


def frames_in(folder: Path) -> Any:
    return np.asarray(zarr.open_array(str(folder / "frames.ome.zarr" / "0"), mode="r")[:])


def begin(pair: Pair, out: Path, tiles: int) -> None:
    """Compute some tiles of a scene as the command line does, and end like a process that dies."""
    settings = Settings.preset("quick").updated({"output.frames": 1, "training.threads": 1})
    images = open_windows(pair[0]), open_windows(pair[1])
    plan = plan_scene(pair, images, settings, SceneOptions(tile=128))
    steps = begin_scene(plan, SceneFolder(out)).compute(make_scene_frames)
    assert len(list(itertools.islice(steps, tiles))) == tiles
    steps.close()


def test_two_files_become_lazy_layers(open_scene: Open, pair: Pair, out: Path, qtbot: Any) -> None:
    viewer, panel = open_scene()
    assert status(panel)[0].startswith("Choose two image files")
    assert not control(panel, "start", QPushButton).isEnabled()
    fill(qtbot, panel, pair, out)
    wait_for(qtbot, panel, "Ready.")
    for end in ("first", "last"):
        facts = control(panel, f"{end}_file_facts", QLabel)
        assert facts.text() == "260 x 230 pixels, 1 channel, float32"
        assert facts.isVisible()
    summary = control(panel, "summary", QLabel).text()
    assert summary == "3 frames, in 6 tiles of at most 128 x 128 pixels"
    start(qtbot, panel)
    bar = control(panel, "progress", QProgressBar)
    assert bar.isVisible()
    assert not control(panel, "first_file").isEnabled()
    said = set()
    while running(panel):
        said.add(status(panel)[0].partition(":")[0])
        qtbot.wait(20)
    assert {"Matching", "Drawing frames"} <= said
    text = wait_for(qtbot, panel, "Done in ")
    assert f": 3 frames in {out}. Move the time slider." in text
    (frames,), (arrows,) = made(viewer, "frames"), made(viewer, "fields")
    assert frames.multiscale
    assert isinstance(frames.data[0], dask.array.Array)
    missed = frames_in(out)[1] - waves(0.5)
    assert np.sqrt(np.mean(missed[8:-8, 8:-8] ** 2)) < 0.1 * waves(0.5).std()
    assert not bar.isVisible()

    # The same again is asked about, and opened only once.
    wait_for(qtbot, panel, "Done in ")
    start(qtbot, panel)
    assert answer(qtbot, Button.Open) == f"The scene in {out} is finished."
    assert "are in the viewer already" in status(panel)[0]
    viewer.layers.remove(frames)
    viewer.layers.remove(arrows)
    start(qtbot, panel)
    answer(qtbot, Button.Open)
    assert status(panel)[0] == f"Opened: 3 frames in {out}. Move the time slider."
    assert len(made(viewer, "frames")) == len(made(viewer, "fields")) == 1

    # Another number of frames is another scene, which replaces it only after a question.
    control(panel, "output.frames").setValue(0)
    assert "holds this scene with other frames" in wait_for(qtbot, panel, f"{out} holds")
    start(qtbot, panel)
    answer(qtbot, Button.Cancel)
    assert len(frames_in(out)) == 3
    assert len(made(viewer, "frames")) == 1
    start(qtbot, panel)
    assert "with other frames" in answer(qtbot, Button.Yes)
    wait_for(qtbot, panel, "Done in ")
    assert len(frames_in(out)) == 2
    assert [layer.data[0].shape[0] for layer in made(viewer, "frames")] == [2]


def test_a_scene_that_was_stopped_continues(
    open_scene: Open, pair: Pair, out: Path, qtbot: Any
) -> None:
    viewer, panel = open_scene()
    fill(qtbot, panel, pair, out)
    start(qtbot, panel)
    stop_within(qtbot, panel, 50)
    told = wait_for(qtbot, panel, "Stop")
    assert told.startswith(("Stopping after this tile. The finished tiles are kept.", "Stopped;"))
    wait_for(qtbot, panel, f"Stopped; Start continues the scene in {out}")
    assert not running(panel)
    assert made(viewer, "frames") == []
    marks = {mark.name for mark in (out / "work" / "done").iterdir()}
    assert marks
    times = {name: (out / "work" / "done" / name).stat().st_mtime_ns for name in marks}
    start(qtbot, panel)
    bar = control(panel, "progress", QProgressBar)
    qtbot.waitUntil(lambda: bar.value() > 0, timeout=20_000)
    done = {name: (out / "work" / "done" / name).stat().st_mtime_ns for name in marks}
    assert done == times, "no finished tile is done again"
    wait_for(qtbot, panel, "Done in ")
    assert len(made(viewer, "frames")) == 1


def test_a_second_stop_leaves_the_tile(open_scene: Open, pair: Pair, out: Path, qtbot: Any) -> None:
    _, panel = open_scene()
    fill(qtbot, panel, pair, out)
    put(panel, {"tile": 512, "preset": "standard"})
    start(qtbot, panel)
    wait_for(qtbot, panel, "Matching: tile 1 of 1, at 130 x 115 pixels")
    press(qtbot, panel, "stop")
    assert "Press Stop again to leave this tile unfinished." in status(panel)[0]
    press(qtbot, panel, "stop")
    assert not running(panel)
    wait_for(qtbot, panel, "Stopped; Start continues")
    marks = {mark.name for mark in (out / "work" / "done").iterdir()}
    assert marks == {"reduce-0-0", "match-1-0"}


def test_a_scene_of_the_command_line_fills_an_empty_form(
    open_scene: Open, pair: Pair, out: Path, qtbot: Any
) -> None:
    begin(pair, out, 8)
    viewer, panel = open_scene()
    write(qtbot, panel, "output", out)
    wait_for(qtbot, panel, "The folder holds this scene, unfinished. Start continues it.")
    assert control(panel, "first_file", QLineEdit).text() == pair[0]
    assert {name: control(panel, name).value() for name in QUICK} == QUICK
    assert control(panel, "preset").value() == "quick"
    _, learn = viewer.window.add_plugin_dock_widget(PLUGIN, "Learn dynamics")
    start(qtbot, panel)
    wait_for(qtbot, panel, "Done in ")
    assert len(made(viewer, "frames")) == 1
    assert control(learn, "output.frames").value() is None, "the form of another dock stays"


def test_a_scene_runs_on_without_its_dock_and_stops_with_it(
    open_scene: Open, pair: Pair, out: Path, qtbot: Any
) -> None:
    _, panel = open_scene()
    fill(qtbot, panel, pair, out)
    choose(panel, "preset", "standard")
    start(qtbot, panel)
    qtbot.waitUntil(lambda: running(panel))
    close_dock(qtbot, panel)
    asked = answer(qtbot, Button.Ok)
    assert asked == "The large scene monday.tif → tuesday.tif is running."
    _, again = open_scene()
    assert again is not panel
    assert running(again)
    assert control(again, "output", QLineEdit).text() == str(out)
    qtbot.waitUntil(control(again, "progress").isVisible)
    close_dock(qtbot, again)
    answer(qtbot, Button.Discard)
    assert (out / "scene.json").exists()
    _, last = open_scene()
    wait_for(qtbot, last, "The folder holds this scene, unfinished.")
    assert control(last, "preset").value() == "standard"
    assert not running(last)


def test_an_image_that_vanishes_is_one_sentence(
    open_scene: Open, pair: Pair, out: Path, qtbot: Any, tmp_path: Path
) -> None:
    moved = tmp_path / "monday.tif", tmp_path / "tuesday.tif"
    for source, target in zip(pair, moved, strict=True):
        target.write_bytes(Path(source).read_bytes())
    viewer, panel = open_scene()
    fill(qtbot, panel, moved, out)
    qtbot.waitUntil(control(panel, "start", QPushButton).isEnabled)
    moved[1].unlink()
    press(qtbot, panel, "start")
    qtbot.waitUntil(lambda: not running(panel), timeout=20_000)
    text, severity = status(panel)
    assert severity == "error"
    assert text == f"There is no file {moved[1]}."
    assert len(viewer.layers) == 0


def test_a_cluster_shows_the_same_progress(
    open_scene: Open, pair: Pair, out: Path, qtbot: Any
) -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        dashboard_address=None,
        worker_dashboard_address=None,
    ) as cluster:
        viewer, panel = open_scene()
        fill(qtbot, panel, pair, out)
        qtbot.mouseClick(control(panel, "advanced"), Qt.MouseButton.LeftButton)
        control(panel, "scheduler").setValue(cluster.scheduler_address)
        start(qtbot, panel)
        said = set()
        while running(panel):
            said.add(status(panel)[0].partition(":")[0])
            qtbot.wait(20)
        assert {"Matching", "Drawing frames"} <= said
        wait_for(qtbot, panel, "Done in ")
        assert len(made(viewer, "frames")) == 1
