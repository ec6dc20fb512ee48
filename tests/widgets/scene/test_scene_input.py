"""Files and folders are typed, dropped, chosen in dialogs, or taken from layers; and refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QAction, QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QFileDialog, QLabel, QLineEdit, QMenu, QPushButton
from tests.widgets.helpers import PLUGIN, control, is_one_sentence, press, status
from tests.widgets.scene.conftest import Opened
from tests.widgets.scene.helpers import fill, start, wait_for, write

from napari_latentdyn.cli import main
from napari_latentdyn.core.scene import cluster
from napari_latentdyn.widgets.texts import sentence

Open = Callable[[], Opened]
Pair = tuple[str, str]


def text_of(panel: Any, name: str) -> str:
    return str(control(panel, name, QLineEdit).text())


def drop(panel: Any, name: str, paths: Sequence[object]) -> None:
    line = control(panel, name, QLineEdit)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    how = (
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    enter = QDragEnterEvent(line.rect().center(), *how)
    QApplication.sendEvent(line, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(line, QDropEvent(QPointF(line.rect().center()), *how))


def pick(qtbot: Any, panel: Any, name: str, entry: str) -> None:
    """Open the menu of a path, and click on an entry."""
    press(qtbot, panel, f"{name}_choose")
    menu = control(panel, f"{name}_menu", QMenu)
    qtbot.waitUntil(menu.isVisible)
    action = menu.findChild(QAction, f"{name}_{entry}")
    place = menu.actionGeometry(action).center()
    qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=place)


def test_files_are_dropped_one_by_one_or_both_at_once(
    open_scene: Open, pair: Pair, tmp_path: Path, qtbot: Any
) -> None:
    _, panel = open_scene()
    drop(panel, "last_file", [pair[1]])
    assert text_of(panel, "last_file") == pair[1]
    wait_for(qtbot, panel, "Choose the first image.")
    drop(panel, "first_file", pair[::-1])
    assert (text_of(panel, "first_file"), text_of(panel, "last_file")) == pair[::-1]
    press(qtbot, panel, "swap")
    assert (text_of(panel, "first_file"), text_of(panel, "last_file")) == pair
    drop(panel, "output", [tmp_path])
    assert text_of(panel, "output") == str(tmp_path)
    wait_for(qtbot, panel, "Ready.")
    write(qtbot, panel, "first_file", QUrl.fromLocalFile(pair[0]).toString())
    wait_for(qtbot, panel, "Ready.")
    write(qtbot, panel, "first_file", f'"{pair[0]}"')
    wait_for(qtbot, panel, "Ready.")


def test_the_key_tab_goes_from_control_to_control(open_scene: Open) -> None:
    _, panel = open_scene()
    known = ["first_file", "last_file", "swap", "preset", "output.frames", "output", "start"]
    widget = control(panel, "first_file", QLineEdit)
    met = []
    while not met or widget.objectName() != "first_file":
        if widget.objectName() in known:
            met.append(widget.objectName())
        widget = widget.nextInFocusChain()
    assert met == known


def test_files_and_folders_are_chosen_in_dialogs(
    open_scene: Open, pair: Pair, tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, panel = open_scene()
    array = zarr.create_array(str(tmp_path / "b.zarr"), data=tifffile.imread(pair[1]))
    assert array.shape == (260, 230)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: (pair[0], ""))
    monkeypatch.setattr(
        QFileDialog, "getExistingDirectory", lambda *_, **__: str(tmp_path / "b.zarr")
    )
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_, **__: (str(tmp_path / "new"), "")
    )
    pick(qtbot, panel, "first_file", "file")
    pick(qtbot, panel, "last_file", "zarr")
    pick(qtbot, panel, "output", "new")
    assert text_of(panel, "first_file") == pair[0]
    assert text_of(panel, "last_file") == str(tmp_path / "b.zarr")
    assert text_of(panel, "output") == str(tmp_path / "new")
    wait_for(qtbot, panel, "Ready.")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: ("", ""))
    pick(qtbot, panel, "first_file", "file")
    assert text_of(panel, "first_file") == pair[0], "a dialog that is cancelled changes nothing"


def test_the_files_of_layers_are_offered(open_scene: Open, pair: Pair, qtbot: Any) -> None:
    viewer, panel = open_scene()
    button = control(panel, "use_layers", QPushButton)
    assert not button.isEnabled()
    viewer.add_image(np.zeros((300, 300)), name="without a file")
    layers = [viewer.open(path, plugin=PLUGIN)[0] for path in pair]
    viewer.layers.selection = {layers[0]}
    assert button.isEnabled(), "there are only two layers with a file"
    more = viewer.open(pair[0], plugin=PLUGIN)[0]
    assert not button.isEnabled()
    viewer.layers.selection = set(layers)
    assert "monday and tuesday" in button.toolTip()
    press(qtbot, panel, "use_layers")
    assert (text_of(panel, "first_file"), text_of(panel, "last_file")) == pair
    viewer.layers.selection = {layers[0], layers[1], more}
    assert not button.isEnabled()


def test_a_dock_that_opens_takes_the_files_of_the_layers(
    make_napari_viewer: Callable[..., Any], pair: Pair
) -> None:
    viewer = make_napari_viewer()
    for path in pair:
        viewer.open(path, plugin=PLUGIN)
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Large scene")
    assert (text_of(panel, "first_file"), text_of(panel, "last_file")) == pair


#: First image, last image, folder, and what the sentence says.
WRONG = [
    ("{first}", "{cut}", "{out}", "same grid first"),
    ("{tiny}", "{tiny2}", "{out}", "need no tiles"),
    ("{first}", "{first}", "{out}", "both images are the same file"),
    ("{first}", "{none}", "{out}", "there is no file"),
    ("{text}", "{last}", "{out}", "cannot be read as an image"),
    ("{folder}", "{last}", "{out}", "is a folder"),
    ("{first}", "{last}:3", "{out}", "as a file of its own"),
    ("{first}", "{last}", "{used}", "is not empty and holds no scene"),
    ("{first}", "{last}", "{text}", "is a file: choose a folder"),
    ("{first}", "{colours}", "{out}", "choose one channel"),
]


def test_wrong_input_is_the_sentence_of_the_command_line(
    open_scene: Open, pair: Pair, tmp_path: Path, qtbot: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tifffile.imread(pair[0])
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "letter.txt").write_text("dear all")
    (tmp_path / "text.txt").write_text("no image")
    for name, part in (("cut", image[:200]), ("tiny", image[:60, :60]), ("tiny2", image[:60, :60])):
        tifffile.imwrite(tmp_path / f"{name}.tif", part)
    three = np.stack([image] * 3, axis=-1).astype(np.uint8)
    tifffile.imwrite(tmp_path / "colours.tif", three, photometric="rgb")
    names = {
        "first": pair[0],
        "last": pair[1],
        "folder": tmp_path,
        "none": tmp_path / "none.tif",
        "text": tmp_path / "text.txt",
        "used": tmp_path / "used",
        "out": tmp_path / "out",
        **{name: tmp_path / f"{name}.tif" for name in ("cut", "tiny", "tiny2", "colours")},
    }
    _, panel = open_scene()
    for *texts, says in WRONG:
        given = [text.format(**names) for text in texts]
        capsys.readouterr()
        assert main(["scene", given[0], given[1], "-o", given[2], "-q"]) == 2
        told = capsys.readouterr().err.strip().removeprefix("napari-latentdyn: ")
        assert says in told
        fill(qtbot, panel, (given[0], given[1]), given[2])
        expected = sentence(told), "error"
        qtbot.waitUntil(lambda expected=expected: status(panel) == expected, timeout=5000)
        assert is_one_sentence(status(panel)[0])
        assert not control(panel, "start", QPushButton).isEnabled()
        assert [text_of(panel, n) for n in ("first_file", "last_file", "output")] == given
    fill(qtbot, panel, pair, tmp_path / "out")
    wait_for(qtbot, panel, "Ready.")


def test_what_fails_at_the_start_is_one_sentence_and_can_be_mended(
    open_scene: Open, pair: Pair, out: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    viewer, panel = open_scene()
    fill(qtbot, panel, pair, out)
    monkeypatch.setattr(cluster, "_TIMEOUT", 0.5)
    control(panel, "scheduler").setValue("nowhere")
    wait_for(qtbot, panel, "Scheduler: must be the address of a scheduler")
    assert not control(panel, "start", QPushButton).isEnabled()
    control(panel, "scheduler").setValue("tcp://127.0.0.1:1")
    start(qtbot, panel)
    text = wait_for(qtbot, panel, "No Dask scheduler answers at tcp://127.0.0.1:1")
    assert not out.exists()
    assert len(viewer.layers) == 0
    qtbot.waitUntil(control(panel, "start", QPushButton).isEnabled)
    # The message stays until something changes.
    assert status(panel) == (text, "error")
    control(panel, "scheduler").setValue(None)
    wait_for(qtbot, panel, "Ready.")


def test_a_preset_keeps_what_presets_do_not_change(
    open_scene: Open, pair: Pair, out: Path, qtbot: Any
) -> None:
    _, panel = open_scene()
    fill(qtbot, panel, pair, out)
    wait_for(qtbot, panel, "Ready.")
    preset = control(panel, "preset")
    assert [preset.itemText(i) for i in range(preset.count())] == ["quick", "standard"]
    preset.setCurrentText("standard")
    assert control(panel, "output.frames").value() == 1
    wait_for(qtbot, panel, "Ready.")
    assert control(panel, "preset").value() == "standard"
    assert "3 frames" in control(panel, "summary", QLabel).text()


def test_the_window_needs_no_torch_before_it_computes() -> None:
    code = "import sys, napari_latentdyn.widgets.scene.widget; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "False", done.stderr
