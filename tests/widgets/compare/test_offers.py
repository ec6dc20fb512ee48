"""What CompareMethods offers by itself: true frames, results that are there, known times."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog, QLabel, QLineEdit, QPushButton, QTableWidget
from tests.widgets.compare.helpers import Make, cells, check, made, press, scene
from tests.widgets.explore.helpers import drift
from tests.widgets.helpers import PLUGIN, choose, control

from napari_latentdyn.viewer.cache import RESULTS
from napari_latentdyn.viewer.samples import INTERVAL_KEY


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of a drift."""
    return drift().save(tmp_path_factory.mktemp("runs") / "drift")


@pytest.fixture
def of_drift(
    make_napari_viewer: Callable[..., napari.Viewer], folder: Path
) -> tuple[napari.Viewer, Any]:
    """The two images of the run folder and the panel."""
    from napari_latentdyn import Dynamics

    viewer = make_napari_viewer()
    pair = Dynamics.load(folder).observations
    viewer.add_image(pair.images[0][0], name="first")
    viewer.add_image(pair.images[1][0], name="last")
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Compare methods")
    return viewer, panel


def offered(panel: Any) -> list[str]:
    methods = control(panel, "methods")
    return [methods.item(row).text() for row in range(methods.count())]


def forbid_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(*_: Any, **__: Any) -> None:
        raise AssertionError("nothing is trained")

    monkeypatch.setattr("napari_latentdyn.core.training.fit.fit", fit)


def test_the_true_frames_of_a_sample_are_proposed(
    make_napari_viewer: Callable[..., napari.Viewer],
) -> None:
    viewer = make_napari_viewer()
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Compare methods")
    viewer.open_sample(PLUGIN, "rotation_cracks")
    truth = control(panel, "truth")
    assert truth.currentText().endswith("true frames")
    # What the user chooses stays, as long as the images do.
    choose(panel, "truth", "none")
    viewer.add_image(np.zeros((3, 20, 20)), name="another")
    assert truth.currentText() == "none"
    first = control(panel, "first_image").currentText()
    choose(panel, "first_image", control(panel, "last_image").currentText())
    choose(panel, "first_image", first)
    assert truth.currentText() == "none"


def test_a_stack_of_other_images_is_not_proposed(window: Make) -> None:
    viewer, panel = window()
    assert control(panel, "truth").currentText() == "truth"
    viewer.layers["truth"].data = np.stack([scene(t) for t in (0.1, 0.5, 1)])
    viewer.add_image(scene(0.2), name="later")
    choose(panel, "first_image", "later")
    assert control(panel, "truth").currentText() == "none"


def test_times_are_in_hours_where_the_images_tell_hours(window: Make, qtbot: Any) -> None:
    viewer, panel = window()
    viewer.layers["last"].metadata[INTERVAL_KEY] = {"value": 12.0, "unit": "hour"}
    choose(panel, "first_image", "first")
    viewer.layers["truth"].name = "seen"
    assert "Times (hour)" in [label.text() for label in panel.findChildren(QLabel)]
    assert "such as 3, 6" in control(panel, "truth_times").toolTip()
    check(panel, "dissolve")
    press(qtbot, panel)
    plot = control(panel, "plot")
    assert plot.curves["Cross-dissolve"][0].tolist() == [3, 6, 9]
    assert plot.plot.getPlotItem().getAxis("bottom").labelText == "time (hour)"
    assert "3 true frames at 3, 6, 9 hours, assumed evenly" in control(panel, "status").text()
    assert made(viewer)["dissolve"].scale[0] == 3
    control(panel, "truth_times", QLineEdit).setText("1.2, 6, 10.8")
    press(qtbot, panel)
    np.testing.assert_allclose(plot.curves["Cross-dissolve"][0], [1.2, 6, 10.8])
    control(panel, "truth_times", QLineEdit).setText("1, 13, 2")
    press(qtbot, panel)
    said = control(panel, "status").text()
    assert "Enter times in hours from 0 to 12 separated by commas, e.g. 3, 6." in said


