"""CompareMethods in a real window, driven by its object names."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from napari.layers import Image
from qtpy.QtWidgets import QLineEdit, QPushButton
from tests.widgets.compare.helpers import Make, cells, check, made, press, scene
from tests.widgets.helpers import choose, control, entries

from napari_latentdyn.errors import ObservationError, SettingsError
from napari_latentdyn.viewer.snapshot import snapshot
from napari_latentdyn.widgets.compare.request import true_frames
from napari_latentdyn.widgets.compare.times import parse_times


def test_methods_are_measured_and_shown_side_by_side(window: Make, qtbot: Any) -> None:
    viewer, panel = window()
    choose(panel, "truth", "truth")
    check(panel, "dissolve", "flow")
    press(qtbot, panel)
    rows = cells(panel)
    assert [row[0] for row in rows] == ["dissolve", "flow"]
    assert float(rows[1][1]) > float(rows[0][1]) + 3, "what moves is moved"
    assert rows[0][4:6] == ["–", "–"]
    assert float(rows[1][4]) < 10
    layers = made(viewer)
    assert layers["dissolve"].data.shape == (5, 48, 48)
    assert tuple(layers["flow"].scale[1:]) == (2, 2)
    assert layers["flow_error"].data.shape == (5, 48, 48)
    expected = np.abs(layers["dissolve"].data[2] - scene(0.5))
    np.testing.assert_allclose(layers["dissolve_error"].data[2], expected, atol=1e-4)
    assert viewer.canvas.grid.enabled
    assert layers["flow"].name_overlay.visible
    shown = ["True frames", "Cross-dissolve", "TV-L1 optical flow"]
    assert [layer.name for layer in viewer.layers if layer.visible] == shown
    layers["flow"].contrast_limits = (0, 50)
    assert list(layers["dissolve"].contrast_limits) == [0, 50], "compared with one contrast"
    assert list(layers["truth"].contrast_limits) == [0, 50]
    true = [scene(t) for t in np.linspace(0, 1, 5)]
    np.testing.assert_allclose(layers["truth"].data, true, atol=1e-4)
    assert list(layers["truth"].scale) == list(layers["flow"].scale)
    curves = control(panel, "plot").curves
    assert list(curves) == ["Cross-dissolve", "TV-L1 optical flow"]
    assert curves["Cross-dissolve"][0].tolist() == [0.25, 0.5, 0.75]
    choose(panel, "measure", "intensity off (%)")
    assert len(control(panel, "plot").curves["Cross-dissolve"][1]) == 5
    assert "2 methods compared" in control(panel, "status").text()
    press(qtbot, panel)
    assert len(made(viewer)) == 5, "a second time renews the layers"
    for layer in list(made(viewer).values()):
        viewer.layers.remove(layer)
    assert not viewer.canvas.grid.enabled, "nothing is left to stand side by side"


def test_without_truth_what_can_be_told_is_told(window: Make, qtbot: Any) -> None:
    viewer, panel = window(truth=False)
    control(panel, "frames").setValue(3)
    check(panel, "dissolve", "advection")
    press(qtbot, panel)
    rows = cells(panel)
    assert rows[0][1:4] == ["–", "–", "–"]
    assert float(rows[0][6]) == 0.0, "a mixture keeps the intensity"
    assert float(rows[1][4]) < 20
    assert made(viewer)["advection"].data.shape == (5, 48, 48)
    assert entries(panel, "measure") == ["intensity off (%)"]


def test_true_frames_can_be_of_any_times(window: Make, qtbot: Any) -> None:
    viewer, panel = window(truth=False)
    viewer.add_image(np.stack([scene(0.3), scene(0.1)]), name="two of them")
    choose(panel, "truth", "two of them")
    control(panel, "truth_times", QLineEdit).setText("0.3, 0.1")
    check(panel, "flow")
    press(qtbot, panel)
    assert control(panel, "plot").curves["TV-L1 optical flow"][0].tolist() == [0.1, 0.3]
    assert float(cells(panel)[0][1]) > 30
    layers = made(viewer)
    layers["flow_error"].visible = True
    for step, time in ((1, 0.1), (2, 0.3)):
        viewer.dims.set_current_step(0, step)
        assert layers["flow_error"]._slice_input.world_slice.point[0] == step
        seen = layers["flow"]._slice.image.view
        expected = np.abs(seen - scene(time))
        np.testing.assert_allclose(layers["flow_error"]._slice.image.view, expected, atol=1e-4)
    control(panel, "truth_times", QLineEdit).setText("0.3")
    press(qtbot, panel)
    status = control(panel, "status")
    assert status.property("severity") == "error"
    assert "has 2 frames, but 1 time is given" in status.text()


def test_what_is_assumed_of_true_frames_is_told(window: Make, qtbot: Any) -> None:
    viewer, panel = window(truth=False)
    hole = scene(0.5)
    hole[:12] = np.nan
    viewer.add_image(hole, name="half way")
    choose(panel, "truth", "half way")
    check(panel, "flow")
    press(qtbot, panel)
    text = control(panel, "status").text()
    assert "1 true frame at 0.5 of the interval, assumed evenly spaced (no times given)." in text
    assert "25 % of their pixels have no value and do not count." in text
    assert "bold" not in text, "there is nothing to be better than"
    assert "one scale" not in text
    # Without the images at its ends, a stack is in between as a whole.
    viewer.add_image(np.stack([scene(t) for t in (0.25, 0.5, 0.75)]), name="inside")
    choose(panel, "truth", "inside")
    press(qtbot, panel)
    assert control(panel, "plot").curves["TV-L1 optical flow"][0].tolist() == [0.25, 0.5, 0.75]
    viewer.add_image(scene(0.5) / 255, name="to one")
    choose(panel, "truth", "to one")
    press(qtbot, panel)
    assert "bring them to one scale" in control(panel, "status").text()


def test_an_image_itself_is_no_true_frame(window: Make, qtbot: Any) -> None:
    viewer, panel = window(truth=False)
    viewer.add_image(scene(1), name="again")
    choose(panel, "truth", "again")
    check(panel, "dissolve")
    press(qtbot, panel)
    status = control(panel, "status")
    assert status.property("severity") == "error"
    assert "“again” is the last image itself" in status.text()
    assert made(viewer) == {}


def test_lines_and_layers_go_together(window: Make, qtbot: Any) -> None:
    viewer, panel = window()
    choose(panel, "truth", "truth")
    check(panel, "dissolve", "flow")
    press(qtbot, panel)
    check(panel, "dissolve", "dis")
    press(qtbot, panel)
    assert [row[0] for row in cells(panel)] == ["dissolve", "flow", "dis"]
    assert sum(layer.visible for layer in viewer.layers) == 4, "three methods and the truth"
    viewer.layers.remove(made(viewer)["flow"])
    press(qtbot, panel)
    assert [row[0] for row in cells(panel)] == ["dissolve", "dis"]
    choose(panel, "truth", "none")
    check(panel, "dissolve")
    press(qtbot, panel)
    assert [row[0] for row in cells(panel)] == ["dissolve"]
    layers = made(viewer)
    assert layers["dissolve"].name == "Cross-dissolve"
    assert layers["dis"].name == "DIS optical flow (earlier)"
    assert not layers["dis"].visible
    assert layers["dissolve"].visible
    check(panel, "dis")
    press(qtbot, panel)
    assert made(viewer)["dis"].name == "DIS optical flow"
    assert made(viewer)["dis"].visible
    viewer.layers.remove(made(viewer)["dis"])
    assert [row[0] for row in cells(panel)] == ["dissolve"]
    assert control(panel, "status").text().startswith("1 method compared.")


def test_what_is_deleted_takes_its_map_of_errors_along(window: Make, qtbot: Any) -> None:
    viewer, panel = window()
    choose(panel, "truth", "truth")
    check(panel, "dissolve", "flow")
    press(qtbot, panel)
    layers = made(viewer)
    assert list(layers["flow_error"].contrast_limits) == list(
        layers["dissolve_error"].contrast_limits
    )
    assert layers["flow_error"].name_overlay.visible
    layers["dissolve_error"].visible = True
    viewer.layers.remove(layers["dissolve"])
    assert not layers["dissolve_error"].visible
    assert layers["dissolve_error"].name.endswith("(earlier)")
    assert "1 method compared" in control(panel, "status").text()


def test_a_layer_that_has_to_be_replaced_keeps_its_line(window: Make, qtbot: Any) -> None:
    viewer, panel = window(truth=False)
    check(panel, "dissolve")
    press(qtbot, panel)
    (before,) = made(viewer).values()
    before.data = before.data.astype(np.float64)
    press(qtbot, panel)
    (after,) = made(viewer).values()
    assert after is not before
    assert after.name == "Cross-dissolve"
    assert [row[0] for row in cells(panel)] == ["dissolve"]


def test_the_frames_between_two_of_one_stack_are_true_frames(window: Make, qtbot: Any) -> None:
    viewer, panel = window(truth=False)
    viewer.layers.clear()
    times = np.array([-1, 0, 0.25, 0.5, 0.75, 1, 2])
    viewer.add_image(np.stack([scene(t) for t in times]), name="stack")
    assert (control(panel, "first_frame").value(), control(panel, "last_frame").value()) == (1, 7)
    control(panel, "first_frame").setValue(2)
    control(panel, "last_frame").setValue(6)
    viewer.dims.set_current_step(0, 0)
    choose(panel, "truth", "stack")
    check(panel, "dissolve")
    press(qtbot, panel)
    assert control(panel, "plot").curves["Cross-dissolve"][0].tolist() == [0.25, 0.5, 0.75]
    errors = made(viewer)["dissolve_error"].data
    expected = np.abs(made(viewer)["dissolve"].data[2] - scene(0.5))
    np.testing.assert_allclose(errors[2], expected, atol=1e-4)
    np.testing.assert_allclose(made(viewer)["dissolve"].data[0], scene(0), atol=1e-4)


def test_times_may_name_the_ends_of_a_stack(window: Make, qtbot: Any) -> None:
    viewer, panel = window(truth=False)
    times = (0, 0.1, 0.5, 1)
    viewer.add_image(np.stack([scene(t) for t in times]), name="four")
    choose(panel, "truth", "four")
    control(panel, "truth_times", QLineEdit).setText("0, 0.1, 0.5, 1")
    check(panel, "flow")
    press(qtbot, panel)
    assert control(panel, "plot").curves["TV-L1 optical flow"][0].tolist() == [0.1, 0.5]


def test_side_by_side_can_be_switched_off_and_on(window: Make, qtbot: Any) -> None:
    viewer, panel = window()
    choose(panel, "truth", "none")
    check(panel, "dissolve", "flow")
    press(qtbot, panel)
    grid = control(panel, "grid")
    methods = list(made(viewer).values())
    own = [layer for layer in viewer.layers if layer not in methods]
    own[0].visible = False
    assert not any(layer.visible for layer in own)
    grid.click()
    assert not viewer.canvas.grid.enabled
    # What was shown before is shown again; names would lie one above the other.
    assert all(layer.visible for layer in own)
    assert not any(layer.name_overlay.visible for layer in methods)
    own[1].visible = False
    grid.click()
    assert viewer.canvas.grid.enabled
    assert all(layer.name_overlay.visible for layer in methods)
    assert [layer for layer in viewer.layers if layer.visible] == methods
    grid.click()
    assert [layer.visible for layer in own[:2]] == [True, False]


def test_layers_of_another_pair_say_whose_they_are(window: Make, qtbot: Any) -> None:
    viewer, panel = window(truth=False)
    check(panel, "dissolve")
    press(qtbot, panel)
    viewer.add_image(scene(0.5), name="later", scale=(2, 2))
    choose(panel, "first_image", "last")
    choose(panel, "last_image", "later")
    press(qtbot, panel)
    names = [layer.name for layer in viewer.layers if "Cross-dissolve" in layer.name]
    assert names[0] == "Cross-dissolve (earlier)"
    assert names[1].endswith(": Cross-dissolve")
    assert "[1]" not in names[1]
    shown = [layer.name for layer in viewer.layers if layer.visible]
    assert shown == names[1:]
    choose(panel, "first_image", "first")
    choose(panel, "last_image", "last")
    press(qtbot, panel)
    assert [layer.name for layer in viewer.layers if layer.visible] == ["Cross-dissolve"]
    assert f"{names[1]} (earlier)" in viewer.layers


def test_what_is_missing_says_what_to_install(
    window: Make, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "ot" else there(name, *a)
    )
    _, panel = window()
    methods = control(panel, "methods")
    texts = [methods.item(row).text() for row in range(methods.count())]
    assert "Optimal transport, exact — not installed" in texts
    item = methods.item(texts.index("Optimal transport, exact — not installed"))
    assert "napari-latentdyn[compare]" in item.toolTip()


def test_nothing_chosen_is_told(window: Make, qtbot: Any) -> None:
    _, panel = window()
    check(panel)
    press(qtbot, panel)
    assert control(panel, "status").property("severity") == "error"
    assert "check at least one" in control(panel, "status").text()


def test_a_comparison_can_be_stopped_and_keeps_what_is_done(window: Make, qtbot: Any) -> None:
    viewer, panel = window()
    check(panel, "dissolve", "advection", "paper")
    control(panel, "compare", QPushButton).click()
    qtbot.waitUntil(lambda: len(cells(panel)) >= 1, timeout=30_000)
    control(panel, "cancel", QPushButton).click()
    qtbot.waitUntil(lambda: not control(panel, "cancel", QPushButton).isEnabled(), timeout=30_000)
    assert control(panel, "status").text() == "Stopped; finished methods are shown."
    assert "paper" not in made(viewer)
    assert "dissolve" in made(viewer)


@given(st.lists(st.floats(0.001, 0.999), min_size=1, unique=True))
def test_times_are_read_as_they_are_written(times: list[float]) -> None:
    found = parse_times(", ".join(map(repr, times)))
    assert found is not None
    assert found.tolist() == times


@pytest.mark.parametrize("text", ["a", "-0.1", "0.5, 0.5", "2", "0.5; 0.6"])
def test_times_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"Could not read “.*Enter fractions"):
        parse_times(text)


def test_truth_of_another_shape_is_refused() -> None:
    layer = Image(np.zeros((3, 10, 12)), name="other")
    first, last = (snapshot(Image(scene(t))) for t in (0, 1))
    with pytest.raises(ObservationError, match="must be a stack of frames of shape"):
        true_frames(layer, first, last, None)
