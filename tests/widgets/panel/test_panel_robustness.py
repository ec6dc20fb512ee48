"""What goes wrong ends in one sentence, or simply works; nothing of the user's is lost."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import napari
import numpy as np
import pytest
from tests.widgets.panel.helpers import Panel, SteeredFit

from napari_latentdyn.widgets.state import State


def one_sentence(text: str) -> bool:
    return len(text) < 300 and text.strip()[-1] in ".!?" and "Traceback" not in text


@pytest.fixture
def running(panel: Panel, steered: SteeredFit) -> Panel:
    """A panel whose training has begun and goes on until it is stopped."""
    panel["training.steps"].setValue(100_000)
    steered.seconds_per_step = 0.005
    panel.press("train")
    panel.wait_for(steered.training.is_set)
    return panel


# --------------------------------------------------------------- wrong choices


def test_an_image_that_gets_another_shape_is_noticed(panel: Panel, viewer: napari.Viewer) -> None:
    viewer.layers["ice 2"].data = np.random.default_rng(0).random((50, 50))
    assert not panel["train"].isEnabled()
    assert "50 × 50" in panel.status


# ---------------------------------------------------------------- odd inputs


# ------------------------------------------------------ changes while it runs


def test_all_layers_deleted_while_it_runs(running: Panel, viewer: napari.Viewer) -> None:
    viewer.layers.clear()
    running.press("cancel")
    running.wait_for_end()
    assert running.severity != "error"
    assert "ice frames" in [layer.name for layer in viewer.layers]


def test_results_that_were_deleted_come_back(panel: Panel, viewer: napari.Viewer) -> None:
    panel.train()
    viewer.layers.remove("ice frames")
    panel.train()
    assert [layer.name for layer in viewer.layers].count("ice frames") == 1


def test_settings_changed_while_it_runs_are_for_the_next_run(
    running: Panel, viewer: napari.Viewer, steered: SteeredFit
) -> None:
    running["model.stages"].setValue(7)
    running["patches.stride"].setValue((4000, 1))
    assert running.running
    running.press("cancel")
    running.wait_for_end()
    assert viewer.layers["ice frames"].data.shape[0] == 5
    assert "stride" in running.status


# ------------------------------------------------------------------- closing


def test_closing_while_frames_are_rendered(
    panel: Panel, viewer: napari.Viewer, steered: SteeredFit
) -> None:
    steered.seconds_per_frame = 0.3
    panel.press("train")
    panel.wait_for(steered.rendering.is_set)
    job = panel.widget.controller.job
    viewer.window.remove_dock_widget(panel.widget)
    assert job.ended.is_set()
    assert "ice frames" not in [layer.name for layer in viewer.layers]


def test_a_closed_widget_can_be_docked_again(
    running: Panel, viewer: napari.Viewer, steered: SteeredFit, scene: Any
) -> None:
    viewer.window.remove_dock_widget(running.widget)
    viewer.add_image(scene[0], name="ice 3")
    viewer.window.add_dock_widget(running.widget, name="again", tabify=False)
    assert running["first_image"].findText("ice 3") >= 0
    running["training.steps"].setValue(5)
    running.train()
    assert running.widget.controller.state is State.DONE


def test_a_second_run_lets_go_of_the_first(panel: Panel, steered: SteeredFit) -> None:
    panel.train()
    first = weakref.ref(panel.widget.controller._results.trained.dynamics)
    panel.train()
    steered.calls.clear()
    gc.collect()
    assert first() is None


# -------------------------------------------------------------------- errors


class TorchLikeError(RuntimeError):
    pass


def test_no_thread_is_left_behind(panel: Panel, steered: SteeredFit) -> None:
    panel.train()
    panel.wait_for(lambda: not panel.running)
    assert threading.main_thread() not in steered.threads
    assert panel.widget.controller.job is None
