"""The normal way: choose, train, watch, cancel, continue, save."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pytest
from napari.layers import Image, Vectors
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QPoint
from qtpy.QtWidgets import QFileDialog, QWidget
from tests.widgets.panel.helpers import Panel, SteeredFit

from napari_latentdyn.settings import Settings
from napari_latentdyn.widgets.preview import Preview
from napari_latentdyn.widgets.state import State


def names(viewer: napari.Viewer) -> list[str]:
    return [layer.name for layer in viewer.layers]


def test_two_images_are_chosen_in_their_order_and_can_be_swapped(panel: Panel) -> None:
    assert panel["first_image"].currentText() == "ice 1"
    assert panel["last_image"].currentText() == "ice 2"
    panel.press("swap")
    assert panel["first_image"].currentText() == "ice 2"
    assert panel["last_image"].currentText() == "ice 1"
    assert panel["train"].isEnabled()


def test_choosers_follow_the_layers_of_the_viewer(
    panel: Panel, viewer: napari.Viewer, scene: Any
) -> None:
    box = panel["last_image"]

    def offered() -> list[str]:
        return [box.itemText(i) for i in range(box.count())]

    viewer.add_labels(np.zeros((48, 48), int), name="labels")
    viewer.add_image(scene[0], name="ice 3")
    assert offered() == ["ice 1", "ice 2", "ice 3"]
    viewer.layers["ice 2"].name = "renamed"
    assert box.currentText() == "renamed"
    viewer.layers.move(0, 2)
    assert offered() == ["renamed", "ice 1", "ice 3"]
    assert box.currentText() == "renamed"
    viewer.layers.remove("renamed")
    assert box.currentText() == "ice 3"
    assert panel["first_image"].currentText() == "ice 1"


def test_training_shows_progress_and_ends_in_layers(
    panel: Panel, viewer: napari.Viewer, steered: SteeredFit
) -> None:
    steered.seconds_per_step = 0.02
    panel.press("train")
    panel.wait_for(lambda: "step" in panel.status)
    assert not panel["train"].isEnabled()
    assert panel["progress"].isVisibleTo(panel.widget)
    assert panel["loss_plot"].isVisibleTo(panel.widget)
    panel.wait_for(lambda: panel["progress"].value() > 5)
    assert panel["progress"].maximum() == 30
    panel.wait_for_end()

    assert panel.widget.controller.state is State.DONE
    assert panel.status.startswith("Done: 30 steps")
    frames, arrows = viewer.layers["ice frames"], viewer.layers["ice motion"]
    assert isinstance(frames, Image)
    assert frames.data.shape == (5, 48, 48)
    assert isinstance(arrows, Vectors)
    assert viewer.dims.current_step[0] == 0
    assert viewer.dims.axis_labels[0] == "t"
    assert panel["loss_plot"].points("total")[0][-1] == 30
    assert panel["train"].text() == "Train"
    # What the plugin made is offered, but never chosen by itself.
    assert panel["first_image"].currentText() == "ice 1"
    assert panel["last_image"].currentText() == "ice 2"


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


def test_a_second_run_renews_its_layers_unless_they_are_to_be_kept(
    panel: Panel, viewer: napari.Viewer
) -> None:
    panel.train()
    first = names(viewer)
    panel["model.stages"].setValue(6)
    panel.train()
    assert names(viewer) == first
    assert viewer.layers["ice frames"].data.shape[0] == 7
    panel["output.keep_previous"].setChecked(True)
    panel.train()
    assert len(names(viewer)) == len(first) + 2


def test_latent_states_come_as_a_layer_when_they_are_wanted(
    panel: Panel, viewer: napari.Viewer
) -> None:
    panel["output.latents"].setChecked(True)
    panel.train()
    assert "ice latent states" in names(viewer)


def test_cancel_acts_within_a_second_keeps_what_was_learned_and_continues(
    panel: Panel, viewer: napari.Viewer, steered: SteeredFit
) -> None:
    panel["training.steps"].setValue(2000)
    steered.seconds_per_step = 0.01
    panel.press("train")
    panel.wait_for(steered.training.is_set)
    began = time.monotonic()
    panel.press("cancel")
    assert steered.rendering.wait(5)
    assert time.monotonic() - began < 1.0
    panel.wait_for_end()
    assert panel.widget.controller.state is State.CANCELLED
    assert "Stopped after" in panel.status
    assert "ice frames" in names(viewer)
    assert panel["train"].text() == "Continue"
    assert panel["restart"].isVisibleTo(panel.widget)

    done = panel["loss_plot"].points("total")[0][-1]
    panel["training.steps"].setValue(done + 20)
    panel["training.threads"].setValue(1)
    panel["output.frames"].setValue(2)
    assert panel["train"].text() == "Continue"
    panel.train()
    assert steered.calls[1][2]["step"] >= done
    assert panel["loss_plot"].points("total")[0][-1] == done + 20
    assert panel.status.startswith(f"Done: {done + 20} steps")
    assert panel["train"].text() == "Train"


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


def test_start_anew_forgets_what_was_learned(panel: Panel, steered: SteeredFit) -> None:
    panel["training.steps"].setValue(2000)
    steered.seconds_per_step = 0.005
    panel.press("train")
    panel.wait_for(steered.training.is_set)
    panel.press("cancel")
    panel.wait_for_end()
    panel["training.steps"].setValue(2001)
    panel.press("restart")
    panel.wait_for(lambda: len(steered.calls) == 2)
    assert steered.calls[1][2] is None
    panel.press("cancel")
    panel.wait_for_end()


def test_a_second_cancel_leaves_the_frames_out_but_keeps_the_checkpoint(
    panel: Panel, viewer: napari.Viewer, steered: SteeredFit
) -> None:
    panel["training.steps"].setValue(2000)
    steered.seconds_per_frame = 0.5
    panel.press("train")
    panel.wait_for(steered.training.is_set)
    panel.press("cancel")
    panel.wait_for(steered.rendering.is_set)
    job = panel.widget.controller.leash.job
    began = time.monotonic()
    panel.press("cancel")
    assert job.ended.wait(5)
    # Half a second of it is the frame that was begun.
    assert time.monotonic() - began < 1.5
    panel.wait_for_end()
    assert "left out" in panel.status
    assert "ice frames" not in names(viewer)
    assert panel["train"].text() == "Continue"
    assert not panel["save"].isEnabled()


def test_a_training_that_runs_refuses_a_second_one(panel: Panel, steered: SteeredFit) -> None:
    panel["training.steps"].setValue(5000)
    panel.press("train")
    panel.wait_for(steered.training.is_set)
    assert not panel["train"].isEnabled()
    told: list[Any] = []
    notification_manager.notification_ready.connect(told.append)
    panel.widget.train()
    notification_manager.notification_ready.disconnect(told.append)
    assert ["running already" in str(note.message) for note in told] == [True]
    panel.press("cancel")
    panel.wait_for_end()
    assert len(steered.calls) == 1


def test_the_live_preview_is_one_layer_and_lies_on_the_inputs(
    panel: Panel, viewer: napari.Viewer, steered: SteeredFit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Preview, "INTERVAL", 0.0)
    for layer in viewer.layers:
        layer.scale, layer.rotate, layer.translate = (2.0, 3.0), 30.0, (5.0, -7.0)
    first = viewer.layers["ice 1"]
    first.contrast_limits = (10, 200)
    viewer.layers.selection.active = first
    steered.seconds_per_step = 0.02
    panel["training.steps"].setValue(5000)
    panel.press("train")
    panel.wait_for(lambda: Preview.NAME in names(viewer))
    preview = viewer.layers[Preview.NAME]
    data = preview.data
    panel.wait_for(lambda: preview.data is not data)
    assert names(viewer).count(Preview.NAME) == 1
    assert tuple(preview.contrast_limits) == (10, 200)
    assert viewer.layers.selection.active is first
    for corner in ((0.0, 0.0), (47.0, 0.0), (11.0, 30.0)):
        assert np.allclose(preview.data_to_world(corner), first.data_to_world(corner))
    assert panel["first_image"].findText(Preview.NAME) == -1

    panel["output.preview"].setChecked(False)
    assert Preview.NAME not in names(viewer)
    panel["output.preview"].setChecked(True)
    panel.wait_for(lambda: Preview.NAME in names(viewer))
    panel.press("cancel")
    panel.wait_for_end()
    assert Preview.NAME not in names(viewer)


def test_a_preview_that_the_user_deletes_stays_away(
    panel: Panel, viewer: napari.Viewer, steered: SteeredFit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Preview, "INTERVAL", 0.0)
    steered.seconds_per_step = 0.02
    panel["training.steps"].setValue(5000)
    panel.press("train")
    panel.wait_for(lambda: Preview.NAME in names(viewer))
    viewer.layers.remove(Preview.NAME)
    seen = panel["progress"].value()
    panel.wait_for(lambda: panel["progress"].value() > seen + 15)
    assert Preview.NAME not in names(viewer)
    panel.press("cancel")
    panel.wait_for_end()


def test_presets_set_the_form_and_own_values_are_called_custom(panel: Panel) -> None:
    panel["preset"].setCurrentText("paper")
    assert panel["physics.transport"].currentText() == "stages"
    steps = panel["training.steps"].value()
    assert steps == Settings.preset("paper").training.steps
    assert panel["preset"].currentText() == "paper"
    panel["training.steps"].setValue(steps + 1)
    assert panel["preset"].currentText() == "custom"
    panel["training.steps"].setValue(steps)
    assert panel["preset"].currentText() == "paper"
    assert panel["preset"].findText("custom") == -1


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


def test_the_plot_follows_the_theme(panel: Panel, viewer: napari.Viewer) -> None:
    colours = []
    for theme in ("dark", "light"):
        viewer.theme = theme
        colours.append(panel["loss_plot"].plot.backgroundBrush().color().lightness())
    assert colours[0] < 80
    assert colours[1] > 180


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
    assert report["inputs"]["first"]["name"] == "ice 1"
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


def test_train_is_always_in_view_on_a_small_screen(
    make_napari_viewer: Callable[..., napari.Viewer], qtbot: Any, steered: SteeredFit, scene: Any
) -> None:
    from napari_latentdyn.widgets.learn import LearnDynamicsWidget

    viewer = make_napari_viewer(show=True)
    window = viewer.window._qt_window
    window.resize(1366, 768)
    for image in scene:
        viewer.add_image(image)
    widget = LearnDynamicsWidget(viewer, steered)
    viewer.window.add_dock_widget(widget, name="Learn dynamics", area="right", tabify=False)
    panel = Panel(widget, qtbot)
    panel["loss_plot"].show()
    panel["progress"].show()
    widget.view.form.advanced.expand()
    qtbot.wait(200)
    assert (window.width(), window.height()) == (1366, 768)
    assert widget.width() < 400
    frame = window.rect()
    for name in ("train", "cancel", "save", "status", "progress"):
        control = panel[name]
        for corner in (control.rect().topLeft(), control.rect().bottomRight()):
            assert frame.contains(control.mapTo(window, corner)), name
    scroll = widget.view.scroll
    assert scroll.height() > 150
    assert scroll.verticalScrollBar().maximum() > 500
    assert scroll.horizontalScrollBar().maximum() == 0
    inside = scroll.widget()
    for control in inside.findChildren(QWidget):
        if control.isVisibleTo(inside):
            right = control.mapTo(inside, QPoint(control.width(), 0)).x()
            assert right <= inside.width(), control.objectName()
