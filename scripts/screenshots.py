"""Take the pictures of windows in the documentation.

    xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/screenshots.py

Drives the windows of the plugin on its samples, and writes to docs/images.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import napari
from napari.settings import get_settings
from PIL import Image
from qtpy.QtCore import QEventLoop, Qt, QTimer
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QSpinBox,
    QWidget,
)
from superqt import QCollapsible

PLUGIN = "napari-latentdyn"
IMAGES = Path(__file__).parents[1] / "docs" / "images"
SIZE = (1366, 768)

Widget = TypeVar("Widget", bound=QWidget)


def wait(seconds: float) -> None:
    loop = QEventLoop()
    QTimer.singleShot(int(1e3 * seconds), loop.quit)
    loop.exec()


def wait_until(done: Callable[[], bool], seconds: float = 600.0) -> None:
    for _ in range(int(seconds / 0.1)):
        wait(0.1)
        if done():
            return
    raise TimeoutError("the window did not get there in time")


def shot(viewer: napari.Viewer, name: str) -> None:
    wait(1.0)
    picture = Image.fromarray(viewer.screenshot(canvas_only=False, flash=False)).convert("RGB")
    if name != "explore":  # A palette halves the size, but colour bars would show steps.
        picture = picture.quantize(256)
    picture.save(IMAGES / f"{name}.png", optimize=True)
    print(name, flush=True)


def find(panel: QWidget, kind: type[Widget], name: str) -> Widget:
    found = panel.findChild(kind, name)
    if found is None:
        raise LookupError(f"the panel has no control '{name}'")
    return found


def idle(panel: QWidget) -> bool:
    return not find(panel, QPushButton, "cancel").isEnabled()


def open_sample(viewer: napari.Viewer, sample: str) -> None:
    viewer.layers.clear()
    viewer.open_sample(PLUGIN, sample)
    viewer.reset_view()


def learn_panel(viewer: napari.Viewer, sample: str, preset: str) -> QWidget:
    open_sample(viewer, sample)
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Learn dynamics")
    find(panel, QComboBox, "preset").setCurrentText(preset)
    return panel


def train(panel: QWidget) -> None:
    find(panel, QPushButton, "train").click()
    wait_until(lambda: idle(panel))


def explorer_of(viewer: napari.Viewer, hidden: slice) -> QWidget:
    """Show the result without some of the layers, and return the panel that explores it."""
    for layer in viewer.layers[hidden]:
        layer.visible = False
    _, explorer = viewer.window.add_plugin_dock_widget(PLUGIN, "Explore dynamics", tabify=True)
    maps = find(explorer, QComboBox, "maps.kind")
    wait_until(lambda: maps.isEnabled() and idle(explorer))
    return explorer


def learn(viewer: napari.Viewer) -> None:
    """Match the sea-ice pair, and train on it."""
    panel = learn_panel(viewer, "sea_ice", "quick")
    devices = find(panel, QComboBox, "training.device")
    wait_until(lambda: "looking" not in devices.currentText())
    wait(3.0)
    shot(viewer, "learn_setup")
    train(panel)
    for layer in viewer.layers[:2]:
        layer.visible = False
    viewer.dims.set_current_step(0, 2)
    shot(viewer, "learn_result")

    open_sample(viewer, "sea_ice")
    find(panel, QSpinBox, "training.steps").setValue(60)
    find(panel, QPushButton, "train").click()
    wait_until(lambda: "step 12 of 60" in find(panel, QLabel, "status").text())
    shot(viewer, "learn_training")
    find(panel, QPushButton, "cancel").click()
    wait_until(lambda: idle(panel))


def explore(viewer: napari.Viewer) -> None:
    """Show the vorticity of the pack of ice that turns, and the dialog of exports."""
    panel = learn_panel(viewer, "rotation_cracks", "standard")
    train(panel)
    explorer = explorer_of(viewer, slice(4))
    maps = find(explorer, QComboBox, "maps.kind")
    maps.setCurrentIndex(maps.findText("vorticity"))
    wait_until(lambda: idle(explorer))
    viewer.dims.set_current_step(0, 4)
    shot(viewer, "explore")
    find(explorer, QPushButton, "export").click()
    dialog = find(explorer, QDialog, "export_dialog")
    formats = find(dialog, QComboBox, "export.format")
    formats.setCurrentIndex(formats.findText("MP4", Qt.MatchFlag.MatchContains))
    find(dialog, QLineEdit, "export.path").setText("~/rotation.mp4")
    wait(1.0)
    dialog.grab().save(str(IMAGES / "export.png"))
    dialog.close()


def compare(viewer: napari.Viewer) -> None:
    """Compare seven methods on the pack of ice that turns."""
    open_sample(viewer, "rotation_cracks")
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Compare methods")
    wait(3.0)
    methods = find(panel, QListWidget, "methods")
    for row in range(7):
        methods.item(row).setCheckState(Qt.CheckState.Checked)
    find(panel, QPushButton, "compare").click()
    wait_until(lambda: idle(panel))
    viewer.dims.set_current_step(0, 4)
    shot(viewer, "compare")


def series(viewer: napari.Viewer) -> None:
    """Learn from the series of rain radar, and show a frame between two images."""
    panel = learn_panel(viewer, "rain", "standard")
    train(panel)
    viewer.dims.set_current_step(0, 20)
    shot(viewer, "series")


def known(viewer: napari.Viewer) -> None:
    """Match ice past a coast with a mask and the tracks of buoys."""
    panel = learn_panel(viewer, "coast_buoys", "quick")
    find(panel, QCollapsible, "known").expand(animate=False)
    for layer, role in (("coast", "still (land)"), ("buoys", "tracks")):
        find(panel, QComboBox, "known.add_layer").setCurrentText(layer)
        find(panel, QComboBox, "known.add_role").setCurrentText(role)
        find(panel, QPushButton, "known.add").click()
        wait(1.0)
    find(panel, QSpinBox, "known.hold_back").setValue(25)
    wait(1.0)
    train(panel)
    viewer.dims.set_current_step(0, 4)
    shot(viewer, "known")


def uncertainty(viewer: napari.Viewer) -> None:
    """Show standard deviations as circles around the arrows of ice past a coast."""
    panel = learn_panel(viewer, "coast_buoys", "quick")
    train(panel)
    explorer = explorer_of(viewer, slice(-2))
    circles = find(explorer, QComboBox, "arrows.uncertainty")
    circles.setCurrentIndex(circles.findText("10", Qt.MatchFlag.MatchStartsWith))
    wait_until(lambda: "circles" in viewer.layers[-1].name and idle(explorer))
    viewer.dims.set_current_step(0, 1)
    shot(viewer, "uncertainty")


def main() -> None:
    get_settings().appearance.theme = "dark"
    for take in (learn, explore, compare, series, known, uncertainty):
        viewer = napari.Viewer()
        viewer.window.set_geometry(0, 0, *SIZE)
        take(viewer)
        viewer.close()


if __name__ == "__main__":
    main()
