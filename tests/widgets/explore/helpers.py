"""What the tests of ExploreDynamics share: a drift, and ways to reach the controls."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QFileDialog, QPushButton
from tests.widgets.helpers import control, made

from napari_latentdyn import Dynamics, fit_pair

Explore = Callable[[], tuple[napari.Viewer, Any]]


def drift(**changes: Any) -> Dynamics:
    random = np.random.default_rng(0)
    wide = random.normal(size=(80, 80))
    for axis in (0, 1):
        wide = sum(np.roll(wide, s, axis) for s in range(-2, 3)) / 5
    first, last = wide[10:74, 10:74], wide[8:72, 13:77]
    return fit_pair(
        first,
        last,
        preset="quick",
        interval=12.0,
        interval_unit="hour",
        pixel_size=50.0,
        units="meter",
        **changes,
    )


def opened(explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any) -> tuple[Any, Any]:
    viewer, panel = explore()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    control(panel, "open_run", QPushButton).click()
    qtbot.waitUntil(lambda: bool(made(viewer, "frames")) and ready(panel), timeout=30_000)
    return viewer, panel


def ready(panel: Any) -> bool:
    return not control(panel, "cancel", QPushButton).isEnabled()


def told(panel: Any) -> tuple[str, str]:
    status = control(panel, "status")
    return html.unescape(status.text()), status.property("severity")


def press(panel: Any, name: str) -> None:
    control(panel, name, QPushButton).click()


def grey(viewer: Any) -> NDArray[np.float64]:
    """The canvas as it is seen."""
    picture: NDArray[np.uint8] = viewer.screenshot(canvas_only=True, flash=False)
    return picture[..., :3].astype(float)
