"""A run folder to explore, and the window for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import pytest
from tests.widgets.explore.helpers import Explore, drift
from tests.widgets.helpers import PLUGIN


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of a drift by (2, -3) pixels in 12 hours."""
    return drift().save(tmp_path_factory.mktemp("runs") / "drift")


@pytest.fixture
def explore(make_napari_viewer: Callable[..., napari.Viewer]) -> Explore:
    def make() -> tuple[napari.Viewer, Any]:
        viewer = make_napari_viewer()
        _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Explore dynamics")
        return viewer, panel

    return make


@pytest.fixture
def seen_window(make_napari_viewer: Callable[..., napari.Viewer]) -> Explore:
    def make() -> tuple[napari.Viewer, Any]:
        # Only what is shown is drawn.
        viewer = make_napari_viewer(show=True)
        _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Explore dynamics")
        return viewer, panel

    return make
