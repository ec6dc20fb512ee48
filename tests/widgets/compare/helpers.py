"""What the tests of CompareMethods share: a scene, and ways to reach the controls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import napari
import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QPushButton, QTableWidget
from tests.widgets.helpers import control

from napari_latentdyn.core.baselines import BASELINES

Make = Callable[..., tuple[napari.Viewer, Any]]


def scene(time: float, side: int = 48) -> NDArray[np.float32]:
    """A blob that moves right by 8 pixels over a gentle slope."""
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    blob = np.exp(-((rows - 24) ** 2 + (columns - 18 - 8 * time) ** 2) / 40)
    return (100 * blob + 0.2 * rows).astype(np.float32)


def check(panel: Any, *names: str) -> None:
    for name in (*BASELINES, "quick", "standard", "accurate", "paper"):
        panel.view.choose_method(name, name in names)


def press(qtbot: Any, panel: Any) -> None:
    control(panel, "compare", QPushButton).click()
    idle = control(panel, "cancel", QPushButton)
    qtbot.waitUntil(lambda: not idle.isEnabled(), timeout=60_000)


def cells(panel: Any) -> list[list[str]]:
    table = control(panel, "table", QTableWidget)
    return [
        [table.item(row, column).text() for column in range(table.columnCount())]
        for row in range(table.rowCount())
    ]


def made(viewer: Any) -> dict[str, Any]:
    found = {}
    for layer in viewer.layers:
        role = layer.metadata.get("latentdyn", {}).get("role", "")
        if role.startswith("compare_"):
            found[role.removeprefix("compare_")] = layer
    return found
