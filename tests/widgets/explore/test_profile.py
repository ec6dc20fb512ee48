"""Profiles under the cursor and along a line, in a real window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.widgets.explore.helpers import Explore, opened, press, ready
from tests.widgets.helpers import control, made

from napari_latentdyn import Dynamics


def test_a_profile_under_the_cursor_and_along_a_line(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, panel = opened(explore, folder, qtbot, monkeypatch)
    plot = control(panel, "profile")
    control(panel, "profile.cursor").setChecked(True)
    viewer.cursor.position = (6.0, 1000.0, 1500.0)
    times, values = plot.curve.getData()
    assert times[-1] == pytest.approx(12.0)
    (frames,) = made(viewer, "frames")
    np.testing.assert_allclose(values, frames.data[:, 20, 30], rtol=1e-5)
    press(panel, "draw_line")
    (line,) = made(viewer, "profile_line")
    line.add([[10, 10], [10, 50]], shape_type="line")
    assert plot.image.isVisible()
    assert plot.image.image.shape[1] == 17
    assert plot.plot.getPlotItem().getAxis("left").labelText == "Distance along line (m)"
    np.testing.assert_allclose(plot.image.image[0], frames.data[:, 10, 10], rtol=1e-5)
    assert "intensity" in plot.plot.getPlotItem().titleLabel.text
    # The plot follows what is shown.
    control(panel, "maps.kind").setCurrentText("speed")
    qtbot.waitUntil(lambda: bool(made(viewer, "map")) and ready(panel))
    (shown,) = made(viewer, "map")
    np.testing.assert_allclose(plot.image.image[0], shown.data[:, 10, 10], rtol=1e-5)
    assert "speed (meter/hour)" in plot.plot.getPlotItem().titleLabel.text
    control(panel, "maps.kind").setCurrentText("none")
    qtbot.waitUntil(lambda: not made(viewer, "map"))
    np.testing.assert_allclose(plot.image.image[0], frames.data[:, 10, 10], rtol=1e-5)
    # What stands in the plot is never that of another choice.
    cursor = control(panel, "profile.cursor")
    cursor.setChecked(True)
    assert plot.isHidden()
    viewer.cursor.position = (6.0, 1000.0, 1600.0)
    assert not plot.isHidden()
    control(panel, "maps.kind").setCurrentText("shear")
    qtbot.waitUntil(lambda: bool(made(viewer, "map")) and ready(panel))
    qtbot.waitUntil(lambda: "shear" in plot.plot.getPlotItem().getAxis("left").labelText)
    cursor.setChecked(False)
    assert plot.image.isVisible()
    viewer.layers.remove(line)
    qtbot.waitUntil(plot.isHidden)
    assert control(panel, "status").text() == "Line deleted; profile closed."
    cursor.setChecked(True)
    viewer.cursor.position = (6.0, 1000.0, 1500.0)
    assert not plot.isHidden()
    viewer.layers.clear()
    qtbot.waitUntil(plot.isHidden)


def test_the_hint_to_draw_a_line_goes_with_the_line(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, panel = opened(explore, folder, qtbot, monkeypatch)
    status = control(panel, "status")
    press(panel, "draw_line")
    assert status.text().startswith("Draw a line in the image")
    made(viewer, "profile_line")[0].add([[10, 10], [10, 50]], shape_type="line")
    assert status.text() == "Values along the line (up) over time (right)."


def test_the_line_tool_stays_while_streamlines_come(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, panel = opened(explore, folder, qtbot, monkeypatch)
    control(panel, "streamlines.shown").setChecked(True)
    press(panel, "draw_line")
    (line,) = made(viewer, "profile_line")
    qtbot.waitUntil(lambda: bool(made(viewer, "streamlines")) and ready(panel))
    assert viewer.layers.selection.active is line
    assert line.mode == "add_line"


def test_a_band_of_one_standard_deviation_and_a_map_of_it(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, panel = opened(explore, folder, qtbot, monkeypatch)
    plot = control(panel, "profile")
    control(panel, "profile.cursor").setChecked(True)
    viewer.cursor.position = (6.0, 1000.0, 1500.0)
    assert not plot.band.isVisible()
    control(panel, "profile.band").setChecked(True)
    qtbot.waitUntil(plot.band.isVisible)
    run = Dynamics.load(folder)
    std = run.frame_std(made(viewer, "frames")[0].metadata["latentdyn"]["times"])[:, 20, 30]
    assert std[len(std) // 2] > 0
    _, values = plot.curve.getData()
    for bound, sign in zip(plot.bounds, (-1, 1), strict=True):
        np.testing.assert_allclose(bound.getData()[1], values + sign * std, rtol=1e-5)
    control(panel, "maps.kind").setCurrentText("uncertainty")
    qtbot.waitUntil(lambda: bool(made(viewer, "map")) and ready(panel))
    (shown,) = made(viewer, "map")
    assert shown.name.endswith("uncertainty (meter/hour)")
    # Pixels of 50 m; stages are shown several times.
    expected = np.unique(50.0 * run.velocity_std()[:, 20, 30])
    np.testing.assert_allclose(np.unique(shown.data[:, 20, 30]), expected, rtol=1e-4)
    # The map has no band.
    viewer.cursor.position = (6.0, 1000.0, 1600.0)
    assert not plot.band.isVisible()
    control(panel, "profile.band").setChecked(False)
    control(panel, "maps.kind").setCurrentText("none")
    qtbot.waitUntil(lambda: not made(viewer, "map"))
    viewer.cursor.position = (6.0, 1000.0, 1500.0)
    assert not plot.band.isVisible()
