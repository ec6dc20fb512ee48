"""A long series in a real window: stopped and continued, and drawn when it is looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pytest
from qtpy.QtWidgets import QComboBox
from scipy import ndimage
from tests.widgets.conftest import Open
from tests.widgets.helpers import PLUGIN, control, idle, made, press, put, run, status

from napari_latentdyn.core.dynamics import intervals
from napari_latentdyn.core.dynamics.fitted import Fitted
from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.training import cache


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Every series is long; return the cache of the user."""
    monkeypatch.setattr(cache, "IN_MEMORY", 0)
    monkeypatch.setattr(intervals, "LARGE_FRAMES", 0)
    monkeypatch.setattr(cache.platformdirs, "user_cache_path", lambda _: tmp_path / "cache")
    return tmp_path / "cache" / "series"


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Times of the frames that are drawn, call by call."""
    calls: list[Any] = []
    draw: Callable[..., Any] = Fitted.render

    def render(self: Fitted, what: str, images: Any, fields: Any, times: Any, *more: Any) -> Any:
        calls.append(np.asarray(times).tolist())
        return draw(self, what, images, fields, times, *more)

    monkeypatch.setattr(Fitted, "render", render)
    return calls


def open_series(open_window: Open) -> tuple[napari.Viewer, Any]:
    texture = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(64, 64)), 2)
    stack = np.stack([np.roll(texture, k, axis=1) for k in range(6)]).astype(np.float32)
    viewer, panel = open_window(stack, show=True)
    control(panel, "preset", QComboBox).setCurrentText("quick")
    put(panel, {"training.threads": 1, "output.frames": 3})
    return viewer, panel


def test_intervals_are_drawn_when_they_are_looked_at(
    open_window: Open, small_memory: Path, rendered: list[Any], qtbot: Any, tmp_path: Path
) -> None:
    viewer, panel = open_series(open_window)
    run(qtbot, panel)
    assert status(panel)[0].startswith("Done")
    frames = made(viewer, "frames")[0]
    assert frames.data.shape == (21, 64, 64)
    qtbot.waitUntil(lambda: [0.0, 0.25, 0.5, 0.75] in rendered)
    before = len(rendered)
    assert before <= 2, "the slider stood at another interval"
    viewer.dims.set_current_step(0, 17)
    assert rendered[before:] == [[4.0, 4.25, 4.5, 4.75, 5.0]]
    viewer.dims.set_current_step(0, 18)
    assert len(rendered) == before + 1, "napari keeps what it has shown"
    _, explorer = viewer.window.add_plugin_dock_widget(PLUGIN, "Explore dynamics")
    control(explorer, "profile.cursor").setValue(True)
    viewer.cursor.position = (2.0, 30.0, 30.0)
    assert "save the run" in status(explorer)[0]
    assert len(rendered) == before + 1
    control(explorer, "arrows.spacing").setValue(9)
    qtbot.waitUntil(lambda: made(viewer, "fields")[0].metadata["latentdyn"]["arrow_spacing"] == 9)
    assert len(rendered) == before + 1, "doubtful arrows are found without frames"
    assert any(small_memory.glob("*/followed-*"))
    target = tmp_path / "run"
    assert panel.save_run(target) == target
    qtbot.waitUntil(target.is_dir, timeout=30_000)
    loaded = Dynamics.load(target)
    assert loaded.frames().shape == (21, 64, 64)
    np.testing.assert_array_equal(loaded.frames()[16:], np.asarray(frames.data[16:]))


def test_a_stopped_match_continues(
    open_window: Open, small_memory: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, panel = open_series(open_window)
    press(qtbot, panel, "train")
    qtbot.waitUntil(lambda: any(small_memory.glob("*/matched-00001*")), timeout=60_000)
    press(qtbot, panel, "cancel")
    qtbot.waitUntil(lambda: idle(panel), timeout=20_000)
    assert "The matched intervals are kept" in status(panel)[0]
    assert made(viewer, "frames") == []
    said: list[str] = []
    messages = control(panel, "status")
    monkeypatch.setattr(messages, "setText", lambda text: said.append(text))
    run(qtbot, panel)
    assert any("intervals were matched before" in text for text in said)
    assert made(viewer, "frames")[0].data.shape == (21, 64, 64)
