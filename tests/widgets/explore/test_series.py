"""A run of three images, made in Python, in a real window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.core.helpers import finished, moved, small_settings
from tests.widgets.explore.helpers import Explore, opened, press, ready, told
from tests.widgets.explore.test_time_label import label
from tests.widgets.helpers import control, made

from napari_latentdyn import Observations, fit

TIMES = np.array([10.0, 11.0, 13.0])
DRIFT = np.array([5.0, -3.0])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    at = moved(tuple(DRIFT))
    images = [at(time - TIMES[0]) for time in TIMES]
    changes = {"images__interval": 2.0, "images__interval_unit": "hour"}
    settings = small_settings(training__steps=0, output__frames=1, **changes)
    _, dynamics = finished(fit(Observations.from_arrays(*images, times=TIMES), settings))
    return dynamics.save(tmp_path_factory.mktemp("runs") / "series")


def test_frames_maps_and_times(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, panel = opened(explore, folder, qtbot, monkeypatch)
    (frames,) = made(viewer, "frames")
    # Fifteen between two images each.
    assert len(frames.data) == 33
    shown = []
    for step in (0, 16, 24, 32):
        viewer.dims.set_current_step(0, step)
        shown.append(label(viewer))
    assert shown == ["0 h", "2 h", "4 h", "6 h"]
    assert ", 6 hours" in control(panel, "about").text()
    for wanted in ("speed", "divergence"):
        control(panel, "maps.kind").setCurrentText(wanted)
        qtbot.waitUntil(
            lambda wanted=wanted: (
                ready(panel)
                and [one.metadata["latentdyn"]["quantity"] for one in made(viewer, "map")]
                == [wanted]
            )
        )
    control(panel, "maps.kind").setCurrentText("speed")
    control(panel, "maps.axes").setChecked(True)
    control(panel, "streamlines.shown").setChecked(True)
    qtbot.waitUntil(lambda: ready(panel) and bool(made(viewer, "streamlines")))
    assert told(panel)[1] != "error"
    (speed,) = made(viewer, "map")
    assert len(speed.data) == 33
    # The scene drifts evenly, by pixels in an hour.
    steady = np.median(speed.data[:, 20:-20, 20:-20], axis=(1, 2))
    np.testing.assert_allclose(steady, np.hypot(*DRIFT) / 2, rtol=0.1)


@pytest.mark.parametrize(("start", "step"), [("first", 0), ("last", 32), ("slider", 16)])
def test_tracers_start_at_the_time_that_was_chosen(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any, start: str, step: int
) -> None:
    viewer, panel = opened(explore, folder, qtbot, monkeypatch)
    control(panel, "tracers.start").setCurrentText(start)
    viewer.dims.set_current_step(0, 16)
    press(panel, "place_points")
    made(viewer, "tracer_points")[0].add([32.0, 32.0])
    press(panel, "carry")
    qtbot.waitUntil(lambda: bool(made(viewer, "tracer_heads")) and ready(panel))
    (heads,) = made(viewer, "tracer_heads")
    times = np.interp(heads.data[:, 0], [0, 16, 32], TIMES)
    begun = float(times[step])
    np.testing.assert_allclose(heads.data[step, 1:], [32, 32], atol=1e-6)
    np.testing.assert_allclose(heads.data[:, 1:] - 32, np.outer(times - begun, DRIFT), atol=1.0)


def test_a_profile_has_columns_of_equal_time(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, panel = opened(explore, folder, qtbot, monkeypatch)
    plot = control(panel, "profile")
    press(panel, "draw_line")
    (line,) = made(viewer, "profile_line")
    line.add([[10, 10], [10, 50]], shape_type="line")
    values = plot.image.image
    # The second interval takes twice as long.
    assert values.shape[1] == 49
    (frames,) = made(viewer, "frames")
    np.testing.assert_allclose(values[0, :17], frames.data[:17, 10, 10], rtol=1e-5)
    np.testing.assert_allclose(values[0, 16::2], frames.data[16:, 10, 10], rtol=1e-5)
    left, width = (
        plot.image.boundingRect().left(),
        plot.image.mapRectToParent(plot.image.boundingRect()),
    )
    assert left == 0
    assert width.left() == pytest.approx(-1 / 16)
    assert width.right() == pytest.approx(6 + 1 / 16)
