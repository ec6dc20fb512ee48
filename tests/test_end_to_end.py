"""The whole way as a user goes it, in a real window, knowing only the names of the controls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFileDialog, QPushButton, QSpinBox, QWidget

from napari_latentdyn.core.dynamics.result import Dynamics

PLUGIN = "napari-latentdyn"


def control(panel: QWidget, name: str, kind: type = QWidget) -> Any:
    found = panel.findChild(kind, name)
    assert found is not None, f"there is no {kind.__name__} named {name}"
    return found


def choose(panel: QWidget, name: str, text: str) -> None:
    box = control(panel, name, QComboBox)
    index = box.findText(text)
    assert index >= 0, [box.itemText(i) for i in range(box.count())]
    box.setCurrentIndex(index)
    box.activated.emit(index)


def put(panel: QWidget, name: str, *values: int) -> None:
    """Write numbers into the spin box, or boxes, of a setting."""
    holder = control(panel, name)
    boxes = [holder] if isinstance(holder, QSpinBox) else holder.findChildren(QSpinBox)
    assert len(boxes) == len(values), name
    for box, value in zip(boxes, values, strict=True):
        box.setValue(value)


def press(qtbot: Any, panel: QWidget, name: str) -> None:
    button = control(panel, name, QPushButton)
    qtbot.waitUntil(button.isEnabled, timeout=10_000)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.mark.parametrize(
    ("placing", "steps"),
    [
        ({}, 24),
        ({"scale": (2.5, 0.5), "translate": (100.0, -40.0), "rotate": 30.0}, 8),
        ({"affine": np.array([[1.5, 0.4, 7.0], [-0.3, 0.8, -5.0], [0.0, 0.0, 1.0]])}, 8),
    ],
    ids=["as opened", "scaled and turned", "affine"],
)
def test_open_train_cancel_resume_finish_scrub_save_close(
    make_napari_viewer: Callable[..., napari.Viewer],
    qtbot: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    placing: dict[str, Any],
    steps: int,
) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1366, 768)
    viewer.open_sample(PLUGIN, "translation_land")
    images = [layer for layer in viewer.layers if isinstance(layer, napari.layers.Image)]
    first, last = (layer for layer in images if layer.ndim == 2)
    for layer in (first, last):
        if placing:
            # A part of the images shows where they lie as well as the whole.
            layer.data = layer.data[:96, :128]
        for name, value in placing.items():
            setattr(layer, name, value)
    before = set(viewer.layers)
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Learn dynamics")

    choose(panel, "first_image", first.name)
    choose(panel, "last_image", last.name)
    choose(panel, "preset", "quick")
    put(panel, "patches.size", 64, 64)
    put(panel, "patches.stride", 32, 32)
    put(panel, "training.steps", steps)
    train, cancel = (control(panel, name, QPushButton) for name in ("train", "cancel"))
    progress = control(panel, "progress")
    qtbot.waitUntil(train.isVisible, timeout=10_000)
    assert not train.visibleRegion().isEmpty()

    press(qtbot, panel, "train")
    qtbot.waitUntil(
        lambda: (
            progress.isVisible() and progress.maximum() == steps and progress.value() >= steps // 2
        ),
        timeout=120_000,
    )
    press(qtbot, panel, "cancel")
    qtbot.waitUntil(lambda: not cancel.isEnabled() and train.isEnabled(), timeout=60_000)
    assert train.text() == "Continue"
    made = [layer for layer in viewer.layers if layer not in before]
    assert made, "what was learned is shown"

    press(qtbot, panel, "train")
    qtbot.waitUntil(cancel.isEnabled, timeout=20_000)
    qtbot.waitUntil(lambda: not cancel.isEnabled() and train.isEnabled(), timeout=120_000)
    results = [layer for layer in viewer.layers if layer not in before]
    frames = next(layer for layer in results if isinstance(layer, napari.layers.Image))
    arrows = next(layer for layer in results if isinstance(layer, napari.layers.Vectors))
    assert len(results) == 2, [layer.name for layer in results]
    assert frames.axis_labels[0] == "t"
    assert arrows.ndim == 3

    # Corners and an inner pixel lie where those of the input lie.
    height, width = first.data.shape
    for place in ((0, 0), (0, width - 1), (height - 1, 0), (height - 1, width - 1), (11, 23)):
        np.testing.assert_allclose(
            frames.data_to_world((0, *place))[1:], first.data_to_world(place), atol=1e-6
        )
        np.testing.assert_allclose(
            arrows.data_to_world((0, *place))[1:], first.data_to_world(place), atol=1e-6
        )
    # The ends are encoded and decoded, too: fine detail may differ by a few percent.
    for shown_end, image in ((frames.data[0], first.data), (frames.data[-1], last.data)):
        np.testing.assert_allclose(shown_end, image, atol=0.05)
        assert np.abs(shown_end - image).mean() < 0.005

    shown = []
    for step in range(frames.data.shape[0]):
        viewer.dims.set_current_step(0, step)
        qtbot.wait(20)
        shown.append(np.asarray(frames._data_view).copy())
    assert len({image.tobytes() for image in shown}) == frames.data.shape[0]

    target = tmp_path / "run"
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", staticmethod(lambda *_, **__: (str(target), ""))
    )
    press(qtbot, panel, "save")
    qtbot.waitUntil(lambda: (target / "report.json").exists(), timeout=20_000)
    run = Dynamics.load(target)
    assert run.report.steps == steps
    assert run.report.stopped_early is False
    np.testing.assert_array_equal(run.frames(), frames.data)

    viewer.layers.clear()
    opened = viewer.open(target, plugin=PLUGIN)
    assert {layer._type_string for layer in opened} == {"image", "vectors"}
    np.testing.assert_allclose(
        opened[0].data_to_world((0, 11, 23)), frames.data_to_world((0, 11, 23)), atol=1e-6
    )
    viewer.close()
