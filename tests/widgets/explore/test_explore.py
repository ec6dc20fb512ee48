"""ExploreDynamics in a real window, driven by its object names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog, QPushButton
from tests.widgets.conftest import Images, Open
from tests.widgets.explore.helpers import Explore, drift, opened, press, ready, told
from tests.widgets.helpers import PLUGIN, control, made, run


def test_without_a_result_there_is_nothing_to_press(explore: Explore) -> None:
    _, panel = explore()
    assert not control(panel, "draw_frames", QPushButton).isEnabled()
    assert "Find the motion between two images first" in told(panel)[0]


def test_frames_of_a_run_folder_are_drawn_as_finely_as_one_likes(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, panel = opened(explore, folder, qtbot, monkeypatch)
    assert made(viewer, "frames")[0].data.shape == (17, 64, 64)
    control(panel, "frames.count").setValue(30)
    press(panel, "draw_frames")
    qtbot.waitUntil(lambda: len(made(viewer, "frames")[0].data) == 32, timeout=30_000)
    qtbot.waitUntil(lambda: ready(panel))
    assert "32 frames computed" in told(panel)[0]
    (frames,) = made(viewer, "frames")
    assert tuple(frames.scale) == pytest.approx((12 / 31, 50.0, 50.0))
    assert [str(unit) for unit in frames.units] == ["hour", "meter", "meter"]
    (arrows,) = made(viewer, "fields")
    assert len(np.unique(arrows.data[:, 0, 0])) == 32


def test_maps_follow_what_is_chosen_and_go(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, panel = opened(explore, folder, qtbot, monkeypatch)
    control(panel, "maps.kind").setCurrentText("speed")
    qtbot.waitUntil(lambda: bool(made(viewer, "map")) and ready(panel))
    (layer,) = made(viewer, "map")
    assert layer.name == "drift speed (meter/hour)"
    drift = np.hypot(2, 3) * 50 / 12
    assert np.median(layer.data) == pytest.approx(drift, rel=0.05)
    scales = {entry.title: entry for entry in control(panel, "legend").scales}
    length = made(viewer, "fields")[0].length
    arrows = scales[f"Arrows {length:g} x their length: speed"]
    assert scales["Speed"].unit == arrows.unit == "meter/hour"
    assert drift < arrows.high < 1.3 * drift
    layers = viewer.layers
    assert layers.index(layer) < layers.index(made(viewer, "fields")[0])
    control(panel, "maps.kind").setCurrentText("vorticity")
    qtbot.waitUntil(lambda: made(viewer, "map")[0].name == "drift vorticity (1/hour)")
    assert made(viewer, "map")[0].contrast_limits[0] < 0
    control(panel, "maps.axes").setChecked(True)
    qtbot.waitUntil(lambda: bool(made(viewer, "strain_axes")) and ready(panel))
    control(panel, "maps.axes").setChecked(False)
    control(panel, "maps.kind").setCurrentText("none")
    qtbot.waitUntil(lambda: not made(viewer, "map") and not made(viewer, "strain_axes"))


def test_arrows_change_density_length_and_colour(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, panel = opened(explore, folder, qtbot, monkeypatch)
    before = len(made(viewer, "fields")[0].data)
    control(panel, "arrows.spacing").setValue(16)
    control(panel, "arrows.length").setValue(2.0)
    control(panel, "arrows.colour").setCurrentText("direction")
    qtbot.waitUntil(lambda: len(made(viewer, "fields")[0].data) < before)
    (arrows,) = made(viewer, "fields")
    qtbot.waitUntil(lambda: arrows.length == 2.0)
    assert tuple(arrows.edge_contrast_limits) == (-180.0, 180.0)
    assert np.ptp(arrows.edge_color, axis=0).max() < 0.5, "one drift has one colour"


def test_the_legend_tells_how_long_arrows_are_drawn(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, panel = opened(explore, folder, qtbot, monkeypatch)

    def titles() -> list[str]:
        return [entry.title for entry in control(panel, "legend").scales]

    control(panel, "arrows.length").setValue(7.0)
    qtbot.waitUntil(lambda: "Arrows 7 x their length: speed" in titles())
    # In the controls of the layer, too.
    made(viewer, "fields")[0].length = 3
    assert "Arrows 3 x their length: speed" in titles()


def test_arrows_where_nothing_shows_the_motion_are_hidden_unless_they_are_wanted(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, panel = opened(explore, folder, qtbot, monkeypatch)
    hide = control(panel, "arrows.hide_doubtful")
    assert hide.isChecked()
    (frames,), (arrows,) = made(viewer, "frames"), made(viewer, "fields")
    flat = np.asarray(frames.data).copy()
    flat[:, :, 32:] = flat.mean()
    frames.data = flat
    hide.click()
    qtbot.waitUntil(lambda: ready(panel) and arrows.data[:, 0, 2].max() > 50)
    every = len(arrows.data)
    hide.click()
    qtbot.waitUntil(lambda: ready(panel) and made(viewer, "fields")[0].data[:, 0, 2].max() < 40)
    (arrows,) = made(viewer, "fields")
    assert 0.4 * every < len(arrows.data) < 0.65 * every
    assert arrows.features["confidence"].min() >= 0.2


def test_tracers_placed_at_the_slider_are_carried_back_and_forth(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, panel = opened(explore, folder, qtbot, monkeypatch)
    press(panel, "carry")
    assert told(panel)[1] == "error"
    viewer.dims.set_current_step(0, 8)
    press(panel, "place_points")
    (points,) = made(viewer, "tracer_points")
    assert points.mode == "add"
    points.add([30.0, 30.0])
    press(panel, "carry")
    qtbot.waitUntil(lambda: bool(made(viewer, "tracers")) and ready(panel))
    (tracks,) = made(viewer, "tracers")
    data = np.asarray(tracks.data)
    assert len(data) == 17
    way = data[-1, 2:] - data[0, 2:]
    np.testing.assert_allclose(np.abs(way), [2, 3], atol=0.2)
    np.testing.assert_allclose(data[8, 2:], [30, 30], atol=1e-6)
    press(panel, "place_grid")
    press(panel, "carry")
    qtbot.waitUntil(lambda: len(np.unique(made(viewer, "tracers")[0].data[:, 0])) > 20)
    assert len(made(viewer, "tracers")) == 1


def test_streamlines_come_and_go(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, panel = opened(explore, folder, qtbot, monkeypatch)
    control(panel, "streamlines.shown").setChecked(True)
    qtbot.waitUntil(lambda: bool(made(viewer, "streamlines")))
    control(panel, "streamlines.shown").setChecked(False)
    qtbot.waitUntil(lambda: not made(viewer, "streamlines"))


def test_frames_that_were_deleted_come_back_below_the_rest(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, panel = opened(explore, folder, qtbot, monkeypatch)
    below = viewer.add_image(np.zeros((64, 64)), name="mine")
    viewer.layers.move(viewer.layers.index(below), 0)
    viewer.layers.remove(made(viewer, "frames")[0])
    control(panel, "frames.count").setValue(3)
    press(panel, "draw_frames")
    qtbot.waitUntil(lambda: bool(made(viewer, "frames")) and ready(panel), timeout=30_000)
    control(panel, "maps.kind").setCurrentText("speed")
    qtbot.waitUntil(lambda: bool(made(viewer, "map")) and ready(panel))
    order = [made(viewer, role)[0] for role in ("frames", "map", "fields")]
    assert list(viewer.layers) == [below, *order]


def test_what_the_user_deletes_is_chosen_no_more(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, panel = opened(explore, folder, qtbot, monkeypatch)
    control(panel, "maps.kind").setCurrentText("speed")
    control(panel, "streamlines.shown").setChecked(True)
    qtbot.waitUntil(lambda: bool(made(viewer, "map") and made(viewer, "streamlines")))
    qtbot.waitUntil(lambda: ready(panel))
    viewer.layers.remove(made(viewer, "map")[0])
    viewer.layers.remove(made(viewer, "streamlines")[0])
    qtbot.waitUntil(lambda: control(panel, "maps.kind").currentText() == "none")
    assert not control(panel, "streamlines.shown").isChecked()
    control(panel, "maps.kind").setCurrentText("speed")
    qtbot.waitUntil(lambda: bool(made(viewer, "map")) and ready(panel))
    qtbot.wait(400)
    assert control(panel, "maps.kind").currentText() == "speed"
    assert not made(viewer, "streamlines")


def test_tracers_outside_of_the_image_are_told(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, panel = opened(explore, folder, qtbot, monkeypatch)
    press(panel, "place_points")
    (points,) = made(viewer, "tracer_points")
    points.add(np.array([[30.0, 30.0], [-20.0, -20.0], [200.0, 50.0]]))
    press(panel, "carry")
    qtbot.waitUntil(lambda: bool(made(viewer, "tracers")) and ready(panel))
    text = told(panel)[0]
    assert text.startswith("1 tracer carried. 2 outside the image have no path.")


def test_latent_channels_stand_side_by_side(
    explore: Explore, tmp_path: Path, qtbot: Any, monkeypatch: Any
) -> None:
    # A learned prior has twelve channels, and each place of a grid takes napari its time.
    few = drift(start_from="scratch", steps=1, latent_channels=3)
    viewer, panel = opened(explore, few.save(tmp_path / "drift"), qtbot, monkeypatch)
    viewer.canvas.grid.stride, viewer.canvas.grid.shape = 2, (1, 3)
    press(panel, "show_latents")
    qtbot.waitUntil(lambda: viewer.canvas.grid.enabled, timeout=30_000)
    channels = [layer for layer in viewer.layers if "latent channel" in layer.name]
    assert len(channels) == 4
    (frames,), (arrows,) = made(viewer, "frames"), made(viewer, "fields")
    assert viewer.canvas.grid.shape == (-1, -1)
    assert not frames.visible
    button = control(panel, "show_latents", QPushButton)
    assert button.text() == "Back to the frames"
    status = control(panel, "status")
    assert told(panel)[0] == '4 channels side by side. Press "Back to the frames" to return.'
    button.click()
    assert status.text() == "Your layers are visible again."
    assert not viewer.canvas.grid.enabled
    assert (viewer.canvas.grid.stride, viewer.canvas.grid.shape) == (2, (1, 3))
    assert frames.visible
    assert arrows.visible
    assert not any(layer.visible for layer in channels)
    # Channels of other times would leave steps of the slider without a frame.
    control(panel, "frames.count").setValue(2)
    press(panel, "draw_frames")
    qtbot.waitUntil(lambda: len(made(viewer, "frames")[0].data) == 4, timeout=30_000)
    assert not any("latent channel" in layer.name for layer in viewer.layers)
    button.click()
    qtbot.waitUntil(lambda: viewer.canvas.grid.enabled, timeout=30_000)
    channels = [layer for layer in viewer.layers if "latent channel" in layer.name]
    assert len(channels[0].data) == 4
    for layer in channels:
        if layer in viewer.layers:
            viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: frames.visible)
    assert not viewer.canvas.grid.enabled
    assert button.text() == "Show the latent channels"


def test_a_result_just_made_can_be_explored(open_window: Open, images: Images, qtbot: Any) -> None:
    viewer, panel = open_window(*images)
    _, explorer = viewer.window.add_plugin_dock_widget(PLUGIN, "Explore dynamics")
    run(qtbot, panel, "preview")
    qtbot.waitUntil(control(explorer, "draw_frames", QPushButton).isEnabled)
    control(explorer, "frames.count").setValue(7)
    press(explorer, "draw_frames")
    qtbot.waitUntil(lambda: len(made(viewer, "frames")[0].data) == 9, timeout=30_000)
    viewer.layers.remove(made(viewer, "frames")[0])
    qtbot.waitUntil(control(explorer, "draw_frames", QPushButton).isEnabled)
    press(explorer, "draw_frames")
    qtbot.waitUntil(lambda: len(made(viewer, "frames")) == 1, timeout=30_000)
    viewer.layers.clear()
    qtbot.waitUntil(lambda: not control(explorer, "draw_frames", QPushButton).isEnabled())


def test_a_later_run_on_the_same_images_is_explored(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    viewer, panel = open_window(*images)
    _, explorer = viewer.window.add_plugin_dock_widget(PLUGIN, "Explore dynamics")
    run(qtbot, panel, "preview")
    qtbot.waitUntil(control(explorer, "draw_frames", QPushButton).isEnabled)
    control(explorer, "arrows.uncertainty").setCurrentText("1 standard deviation")
    control(explorer, "maps.kind").setCurrentText("speed")
    qtbot.waitUntil(
        lambda: bool(made(viewer, "circles") and made(viewer, "map")) and ready(explorer),
        timeout=30_000,
    )
    (arrows,), (circles,), (speed,) = (made(viewer, r) for r in ("fields", "circles", "map"))
    before, drawn, fast = np.array(arrows.data), np.array(circles.data), np.array(speed.data)
    control(panel, "model.stages").setValue(4)
    control(panel, "model.initial_fields").setCurrentText("matched")
    run(qtbot, panel, "preview")
    qtbot.waitUntil(lambda: ready(explorer) and len(speed.data) != len(fast), timeout=30_000)
    (arrows,), (circles,) = made(viewer, "fields"), made(viewer, "circles")
    assert len(arrows.data) != len(before)
    assert len(circles.data) != len(drawn)
    np.testing.assert_array_equal(np.unique(circles.data[:, 0, 0]), np.arange(4))
    assert ", 4 stages" in control(explorer, "about").text()


def test_what_is_no_run_is_told_in_one_sentence(
    explore: Explore, tmp_path: Path, qtbot: Any, monkeypatch: Any
) -> None:
    _, panel = explore()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    press(panel, "open_run")
    text, severity = told(panel)
    assert severity == "error"
    assert str(tmp_path) in text


def test_choices_tell_what_there_is_of_the_result_that_is_chosen(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, panel = opened(explore, folder, qtbot, monkeypatch)
    control(panel, "maps.kind").setCurrentText("speed")
    qtbot.waitUntil(lambda: bool(made(viewer, "map")) and ready(panel))
    first = control(panel, "result").currentText()
    control(panel, "open_run", QPushButton).click()
    qtbot.waitUntil(lambda: len(made(viewer, "frames")) == 2 and ready(panel), timeout=30_000)
    assert control(panel, "maps.kind").currentText() == "none"
    assert len(made(viewer, "map")) == 1
    control(panel, "result").setCurrentIndex(0)
    control(panel, "result").activated.emit(0)
    assert control(panel, "result").currentText() == first
    qtbot.waitUntil(lambda: control(panel, "maps.kind").currentText() == "speed")
