"""The form stays as it was left and begins as the preferences say; dialogs start in one folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QApplication,
    QComboBox,
    QDialog,
    QFileDialog,
    QListWidget,
    QMenu,
    QPushButton,
    QSpinBox,
    QStackedWidget,
)
from tests.conftest import dynamics_of
from tests.widgets.conftest import Images, Open
from tests.widgets.helpers import (
    PLUGIN,
    FakeFit,
    choose,
    chosen,
    control,
    idle,
    press,
    put,
    run,
    status,
)

from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.context import METADATA_KEY

Viewers = Callable[..., napari.Viewer]


@pytest.fixture
def page() -> Iterator[Any]:
    """The preferences of the plugin, which are the defaults again afterwards."""
    from napari.settings import get_plugin_settings

    settings = get_plugin_settings(PLUGIN)
    # napari saves at every change.
    assert str(settings.config_path).startswith(tempfile.gettempdir())
    yield settings.learning
    settings.reset()


def open_learn(viewer: napari.Viewer) -> Any:
    return viewer.window.add_plugin_dock_widget(PLUGIN, "Learn dynamics")[1]


def close_dock(qtbot: Any, panel: Any) -> None:
    """Press the cross in the title bar of the dock."""
    title = panel.parent().titleBarWidget()
    qtbot.mouseClick(
        title.findChild(QPushButton, "QTitleBarCloseButton"), Qt.MouseButton.LeftButton
    )
    QApplication.processEvents()


def test_images_that_are_there_already_fill_in_the_interval(
    make_napari_viewer: Viewers,
) -> None:
    viewer = make_napari_viewer()
    viewer.open_sample(PLUGIN, "sea_ice")
    panel = open_learn(viewer)
    assert control(panel, "images.interval").value() == 23
    assert control(panel, "images.interval_unit").value() == "hour"
    choose(panel, "preset", "quick")
    assert control(panel, "images.interval").value() == 23


def test_a_dock_that_is_opened_again_shows_the_form_as_it_was_left(
    make_napari_viewer: Viewers, images: Images, qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    for name, image in zip("abc", (*images, images[0]), strict=True):
        viewer.add_image(image, name=name)
    panel = open_learn(viewer)
    choose(panel, "last_image", "c")
    press(qtbot, panel, "swap")
    control(panel, "advanced").expand()
    # A stride beyond the patch is refused: the form is kept as it is, right or wrong.
    left = {"training.seed": 7, "model.stages": 3, "images.interval": 2.5}
    put(panel, {**left, "patches.stride": (64, 64), "images.interval_unit": "hour"})
    close_dock(qtbot, panel)

    again = open_learn(viewer)
    assert again is not panel
    assert chosen(again) == ("c", "a")
    for name, value in left.items():
        assert control(again, name).value() == value, name
    assert control(again, "images.interval_unit").value() == "hour"
    assert control(again, "advanced").isExpanded()
    assert control(again, "preset").value() == "custom"

    other = make_napari_viewer()
    assert control(open_learn(other), "training.seed").value() == 0, "another viewer"


def a_run(folder: Path, **changes: Any) -> Path:
    """Write a run folder of three frames with other settings than the default."""
    frames = np.random.default_rng(0).random((3, 20, 20)).astype(np.float32)
    velocity = np.zeros((2, 2, 20, 20), np.float32)
    settings = Settings.preset("quick").updated(changes)
    return dynamics_of(frames, velocity, settings=settings).save(folder)


def test_a_run_that_is_opened_again_brings_its_settings(
    make_napari_viewer: Viewers, images: Images, qtbot: Any, tmp_path: Path
) -> None:
    one = {"model.stages": 2, "training.seed": 11, "images.interval": 6.0}
    viewer = make_napari_viewer(show=True)
    for name, image in zip("ab", images, strict=True):
        viewer.add_image(image, name=name)
    panel = open_learn(viewer)
    viewer.open(str(a_run(tmp_path / "one", **one)), plugin=PLUGIN)
    assert {name: control(panel, name).value() for name in one} == one
    assert control(panel, "training.steps").value() == 0, "as the preset quick"
    assert status(panel) == ("The form shows the settings of the run one.", "info")
    assert chosen(panel) == ("a", "b")

    # What the user changed since then is kept; a run that was opened meanwhile is newer.
    put(panel, {"training.seed": 12})
    close_dock(qtbot, panel)
    panel = open_learn(viewer)
    assert control(panel, "training.seed").value() == 12
    close_dock(qtbot, panel)
    viewer.open(str(a_run(tmp_path / "two", **{"training.seed": 13})), plugin=PLUGIN)
    panel = open_learn(viewer)
    assert control(panel, "training.seed").value() == 13
    assert status(panel)[0] == "The form shows the settings of the run two."


def test_a_run_that_is_opened_while_one_trains_leaves_the_form_alone(
    open_form: Open, images: Images, qtbot: Any, tmp_path: Path
) -> None:
    fit = FakeFit(pause=0.02)
    viewer, panel = open_form(*images, fit=fit)
    before = control(panel, "training.seed").value()
    press(qtbot, panel, "train")
    qtbot.waitUntil(lambda: bool(fit.calls))
    viewer.open(str(a_run(tmp_path / "run", **{"training.seed": 11})), plugin=PLUGIN)
    assert control(panel, "training.seed").value() == before
    press(qtbot, panel, "cancel")
    qtbot.waitUntil(lambda: idle(panel))


def test_metadata_that_are_no_settings_leave_the_form_alone(
    make_napari_viewer: Viewers, images: Images
) -> None:
    viewer = make_napari_viewer(show=True)
    panel = open_learn(viewer)
    before = panel.view.form.value()
    for settings in (None, 3, {"model": {"stages": -1}}, {"unknown": 1}, "x" * 2000):
        mark = {"role": "frames", "run_id": "x", "folder": "/run", "settings": settings}
        viewer.add_image(images[0], metadata={METADATA_KEY: mark})
    assert panel.view.form.value() == before


def test_frames_of_a_stack_are_kept_with_the_form(
    make_napari_viewer: Viewers, images: Images, qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.add_image(np.stack([images[0]] * 6), name="stack")
    panel = open_learn(viewer)
    assert control(panel, "last_frame").value() == 6
    put(panel, {"first_frame": 2, "last_frame": 4})
    close_dock(qtbot, panel)
    again = open_learn(viewer)
    assert [control(again, f"{end}_frame").value() for end in ("first", "last")] == [2, 4]


def test_the_page_of_the_preferences_sets_the_form(
    make_napari_viewer: Viewers, page: Any, qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    dialog = open_preferences(qtbot)
    names = dialog.findChild(QListWidget, "Preferences")
    (row,) = (i for i in range(names.count()) if names.item(i).text() == "Latent Dynamics")
    names.setCurrentRow(row)
    shown = dialog.findChild(QStackedWidget).currentWidget()
    boxes = {
        tuple(box.itemText(i) for i in range(box.count())): box
        for box in shown.findChildren(QComboBox)
    }
    boxes["quick", "standard", "accurate", "paper"].setCurrentText("quick")
    boxes["auto", "cpu", "cuda", "mps"].setCurrentText("cpu")
    (threads,) = shown.findChildren(QSpinBox)
    threads.setValue(3)
    (ok,) = (button for button in dialog.findChildren(QPushButton) if button.text() == "OK")
    qtbot.mouseClick(ok, Qt.MouseButton.LeftButton)
    panel = open_learn(viewer)
    assert control(panel, "preset").value() in ("quick", "custom")
    assert control(panel, "training.steps").value() == 0
    assert control(panel, "training.device").value() == "cpu"
    assert control(panel, "training.threads").value() == 3


def open_preferences(qtbot: Any) -> QDialog:
    (action,) = (
        found
        for window in QApplication.topLevelWidgets()
        for menu in window.findChildren(QMenu)
        for found in menu.actions()
        if found.text() == "Preferences"
    )
    action.trigger()

    def dialogs() -> list[QDialog]:
        return [w for w in QApplication.topLevelWidgets() if w.windowTitle() == "Preferences"]

    qtbot.waitUntil(lambda: len(dialogs()) == 1)
    return dialogs()[0]


def test_file_dialogs_start_where_the_last_one_ended(
    open_window: Open,
    images: Images,
    qtbot: Any,
    tmp_path: Path,
    page: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[str] = []

    def reply(path: Path) -> Any:
        def answer(_: Any, __: str, start: str = "", *___: Any, **____: Any) -> tuple[str, str]:
            started.append(start)
            return str(path), ""

        return answer

    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    for folder in (first, second, third):
        folder.mkdir()
    viewer, panel = open_window(*images, fit=FakeFit())
    run(qtbot, panel)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", reply(first / "run"))
    press(qtbot, panel, "save")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", reply(second / "frames.ome.tif"))
    panel.findChild(QAction, "save_frames").trigger()
    assert Path(started[-1]).parent == first
    explore = viewer.window.add_plugin_dock_widget(PLUGIN, "Explore dynamics")[1]
    folder = reply(third / "run")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *given: folder(*given)[0])
    press(qtbot, explore, "open_run")
    assert Path(started[-1]) == second
    box = control(panel, "training.start_from")
    box.setCurrentIndex(box.count() - 1)
    assert Path(started[-1]) == third
    compare = viewer.window.add_plugin_dock_widget(PLUGIN, "Compare methods")[1]
    give_up = staticmethod(lambda *given, **_: (started.append(given[2]), ("", ""))[1])
    monkeypatch.setattr(QFileDialog, "getOpenFileName", give_up)
    press(qtbot, compare, "truth_file")
    assert Path(started[-1]) == third


def test_the_first_file_dialog_starts_in_the_folder_of_the_preferences(
    tmp_path: Path, page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari.utils.history import update_save_history

    from napari_latentdyn.widgets import file_dialogs

    monkeypatch.setattr(file_dialogs, "_Session", type("Session", (), {"folder": None}))
    update_save_history(str(tmp_path / "frames.ome.tif"))
    assert file_dialogs.last_folder() == tmp_path, "as napari's own dialogs"
    page.folder = str(tmp_path / "mine")
    assert file_dialogs.last_folder() == tmp_path, "a folder that is gone is passed over"
    (tmp_path / "mine").mkdir()
    assert file_dialogs.last_folder() == tmp_path / "mine"
    file_dialogs.remember_folder(tmp_path / "mine" / "deeper" / "run")
    assert file_dialogs.last_folder() == tmp_path / "mine"
