"""Windows with two images in them."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pytest
from napari.components import ViewerModel
from npe2 import PluginManifest
from numpy.typing import NDArray
from qtpy.QtWidgets import QFileDialog, QWidget
from tests.widgets.helpers import (
    PLUGIN,
    TINY,
    FakeFit,
    put,
)

from napari_latentdyn.widgets.learn import LearnDynamicsWidget

Images = tuple[NDArray[np.uint8], NDArray[np.uint8]]
Open = Callable[..., tuple[Any, Any]]


@pytest.fixture(scope="session")
def window_count() -> Iterator[Iterator[int]]:
    """Count the tests of windows."""
    import napari._qt.qt_main_window  # noqa: F401
    import torch  # noqa: F401

    yield itertools.count()
    gc.unfreeze()


@pytest.fixture(autouse=True)
def frozen_libraries(window_count: Iterator[int]) -> None:
    """Spare collecting what libraries made when they were imported and first used.

    napari's fixture collects garbage before and after each window, and would walk
    through a quarter of a million objects that stay until the end.
    """
    if next(window_count).bit_count() < 2:
        gc.collect()
        gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def known_plugins() -> Iterator[None]:
    """Read the manifests of all installed plugins once, not for each window."""
    found = list(PluginManifest.discover())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PluginManifest, "discover", lambda paths=(): iter(found))
        yield


@pytest.fixture
def images(drifting: Callable[[float], NDArray[np.uint8]]) -> Images:
    """Two images of 48 x 48 pixels."""
    return drifting(0.0)[:48, :48].copy(), drifting(1.0)[:48, :48].copy()


@pytest.fixture
def open_window(make_napari_viewer: Callable[..., napari.Viewer]) -> Open:
    """Open a viewer with layers and the widget, which trains with `fit` or really."""

    def make(
        *arrays: Any, fit: FakeFit | Callable[..., Any] | None = None, show: bool = False
    ) -> tuple[napari.Viewer, QWidget]:
        viewer = make_napari_viewer(show=show)
        for number, array in enumerate(arrays):
            viewer.add_image(array, name=f"image {number}")
        panel: QWidget
        if fit is None:
            _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Learn dynamics")
        else:
            panel = LearnDynamicsWidget(viewer, fit=fit)
            viewer.window.add_dock_widget(panel, name="Learn dynamics")
        put(panel, TINY)
        return viewer, panel

    return make


@pytest.fixture
def open_form(qtbot: Any) -> Open:
    """Open the widget with layers of a viewer that has no window.

    It says and does the same, and napari does not draw the layers.
    """

    def make(
        *arrays: Any, fit: FakeFit | Callable[..., Any] | None = None
    ) -> tuple[ViewerModel, QWidget]:
        viewer = ViewerModel()
        for number, array in enumerate(arrays):
            viewer.add_image(array, name=f"image {number}")
        panel = LearnDynamicsWidget(viewer, fit=fit)
        qtbot.addWidget(panel)
        put(panel, TINY)
        return viewer, panel

    return make


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path | str], list[str]]:
    """Set what the user answers when asked for a folder; return where the questions began."""

    def give(path: Path | str) -> list[str]:
        asked: list[str] = []

        def reply(_: Any, __: str, beside: str) -> str:
            asked.append(beside)
            return str(path)

        monkeypatch.setattr(QFileDialog, "getExistingDirectory", reply)
        return asked

    return give
