"""A text on the canvas tells the hours of the time slider where hours are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari.components import ViewerModel
from tests.conftest import dynamics_of
from tests.widgets.explore.helpers import Explore, opened
from tests.widgets.helpers import made

from napari_latentdyn.viewer.layers import result_layers, update_or_add
from napari_latentdyn.viewer.timelabel import tell_time


def label(viewer: Any) -> str:
    overlay = viewer.canvas.overlays.text
    return str(overlay.text) if overlay.visible else ""


def show(viewer: Any, times: Any, **images: Any) -> Any:
    frames = np.random.default_rng(0).random((len(times), 20, 24), np.float32)
    velocity = np.ones((4, 2, 20, 24), np.float32)
    report = {}
    if images:
        unit = images.get("interval_unit", "hour")
        report["interval"] = {"value": float(images["interval"]), "unit": unit}
    made = dynamics_of(frames, velocity, report, times=np.asarray(times))
    made.name, made.run_id = "ice", "a run"
    return update_or_add(viewer, result_layers(made))[0]


def test_the_slider_of_a_run_tells_hours(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, _ = opened(explore, folder, qtbot, monkeypatch)
    told = []
    for step in (0, 4, 16):
        viewer.dims.set_current_step(0, step)
        told.append(label(viewer))
    assert told == ["0 h", "3 h", "12 h"]
    for role in ("frames", "fields"):
        viewer.layers.remove(made(viewer, role)[0])
    viewer.add_image(np.zeros((3, 64, 64)))
    assert label(viewer) == ""


def test_times_that_are_not_even_are_told_as_they_are() -> None:
    viewer = ViewerModel()
    show(viewer, [0, 0.1, 0.5, 1], interval=23.0, interval_unit="hour")
    told = []
    for step in range(4):
        viewer.dims.set_current_step(0, step)
        told.append(label(viewer))
    assert told == ["0 h", "2.3 h", "11.5 h", "23 h"]


def test_without_an_interval_and_over_a_text_of_the_user_nothing_is_written() -> None:
    viewer = ViewerModel()
    show(viewer, np.linspace(0, 1, 5))
    viewer.dims.set_current_step(0, 2)
    assert label(viewer) == ""
    show(viewer, np.linspace(0, 1, 5), interval=2.0, interval_unit="day")
    viewer.dims.set_current_step(0, 2)
    assert label(viewer) == "1 d"
    viewer.canvas.overlays.text.visible = False
    viewer.dims.set_current_step(0, 3)
    assert label(viewer) == "", "what the user hid stays hidden"
    viewer.canvas.overlays.text.text = "my title"
    viewer.canvas.overlays.text.visible = True
    viewer.dims.set_current_step(0, 4)
    assert label(viewer) == "my title"


def test_a_viewer_is_followed_once_and_not_kept() -> None:
    import gc
    import weakref

    viewer = ViewerModel()
    for _ in range(3):
        tell_time(viewer)
    kept = weakref.ref(viewer)
    del viewer
    gc.collect()
    assert kept() is None
