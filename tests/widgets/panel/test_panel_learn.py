"""The normal way: choose, train, watch, cancel, continue, save."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog
from tests.widgets.panel.helpers import Panel, SteeredFit

from napari_latentdyn.widgets.state import State


def names(viewer: napari.Viewer) -> list[str]:
    return [layer.name for layer in viewer.layers]


def test_results_do_not_become_the_choice_when_an_image_goes(
    panel: Panel, viewer: napari.Viewer
) -> None:
    panel.train()
    viewer.layers.remove("ice 2")
    assert panel["last_image"].currentIndex() == -1
    assert not panel["train"].isEnabled()
    assert "last image" in panel.status


def test_the_worker_runs_in_a_thread_of_its_own_and_sees_the_settings(
    panel: Panel, steered: SteeredFit
) -> None:
    import threading

    panel["model.stages"].setValue(3)
    panel.train()
    _, settings, resume = steered.calls[0]
    assert steered.threads[0] is not threading.main_thread()
    assert settings.patches.size == (32, 32)
    assert settings.model.stages == 3
    assert resume is None


def test_other_settings_or_images_start_anew(
    panel: Panel, viewer: napari.Viewer, steered: SteeredFit, scene: Any
) -> None:
    panel["training.steps"].setValue(5000)
    panel.press("train")
    panel.wait_for(steered.training.is_set)
    panel.press("cancel")
    panel.wait_for_end()
    panel["training.steps"].setValue(5010)
    assert panel["train"].text() == "Continue"

    panel["model.stages"].setValue(5)
    assert panel["train"].text() == "Train"
    assert not panel["restart"].isVisibleTo(panel.widget)
    panel["model.stages"].setValue(4)
    assert panel["train"].text() == "Continue"
    panel.press("swap")
    assert panel["train"].text() == "Train"
    panel.press("swap")

    # Pixels that change in place tell nobody: it is noticed when training starts.
    viewer.layers["ice 2"].data[:] = np.roll(scene[1], 5, axis=0)
    steered.training.clear()
    panel.press("train")
    panel.wait_for(steered.training.is_set)
    panel.press("cancel")
    panel.wait_for_end()
    assert steered.calls[-1][2] is None
    assert "changed" in panel.status


def test_a_second_cancel_leaves_the_frames_out_but_keeps_the_checkpoint(
    panel: Panel, viewer: napari.Viewer, steered: SteeredFit
) -> None:
    panel["training.steps"].setValue(2000)
    steered.seconds_per_frame = 0.5
    panel.press("train")
    panel.wait_for(steered.training.is_set)
    panel.press("cancel")
    panel.wait_for(steered.rendering.is_set)
    job = panel.widget.controller.job
    panel.press("cancel")
    begun = steered.frames_begun
    assert job.ended.wait(5)
    assert steered.frames_begun == begun, "the frame that was begun is the last"
    panel.wait_for_end()
    assert "The frames were not computed" in panel.status
    assert "ice frames" not in names(viewer)
    assert panel["train"].text() == "Continue"
    assert not panel["save"].isEnabled()


def test_an_estimate_is_there_before_training_and_follows_the_settings(panel: Panel) -> None:
    panel.wait_for(lambda: "4 pairs of patches" in panel["estimate"].text())
    panel["patches.stride"].setValue((8, 16))
    panel.wait_for(lambda: "6 pairs of patches" in panel["estimate"].text())
    assert "MB" in panel["estimate"].text()


def test_devices_are_looked_for_in_the_background(panel: Panel) -> None:
    assert "looking for devices" in panel["training.device"].currentText()
    panel.wait_for(lambda: "looking" not in panel["training.device"].currentText())
    box = panel["training.device"]
    texts = [box.itemText(i) for i in range(box.count())]
    assert any(text.lower().startswith("cpu") and "free" in text for text in texts)
    box.setCurrentText("cpu")
    assert panel.widget.view.form.value().training.device == "cpu"


def test_the_interval_comes_from_the_layers_unless_the_user_gave_one(
    panel: Panel, viewer: napari.Viewer, scene: Any
) -> None:
    interval, unit = panel["images.interval"], panel["images.interval_unit"]
    assert interval.value() is None
    marked = viewer.add_image(
        scene[1], name="later", metadata={"latentdyn_interval": {"value": 23, "unit": "hour"}}
    )
    panel["last_image"].setCurrentText("later")
    assert (interval.value(), unit.value()) == (23.0, "hour")
    panel["last_image"].setCurrentText("ice 2")
    assert interval.value() is None
    interval.setValue(2.0)
    panel["last_image"].setCurrentText(marked.name)
    assert interval.value() == 2.0


def test_save_writes_what_the_dialog_chose(
    open_panel: Callable[..., Panel],
    viewer: napari.Viewer,
    scene: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    viewer.add_image(scene[0], name="ice 1")
    viewer.add_image(scene[1], name="ice 2")
    panel = open_panel()
    panel["preset"].setCurrentText("quick")
    panel["patches.size"].setValue((32, 32))
    panel["patches.stride"].setValue((16, 16))
    panel["model.stages"].setValue(2)
    panel["training.start_from"].setValue("scratch")
    panel["model.extractor_width"].setValue(1)
    panel["model.coarsening"].setValue(0)
    panel["training.steps"].setValue(2)
    panel["model.initial_fields"].setCurrentText("zero")
    assert not panel["save"].isEnabled()
    panel.press("train")
    panel.wait_for_end(120)
    assert panel.widget.controller.state is State.DONE, panel.status

    chosen = tmp_path / "run"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(chosen), ""))
    panel.press("save")
    report = json.loads((chosen / "report.json").read_text(encoding="utf-8"))
    assert report["inputs"][0]["name"] == "ice 1"
    assert report["steps"] == 2
    assert "Saved" in panel.status
    for kind, file in (("frames", "frames.ome.tif"), ("vectors", "arrows.csv")):
        chosen = tmp_path / file.split(".", maxsplit=1)[0]
        action = next(
            a for a in panel.widget.view._menu.actions() if a.objectName() == f"save_{kind}"
        )
        action.trigger()
        assert (tmp_path / file).is_file()

    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    before = sorted(tmp_path.iterdir())
    panel.press("save")
    assert sorted(tmp_path.iterdir()) == before
