"""The dock "Large scene", and a scene that is small, but is matched like a large one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import pytest
import tifffile
from tests.core.scene.conftest import REDUCED, waves
from tests.widgets.helpers import PLUGIN

from napari_latentdyn.core.scene import request

Opened = tuple[napari.Viewer, Any]


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request, "_WHOLE", REDUCED)


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Two images of 260 x 230 pixels: six tiles of 128."""
    folder = tmp_path_factory.mktemp("pair")
    names = folder / "monday.tif", folder / "tuesday.tif"
    for name, time in zip(names, (0.0, 1.0), strict=True):
        tifffile.imwrite(name, waves(time), tile=(64, 64))
    return str(names[0]), str(names[1])


@pytest.fixture
def open_scene(make_napari_viewer: Callable[..., napari.Viewer]) -> Callable[[], Opened]:
    """Open a window with the dock; a second call opens the dock again."""
    viewers: list[napari.Viewer] = []

    def make() -> Opened:
        if not viewers:
            viewers.append(make_napari_viewer(show=True))
        _, panel = viewers[0].window.add_plugin_dock_widget(PLUGIN, "Large scene")
        return viewers[0], panel

    return make


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "drift"
