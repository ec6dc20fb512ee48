"""The widgets of the plugin share one place in the window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import napari
from qtpy.QtWidgets import QDockWidget, QMainWindow
from tests.widgets.helpers import PLUGIN


def test_widgets_become_tabs_of_each_other_and_of_nothing_else(
    make_napari_viewer: Callable[..., napari.Viewer], qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    window = viewer.window
    docks = [window.add_plugin_dock_widget(PLUGIN, "Learn dynamics")[0]]
    main = docks[0].parent()
    assert isinstance(main, QMainWindow)
    for name in ("Explore dynamics", "Compare methods", "Large scene"):
        docks.append(window.add_plugin_dock_widget(PLUGIN, name)[0])
        beside = docks[:-1]
        qtbot.waitUntil(lambda beside=beside: set(beside) <= tabs(main, docks[-1]))
    for dock in docks:
        assert tabs(main, dock) == set(docks) - {dock}, "napari's own docks stay alone"
    docks[0].raise_()
    qtbot.waitUntil(docks[0].isVisible)


def test_a_widget_that_was_taken_out_stays_out(
    make_napari_viewer: Callable[..., napari.Viewer], qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    first = viewer.window.add_plugin_dock_widget(PLUGIN, "Explore dynamics")[0]
    first.setFloating(True)
    second = viewer.window.add_plugin_dock_widget(PLUGIN, "Compare methods")[0]
    qtbot.wait(100)
    assert not tabs(second.parent(), second)
    first.setFloating(False)
    first.hide()
    first.show()
    qtbot.wait(100)
    assert not tabs(second.parent(), second), "only once, when it is new"


def tabs(window: Any, dock: QDockWidget) -> set[QDockWidget]:
    return set(window.tabifiedDockWidgets(dock))
