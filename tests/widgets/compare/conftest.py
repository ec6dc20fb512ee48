"""A window with the panel "Compare methods"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import napari
import numpy as np
import pytest
from tests.widgets.compare.helpers import Make, scene
from tests.widgets.helpers import PLUGIN


@pytest.fixture
def window(make_napari_viewer: Callable[..., napari.Viewer]) -> Make:
    def make(*, truth: bool = True) -> tuple[napari.Viewer, Any]:
        viewer = make_napari_viewer()
        viewer.add_image(scene(0), name="first", scale=(2, 2))
        viewer.add_image(scene(1), name="last", scale=(2, 2))
        if truth:
            stack = np.stack([scene(t) for t in np.linspace(0, 1, 5)])
            viewer.add_image(stack, name="truth", scale=(1, 2, 2))
        _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Compare methods")
        return viewer, panel

    return make
