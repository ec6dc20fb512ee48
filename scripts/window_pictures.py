"""Take pictures of Explore, Export and Compare, driven by the names of their controls.

    xvfb-run -a -s "-screen 0 1920x1080x24" python scripts/window_pictures.py FOLDER

FOLDER gets each window in both themes and on two screens, by which a change is
judged; three of the pictures go into the documentation.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import napari
import PIL.Image
from napari.settings import get_settings
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QDialog, QWidget
from screenshots import IMAGES, PLUGIN, wait, wait_until

SIZES = ((1366, 768), (1920, 1080))
THEMES = ("dark", "light")
#: Pictures of the documentation, by name, theme and width.
SHOWN = {"explore": "explore_dark_1366", "compare": "compare_dark_1366", "export": "export_dark"}


def find(panel: QWidget, name: str) -> Any:
    found = panel.findChild(QWidget, name)
    assert found is not None, name
    return found


def press(panel: QWidget, name: str) -> None:
    find(panel, name).click()
    wait(0.5)
    wait_until(lambda: not find(panel, "cancel").isEnabled())
    wait(0.5)


def pictures(viewer: napari.Viewer, folder: Path, name: str) -> None:
    for theme in THEMES:
        viewer.theme = theme
        for width, height in SIZES:
            viewer.window.set_geometry(0, 0, width, height)
            wait(1.0)
            viewer.reset_view()
            wait(0.5)
            path = folder / f"{name}_{theme}_{width}.png"
            viewer.screenshot(str(path), canvas_only=False, flash=False)
            print(path)


def scroll_to(panel: QWidget, name: str) -> None:
    find(panel, "scroll").ensureWidgetVisible(find(panel, name))
    wait(0.3)


def opened(widget: str) -> tuple[napari.Viewer, QWidget]:
    viewer = napari.Viewer()
    viewer.window.set_geometry(0, 0, *SIZES[0])
    viewer.open_sample(PLUGIN, "rotation_cracks")
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, widget)
    wait(2.0)
    return viewer, panel


def explore(folder: Path) -> None:
    viewer, learn = opened("Learn dynamics")
    press(learn, "preview")
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Explore dynamics")
    wait_until(lambda: find(panel, "draw_frames").isEnabled())
    press(panel, "draw_frames")
    find(panel, "maps.kind").setCurrentText("vorticity")
    wait(1.0)
    wait_until(lambda: not find(panel, "cancel").isEnabled())
    for layer in viewer.layers:
        role = layer.metadata.get("latentdyn", {}).get("role")
        layer.visible = role in ("frames", "fields", "map")
    viewer.dims.set_current_step(0, 8)
    pictures(viewer, folder, "explore")

    find(panel, "maps.kind").setCurrentText("none")
    find(panel, "streamlines.shown").setChecked(True)
    wait(1.0)
    wait_until(lambda: not find(panel, "cancel").isEnabled())
    press(panel, "place_grid")
    press(panel, "carry")
    find(panel, "profile.cursor").setChecked(True)
    viewer.cursor.position = (4.0, 60.0, 60.0)
    scroll_to(panel, "show_latents")
    pictures(viewer, folder, "tracers")

    find(panel, "export").click()
    dialog: Any = panel.findChild(QDialog, "export_dialog")
    find(dialog, "export.format").setCurrentText("Movie (MP4)")
    find(dialog, "export.path").setText(str(Path("~/rotation.mp4")))
    for theme in THEMES:
        viewer.theme = theme
        find(dialog, "export.close").click()
        find(panel, "export").click()
        wait(1.0)
        path = folder / f"export_{theme}.png"
        dialog.grab().save(str(path))
        print(path)
    dialog.close()
    viewer.close()


def compare(folder: Path) -> None:
    viewer, panel = opened("Compare methods")
    truth: QComboBox = find(panel, "truth")
    stacks = [layer.name for layer in viewer.layers if layer.ndim == 3]
    index = next(i for i in range(truth.count()) if truth.itemText(i) in stacks)
    truth.setCurrentIndex(index)
    methods = find(panel, "methods")
    for row in range(methods.count()):
        item = methods.item(row)
        slow = item.text().startswith("Learned") and "quick" not in item.text()
        item.setCheckState(Qt.CheckState.Unchecked if slow else Qt.CheckState.Checked)
    press(panel, "compare")
    viewer.dims.set_current_step(0, 4)
    scroll_to(panel, "table")
    pictures(viewer, folder, "compare")
    viewer.close()


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    get_settings().appearance.theme = "dark"
    wanted = sys.argv[2:] or ["explore", "compare"]
    if "explore" in wanted:
        explore(folder)
    if "compare" in wanted:
        compare(folder)
    for name, picture in SHOWN.items():
        if (folder / f"{picture}.png").exists():
            with PIL.Image.open(folder / f"{picture}.png") as shown:
                shown.convert("RGB").quantize(256).save(IMAGES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
