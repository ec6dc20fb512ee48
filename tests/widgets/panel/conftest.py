"""The panel in a window, with two images and a training that can be steered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import napari
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.widgets.panel.helpers import Panel, SteeredFit

from napari_latentdyn.widgets.learn import LearnDynamicsWidget

Scene = tuple[NDArray[np.uint8], NDArray[np.uint8]]


@pytest.fixture
def scene(drifting: Callable[[float], NDArray[np.uint8]]) -> Scene:
    """Two images of 48 x 48 pixels."""
    return drifting(0.0)[:48, :48].copy(), drifting(1.0)[:48, :48].copy()


@pytest.fixture
def steered() -> SteeredFit:
    return SteeredFit()


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., napari.Viewer]) -> napari.Viewer:
    return make_napari_viewer()


@pytest.fixture
def open_panel(viewer: napari.Viewer, qtbot: Any) -> Callable[..., Panel]:
    """Dock the widget in the viewer, with another training if one is given."""

    def opened(fit: Any = None) -> Panel:
        widget = LearnDynamicsWidget(viewer, fit)
        viewer.window.add_dock_widget(widget, name="Learn dynamics", area="right", tabify=False)
        return Panel(widget, qtbot)

    return opened


@pytest.fixture
def panel(
    viewer: napari.Viewer,
    open_panel: Callable[..., Panel],
    steered: SteeredFit,
    scene: Scene,
) -> Panel:
    """The widget with two images, small patches, few steps, and the steered training."""
    for number, image in enumerate(scene, start=1):
        viewer.add_image(image.copy(), name=f"ice {number}")
    opened = open_panel(steered)
    opened["patches.size"].setValue((32, 32))
    opened["patches.stride"].setValue((16, 16))
    opened["model.stages"].setValue(4)
    opened["training.steps"].setValue(30)
    return opened
