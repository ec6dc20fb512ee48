"""Windows that close, themes that change, small screens, errors of the training and the disk."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Generator
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt, QThreadPool, QTimer
from qtpy.QtWidgets import QApplication, QComboBox, QMessageBox, QPushButton, QScrollArea
from tests.widgets.conftest import Images, Open
from tests.widgets.helpers import (
    PLUGIN,
    TINY,
    FakeFit,
    answer,
    control,
    failed,
    idle,
    made,
    press,
    put,
    run,
    status,
)

from napari_latentdyn.core.training.fit import Progress, fit
from napari_latentdyn.widgets.loss_plot import LossPlot

ENDLESS = {"training.steps": 100_000, "output.preview": True}


def no_worker_left(seconds: float = 5.0) -> bool:
    return bool(QThreadPool.globalInstance().waitForDone(int(seconds * 1000)))


def begin_endless(qtbot: Any, panel: Any) -> None:
    put(panel, ENDLESS)
    press(qtbot, panel, "train")
    qtbot.waitUntil(lambda: control(panel, "progress").value() >= 2, timeout=30_000)


def close_dock(qtbot: Any, panel: Any) -> None:
    close = panel.parent().titleBarWidget().findChild(QPushButton, "QTitleBarCloseButton")
    qtbot.mouseClick(close, Qt.MouseButton.LeftButton)


def test_dock_closed_while_training(open_window: Open, images: Images, qtbot: Any) -> None:
    fake = FakeFit()
    viewer, panel = open_window(*images, fit=fake)
    begin_endless(qtbot, panel)
    close_dock(qtbot, panel)
    qtbot.waitUntil(fake.done.is_set, timeout=5000)
    assert no_worker_left()
    qtbot.wait(300)
    assert [layer.name for layer in viewer.layers] == ["image 0", "image 1"]
    for image, layer in zip(images, viewer.layers, strict=True):
        np.testing.assert_array_equal(layer.data, image)


def test_viewer_closes_after_a_dock_was_closed_and_opened_again(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    """napari asks every worker that it ever started to quit."""
    viewer, panel = open_window(*images, fit=FakeFit(), show=True)
    run(qtbot, panel, "preview")
    close_dock(qtbot, panel)
    answer(qtbot, QMessageBox.StandardButton.Discard)
    deleted = weakref.ref(panel)
    del panel
    qtbot.waitUntil(lambda: gc.collect() >= 0 and deleted() is None)
    _, again = viewer.window.add_plugin_dock_widget(PLUGIN, "Learn dynamics")
    put(again, TINY)
    run(qtbot, again, "preview")
    # An error in a close event would abort the process, and fails this test.
    viewer.close()
    assert QThreadPool.globalInstance().waitForDone(5000)


def test_another_viewer_that_closes_does_not_leave_this_one_stuck(
    open_window: Open, images: Images, qtbot: Any, make_napari_viewer: Any
) -> None:
    """Whatever viewer is in front when a worker begins takes it along when it closes."""
    fake = FakeFit()
    viewer, panel = open_window(*images, fit=fake, show=True)
    other = make_napari_viewer(show=True)
    other.window.activate()
    begin_endless(qtbot, panel)
    other.close()
    assert no_worker_left()
    train = control(panel, "train", QPushButton)
    qtbot.waitUntil(train.isEnabled, timeout=10_000)
    assert "napari stopped the run" in status(panel)[0]
    assert [layer.name for layer in viewer.layers] == ["image 0", "image 1"]
    put(panel, {"training.steps": 4})
    run(qtbot, panel)
    assert len(made(viewer, "frames")) == 1


def test_dock_hidden_while_training_goes_on(open_window: Open, images: Images, qtbot: Any) -> None:
    fake = FakeFit()
    viewer, panel = open_window(*images, fit=fake)
    begin_endless(qtbot, panel)
    panel.parent().hide()
    before = control(panel, "progress").value()
    qtbot.waitUntil(lambda: control(panel, "progress").value() > before + 5)
    panel.parent().show()
    press(qtbot, panel, "cancel")
    qtbot.waitUntil(lambda: idle(panel), timeout=20_000)
    assert len(made(viewer, "frames")) == 1


def test_real_training_ends_with_its_dock(open_window: Open, images: Images, qtbot: Any) -> None:
    viewer, panel = open_window(*images)
    begin_endless(qtbot, panel)
    viewer.window.remove_dock_widget(panel)
    assert no_worker_left()
    qtbot.wait(300)
    assert [layer.name for layer in viewer.layers] == ["image 0", "image 1"]
    _, again = viewer.window.add_plugin_dock_widget("napari-latentdyn", "Learn dynamics")
    assert idle(again)


@pytest.mark.parametrize("real", [False, True])
def test_viewer_closed_while_training(
    open_window: Open, images: Images, qtbot: Any, real: bool
) -> None:
    fake = FakeFit()
    viewer, panel = open_window(*images, fit=None if real else fake, show=True)
    begin_endless(qtbot, panel)
    began = time.monotonic()
    viewer.close()
    assert no_worker_left()
    assert time.monotonic() - began < 5
    assert real or fake.done.is_set()
    qtbot.wait(200)


def test_memory_returns_when_the_widget_closes(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    kept: list[weakref.ref[Any]] = []

    def watched(*args: Any, **options: Any) -> Generator[Progress, None, Any]:
        dynamics = yield from fit(*args, **options)
        kept.extend(map(weakref.ref, (dynamics, dynamics.fitted.model, dynamics.fitted.checkpoint)))
        kept.append(weakref.ref(dynamics.observations.images))
        return dynamics

    viewer, panel = open_window(*images, fit=watched)
    run(qtbot, panel)
    gc.collect()
    assert all(ref() is not None for ref in kept), "to continue and to save"
    put(panel, {"training.seed": 1})
    run(qtbot, panel)
    gc.collect()
    assert [ref() is None for ref in kept] == [True] * 4 + [False] * 4, "only the last run is kept"
    viewer.window.remove_dock_widget(panel)

    def released() -> bool:
        gc.collect()
        return all(ref() is None for ref in kept)

    # The thread that trained ends on its own, and holds what it made until then.
    qtbot.waitUntil(released)
    kept.append(weakref.ref(panel))
    del panel
    qtbot.wait(50)
    gc.collect()
    assert kept[-1]() is None


def test_failed_trainings_leave_no_memory_behind(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    kept: list[weakref.ref[Any]] = []

    def broken(pair: Any, *_: Any, **__: Any) -> Generator[Progress, None, Any]:
        big = np.zeros(1000)
        kept.extend(map(weakref.ref, (big, pair.images[0])))
        yield Progress("prepare", 0, 1)
        raise RuntimeError("no")

    _, panel = open_window(*images, fit=broken)
    run(qtbot, panel)
    assert "no" in failed(panel)
    gc.collect()
    assert [ref() for ref in kept] == [None, None]


def test_theme_changes_while_open(open_window: Open, images: Images, qtbot: Any) -> None:
    viewer, panel = open_window(*images, fit=FakeFit(), show=True)
    begin_endless(qtbot, panel)
    plot = control(panel, "loss_plot", LossPlot).plot
    seen = []
    for theme in ("light", "dark", "light"):
        viewer.theme = theme
        seen.append(plot.backgroundBrush().color().lightness())
        qtbot.wait(120)
    assert seen[0] > 150 > 100 > seen[1]
    assert seen[2] == seen[0]
    put(panel, {"patches.stride": (64, 64)})
    press(qtbot, panel, "cancel")
    qtbot.waitUntil(lambda: not control(panel, "cancel", QPushButton).isEnabled(), timeout=20_000)
    assert status(panel)[1] == "error"
    light = control(panel, "status").styleSheet()
    viewer.theme = "dark"
    assert control(panel, "status").styleSheet() != light


def test_small_screen(open_window: Open, images: Images, qtbot: Any) -> None:
    viewer, panel = open_window(*images, fit=FakeFit(), show=True)
    window = viewer.window._qt_window
    window.resize(1366, 768)
    train, scroll = control(panel, "train", QPushButton), control(panel, "scroll", QScrollArea)
    advanced = control(panel, "advanced")

    def in_view(widget: Any) -> bool:
        return bool(widget.isVisible() and widget.visibleRegion().boundingRect() == widget.rect())

    def check() -> None:
        qtbot.wait(100)
        assert (window.width(), window.height()) == (1366, 768)
        for name in ("preview", "train", "cancel", "save", "status"):
            assert in_view(control(panel, name)), name
        bottom = train.mapTo(window, train.rect().bottomRight())
        assert window.rect().contains(bottom)
        # Nothing is cut off at the right, bar or no bar.
        assert scroll.widget().width() <= scroll.viewport().width()
        assert scroll.widget().minimumSizeHint().width() <= scroll.viewport().width()
        assert scroll.horizontalScrollBar().maximum() == 0

    check()
    advanced.expand()
    qtbot.waitUntil(lambda: scroll.verticalScrollBar().maximum() > 100)
    check()
    scroll.verticalScrollBar().setValue(scroll.verticalScrollBar().maximum())
    check()
    begin_endless(qtbot, panel)
    check()
    for name in ("loss_plot", "progress", "estimate"):
        assert in_view(control(panel, name)), name
    press(qtbot, panel, "cancel")
    qtbot.waitUntil(lambda: idle(panel), timeout=20_000)
    check()
    assert in_view(control(panel, "restart"))


def test_viewer_closed_while_looking_for_devices_is_about_to_begin(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    viewer, panel = open_window(*images, fit=FakeFit())
    devices = panel.findChild(QComboBox, "training.device")
    assert "looking for devices" in devices.itemText(0)
    taken = []

    def close() -> None:
        # The look is overdue: it is asked for now, and its thread has yet to begin.
        time.sleep(0.5)
        QApplication.processEvents()
        began = time.monotonic()
        viewer.close()
        taken.append(time.monotonic() - began)

    QTimer.singleShot(0, close)
    qtbot.waitUntil(lambda: len(taken) == 1, timeout=30_000)
    assert taken[0] < 4
    assert no_worker_left()
    qtbot.wait(100)


def test_devices_are_found_also_after_the_dock_was_closed_early(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    viewer, panel = open_window(*images, fit=FakeFit())
    viewer.window.remove_dock_widget(panel)
    qtbot.wait(500)
    devices = panel.findChild(QComboBox, "training.device")
    assert "looking for devices" in devices.itemText(0)
    viewer.window.add_dock_widget(panel, name="again")
    qtbot.waitUntil(lambda: "looking" not in devices.itemText(0), timeout=20_000)
    assert "available" in " ".join(devices.itemText(i) for i in range(devices.count()))


def test_a_long_series_fits_into_the_narrowest_panel(open_window: Open, images: Images) -> None:
    stack = np.resize(np.stack(images), (120, 48, 48))
    viewer, panel = open_window(stack, fit=FakeFit(), show=True)
    viewer.layers[0].units, viewer.layers[0].scale = ("minute", "pixel", "pixel"), (2, 1, 1)
    viewer.add_labels(np.eye(48, dtype=int), name="a layer of labels with a long name")
    assert control(panel, "image_count").text() == "120 images, 238 min"
    inside, view = control(panel, "scroll", QScrollArea).widget(), panel.view
    bar = view.scroll.verticalScrollBar().sizeHint().width()
    assert inside.minimumSizeHint().width() <= view.minimumSizeHint().width() - bar
