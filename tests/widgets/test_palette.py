"""Every command that napari's palette lists does something sensible without arguments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pytest
from npe2 import PluginManager
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QFileDialog, QLineEdit, QMenu
from tests.widgets.conftest import Images, Open
from tests.widgets.helpers import PLUGIN, FakeFit, made, run

Viewers = Callable[..., napari.Viewer]


@pytest.fixture
def execute(qtbot: Any) -> Callable[[str], None]:
    """Type a command into the palette and press the return key."""

    def typed(text: str) -> None:
        (action,) = (
            found
            for window in QApplication.topLevelWidgets()
            for menu in window.findChildren(QMenu)
            for found in menu.actions()
            if "command palette" in found.text().lower()
        )
        action.trigger()
        lines = [
            line
            for window in QApplication.topLevelWidgets()
            for line in window.findChildren(QLineEdit)
            if line.isVisible() and "Command" in type(line).__name__
        ]
        qtbot.keyClicks(lines[0], text)
        qtbot.keyClick(lines[0], Qt.Key.Key_Return)

    return typed


def messages() -> list[str]:
    from napari.utils.notifications import notification_manager

    return [record.message for record in notification_manager.records]


@pytest.fixture(autouse=True)
def no_messages() -> None:
    from napari.utils.notifications import notification_manager

    notification_manager.records.clear()


def test_a_run_folder_is_opened_from_the_palette(
    open_window: Open,
    images: Images,
    qtbot: Any,
    tmp_path: Path,
    execute: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    viewer, panel = open_window(*images, fit=FakeFit(), show=True)
    run(qtbot, panel)
    panel.save_run(tmp_path / "run")
    viewer.layers.clear()
    asked: list[str] = []
    reply = [str(tmp_path / "run"), str(tmp_path), ""]

    def ask(_: Any, title: str, *__: Any) -> str:
        asked.append(title)
        return reply[len(asked) - 1]

    monkeypatch.setattr(QFileDialog, "getExistingDirectory", ask)
    execute("Open a run folder")
    assert asked == ["Open a run folder"]
    assert len(made(viewer, "frames")) == 1
    viewer.layers.clear()
    # A folder that is none is told, and nothing happens to who gives up.
    execute("Open a run folder")
    assert len(asked) == 2
    assert messages()
    told = len(messages())
    execute("Open a run folder")
    assert len(asked) == 3
    assert len(messages()) == told
    assert not viewer.layers


def test_the_selected_layer_is_saved_from_the_palette(
    make_napari_viewer: Viewers,
    tmp_path: Path,
    execute: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    viewer = make_napari_viewer(show=True)
    layer = viewer.add_image(np.arange(64.0).reshape(8, 8), name="a/b")
    asked: list[str] = []

    def ask(_: Any, __: str, suggestion: str, *___: Any, **____: Any) -> tuple[str, str]:
        asked.append(Path(suggestion).name)
        return str(tmp_path / "saved.ome.tif"), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", ask)
    command = "Save an image as OME-TIFF with scale, units and times"
    execute(command)
    assert asked == ["a_b.ome.tif"]
    assert (tmp_path / "saved.ome.tif").is_file()
    viewer.layers.selection.clear()
    execute(command)
    assert asked == ["a_b.ome.tif"]
    assert "select" in messages()[-1]
    assert layer in viewer.layers


@pytest.mark.parametrize("with_layers", [False, True])
def test_no_reader_or_writer_needs_arguments(
    make_napari_viewer: Viewers, with_layers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = make_napari_viewer()
    if with_layers:
        viewer.add_image(np.zeros((8, 8)))
        viewer.add_vectors(np.zeros((3, 2, 2)))
        viewer.layers.select_all()
    give_up = staticmethod(lambda *_, **__: ("", ""))
    for name in ("getSaveFileName", "getOpenFileName"):
        monkeypatch.setattr(QFileDialog, name, give_up)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    plugins = PluginManager.instance()
    contributions = plugins.get_manifest(PLUGIN).contributions
    shown_by_others = {widget.command for widget in contributions.widgets or ()}
    shown_by_others |= {sample.command for sample in contributions.sample_data or ()}
    called = [c.id for c in contributions.commands or () if c.id not in shown_by_others]
    assert len(called) == 8
    for command in called:
        assert not plugins.commands.execute(command)
    assert bool(messages()) is not with_layers
