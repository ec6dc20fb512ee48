"""Take the pictures of the documentation in a real window.

    xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/screenshots.py [FOLDER]

Opens the bundled sea-ice pair, sets up the widget, trains, and shows the result.
Besides the pictures of the documentation (learn_setup, learn_training,
learn_result) it takes those by which a change is judged: both themes, a large
and a small screen; they go to FOLDER, if one is given.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import napari
from napari.settings import get_settings
from qtpy.QtCore import QEventLoop, QTimer
from qtpy.QtWidgets import QApplication, QComboBox, QProgressBar, QPushButton, QSpinBox, QWidget

PLUGIN = "napari-latentdyn"
IMAGES = Path(__file__).parents[1] / "docs" / "images"
SMALL, LARGE = (1366, 768), (1600, 1000)


def wait(seconds: float) -> None:
    loop = QEventLoop()
    QTimer.singleShot(int(1e3 * seconds), loop.quit)
    loop.exec()


def wait_until(done: Callable[[], bool], seconds: float = 600.0) -> None:
    for _ in range(int(seconds / 0.1)):
        if done():
            return
        wait(0.1)
    raise TimeoutError("the window did not get there in time")


def shot(viewer: napari.Viewer, path: Path, size: tuple[int, int] = SMALL) -> None:
    viewer.window.set_geometry(0, 0, *size)
    wait(1.0)
    viewer.screenshot(str(path), canvas_only=False, flash=False)
    print(path)


def main() -> None:
    extra = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    for folder in (IMAGES, extra):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
    get_settings().appearance.theme = "dark"
    viewer = napari.Viewer()
    viewer.window.set_geometry(0, 0, *SMALL)
    viewer.open_sample(PLUGIN, "sea_ice")
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Learn dynamics")
    panel.findChild(QComboBox, "preset").setCurrentText("quick")
    wait(5.0)
    shot(viewer, IMAGES / "learn_setup.png")
    if extra is not None:
        shot(viewer, extra / "setup_large.png", LARGE)
        viewer.theme = "light"
        shot(viewer, extra / "setup_light.png")
        viewer.theme = "dark"

    train, cancel = (panel.findChild(QPushButton, name) for name in ("train", "cancel"))
    steps = panel.findChild(QSpinBox, "training.steps")
    steps.setValue(60)
    train.click()
    progress = panel.findChild(QProgressBar, "progress")
    wait_until(lambda: progress.maximum() == 60 and progress.value() >= 30)
    shot(viewer, IMAGES / "learn_training.png")
    wait_until(lambda: not cancel.isEnabled() and train.isEnabled())
    for layer in viewer.layers[:2]:
        layer.visible = False
    viewer.dims.set_current_step(0, 2)
    wait(1.0)
    shot(viewer, IMAGES / "learn_result.png")
    if extra is not None:
        shot(viewer, extra / "result_large.png", LARGE)
        viewer.theme = "light"
        shot(viewer, extra / "result_light.png")
        advanced = panel.findChild(QWidget, "advanced")
        if hasattr(advanced, "expand"):
            advanced.expand(animate=False)
        shot(viewer, extra / "advanced_light.png", LARGE)
    QApplication.processEvents()
    viewer.close()


if __name__ == "__main__":
    main()
