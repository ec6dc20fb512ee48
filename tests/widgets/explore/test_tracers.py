"""Carried tracers are seen on dark and on bright images, at every time of the slider."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.widgets.explore.helpers import Explore, grey, opened, press, ready
from tests.widgets.helpers import made


@pytest.mark.parametrize("brightness", [0.05, 0.5, 0.95])
def test_carried_tracers_are_seen_at_every_time(
    seen_window: Explore, folder: Path, qtbot: Any, monkeypatch: Any, brightness: float
) -> None:
    viewer, panel = opened(seen_window, folder, qtbot, monkeypatch)
    (frames,) = made(viewer, "frames")
    frames.data = np.full_like(frames.data, brightness)
    frames.contrast_limits = (0, 1)
    made(viewer, "fields")[0].visible = False
    viewer.dims.set_current_step(0, 0)
    press(panel, "place_grid")
    press(panel, "carry")
    qtbot.waitUntil(lambda: bool(made(viewer, "tracer_heads")) and ready(panel))
    (tracks,), (heads,) = made(viewer, "tracers"), made(viewer, "tracer_heads")
    count = len(np.unique(tracks.data[:, 0]))
    assert not made(viewer, "tracer_points")[0].visible
    for step in (0, 8, 16):
        viewer.dims.set_current_step(0, step)
        seen = grey(viewer)
        tracks.visible = heads.visible = False
        changed = np.abs(seen - grey(viewer)).max(axis=-1)
        tracks.visible = heads.visible = True
        clear = changed > 80
        assert clear.sum() > 20 * count, f"each of {count} is told from its surroundings"
    places = heads.data[heads.data[:, 0] == 16, 1:]
    ends = tracks.data[tracks.data[:, 1] == 16, 2:]
    np.testing.assert_allclose(places, ends)


def test_tracers_that_are_carried_again_are_renewed(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, panel = opened(explore, folder, qtbot, monkeypatch)
    press(panel, "place_points")
    (points,) = made(viewer, "tracer_points")
    points.add([30.0, 30.0])
    for count in (1, 2):
        press(panel, "carry")
        expected = 17 * count
        qtbot.waitUntil(
            lambda expected=expected: (
                ready(panel)
                and [len(layer.data) for layer in made(viewer, "tracer_heads")] == [expected]
            )
        )
        points.add([20.0, 40.0])