def test_headings_are_words_that_fit_and_explain_themselves(window: Make, qtbot: Any) -> None:
    _, panel = window()
    check(panel, "dissolve", "flow")
    press(qtbot, panel)
    table = control(panel, "table", QTableWidget)
    heads = [table.horizontalHeaderItem(column) for column in range(table.columnCount())]
    texts = [head.text().replace("-\n", "").replace("\n", " ") for head in heads]
    assert texts == [
        *("method", "PSNR (dB)", "SSIM", "edge error", "end error (%)"),
        *("halfway error (%)", "intensity off (%)", "time (s)"),
    ]
    for head in heads:
        assert head.toolTip().count(" ") > 3
    metrics = table.fontMetrics()
    for column, head in enumerate(heads):
        widest = max(metrics.horizontalAdvance(line) for line in head.text().split("\n"))
        assert table.columnWidth(column) >= widest
    assert sum(table.columnWidth(c) for c in range(len(heads))) <= table.viewport().width()


def test_a_narrow_dock_grows_until_the_table_fits(make_napari_viewer: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.window.set_geometry(0, 0, 1366, 768)
    for name, time in (("first", 0), ("last", 1)):
        viewer.add_image(scene(time), name=name)
    viewer.window.add_plugin_dock_widget(PLUGIN, "Learn dynamics")
    qtbot.wait(100)
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Compare methods")
    check(panel, "dissolve", "advection", "transport-entropic")
    press(qtbot, panel)
    table = control(panel, "table", QTableWidget)
    shown = table.viewport().width
    qtbot.waitUntil(lambda: sum(map(table.columnWidth, range(table.columnCount()))) <= shown())
    longest = table.fontMetrics().horizontalAdvance("transport-")
    assert table.columnWidth(0) >= longest


def test_a_run_folder_is_compared_without_training(
    of_drift: tuple[napari.Viewer, Any],
    folder: Path,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    viewer, panel = of_drift
    forbid_training(monkeypatch)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    check(panel, "dissolve")
    control(panel, "add_result", QPushButton).click()
    assert offered(panel)[0] == "Result: drift"
    control(panel, "frames").setValue(3)
    press(qtbot, panel)
    assert sorted(row[0] for row in cells(panel)) == ["Result: drift", "dissolve"]
    (row,) = (row for row in cells(panel) if row[0] == "Result: drift")
    assert float(row[4]) < 20, "it has the field of the run"
    (layer,) = (layer for layer in viewer.layers if layer.name == "Result: drift")
    assert layer.data.shape == (5, 64, 64)
    assert layer.visible


def test_a_result_of_this_window_is_offered_and_compared(
    of_drift: tuple[napari.Viewer, Any], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, panel = of_drift
    assert not any(text.startswith("Result") for text in offered(panel))
    dynamics = drift()
    RESULTS["a run"] = dynamics
    frames = dynamics.frames()
    mark = {"run_id": "a run", "role": "frames", "times": np.linspace(0, 1, len(frames)).tolist()}
    viewer.add_image(frames, name="ice frames", metadata={"latentdyn": mark})
    assert offered(panel)[0] == "Result: ice"
    forbid_training(monkeypatch)
    check(panel)
    panel.view.choose_method("result a run")
    press(qtbot, panel)
    assert [row[0] for row in cells(panel)] == ["Result: ice"]
    viewer.layers.remove("ice frames")
    assert not any(text.startswith("Result: ice") for text in offered(panel))


def test_a_result_of_other_images_is_refused_in_one_sentence(
    window: Make, folder: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, panel = window(truth=False)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    check(panel)
    control(panel, "add_result", QPushButton).click()
    press(qtbot, panel)
    assert control(panel, "status").property("severity") == "error"
    assert "must be of these images" in control(panel, "status").text()


def test_what_is_no_run_folder_is_told(
    window: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, panel = window(truth=False)
    before = offered(panel)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    control(panel, "add_result", QPushButton).click()
    assert control(panel, "status").property("severity") == "error"
    assert offered(panel) == before
