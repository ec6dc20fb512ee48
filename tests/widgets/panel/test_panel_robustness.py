"""What goes wrong ends in one sentence, or simply works; nothing of the user's is lost."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import napari
import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from tests.widgets.panel.helpers import Panel, SteeredFit

from napari_latentdyn.errors import OutOfMemoryError, RunFolderError
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


def test_without_images_it_says_what_to_do(open_panel: Callable[..., Panel]) -> None:
    panel = open_panel()
    assert not panel["train"].isEnabled()
    assert "Choose the first image" in panel.status
    assert panel.severity == "info"
    panel.widget.train()
    assert panel.widget.controller.state is State.IDLE


def test_the_same_layer_twice(panel: Panel) -> None:
    panel["last_image"].setCurrentText("ice 1")
    assert not panel["train"].isEnabled()
    assert "twice" in panel.status
    assert panel.severity == "error"
    panel["last_image"].setCurrentText("ice 2")
    assert panel["train"].isEnabled()
    assert panel.severity == "info"


def test_different_shapes(panel: Panel, viewer: napari.Viewer) -> None:
    viewer.add_image(np.random.default_rng(0).random((40, 48)), name="smaller")
    panel["last_image"].setCurrentText("smaller")
    assert not panel["train"].isEnabled()
    assert "48 × 48" in panel.status
    assert "40 × 48" in panel.status


def test_an_image_that_gets_another_shape_is_noticed(panel: Panel, viewer: napari.Viewer) -> None:
    viewer.layers["ice 2"].data = np.random.default_rng(0).random((50, 50))
    assert not panel["train"].isEnabled()
    assert "50 × 50" in panel.status


def test_images_that_are_too_small(panel: Panel, viewer: napari.Viewer) -> None:
    for name in ("ice 1", "ice 2"):
        viewer.layers[name].data = np.random.default_rng(len(name)).random((9, 9))
    assert "16 × 16" in panel.status


def test_a_stride_larger_than_the_patch(panel: Panel) -> None:
    panel["patches.stride"].setValue((64, 16))
    assert not panel["train"].isEnabled()
    assert "stride (64) is larger than the patch" in panel.status
    panel["patches.stride"].setValue((16, 16))
    assert panel["train"].isEnabled()


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (np.full((48, 48), 3.0), np.full((48, 48), 3.0), "constant"),
        (np.full((48, 48), np.nan), np.eye(48), "no valid pixel"),
        (np.full((48, 48), np.inf), np.eye(48), "no valid pixel"),
        (np.eye(48), np.eye(48), "the same"),
    ],
    ids=["constant", "all NaN", "infinite", "equal"],
)
def test_images_without_anything_to_learn(
    panel: Panel, viewer: napari.Viewer, first: Any, last: Any, words: str
) -> None:
    for array, name in ((first, "a"), (last, "b")):
        layer = viewer.add_image(np.zeros((48, 48)), name=name, contrast_limits=(0, 1))
        layer.data[:] = array
    panel["first_image"].setCurrentText("a")
    panel["last_image"].setCurrentText("b")
    panel.train()
    assert panel.widget.controller.state is State.FAILED
    assert words in panel.status
    assert panel["train"].isEnabled()


# ---------------------------------------------------------------- odd inputs


def test_colours_beside_grey_need_a_channel(
    panel: Panel, viewer: napari.Viewer, scene: Any, steered: SteeredFit
) -> None:
    viewer.add_image(np.stack([scene[1]] * 3, axis=-1), name="colours", rgb=True)
    panel["last_image"].setCurrentText("colours")
    assert not panel["train"].isEnabled()
    assert "choose one channel" in panel.status
    panel["images.channel"].setValue(5)
    assert "no channel 5" in panel.status
    panel["images.channel"].setValue(1)
    panel.train()
    assert panel.widget.controller.state is State.DONE
    assert steered.calls[0][0].channels == 1


def test_colours_come_back_as_colours(
    panel: Panel, viewer: napari.Viewer, scene: Any, steered: SteeredFit
) -> None:
    for name, image in zip(("colour 1", "colour 2"), scene, strict=True):
        viewer.add_image(np.stack([image, 255 - image, image], axis=-1), name=name, rgb=True)
    panel["first_image"].setCurrentText("colour 1")
    panel["last_image"].setCurrentText("colour 2")
    panel.train()
    assert panel.widget.controller.state is State.DONE, panel.status
    frames = viewer.layers["colour frames"]
    assert frames.rgb
    assert frames.data.shape == (5, 48, 48, 3)


def test_of_a_stack_the_frame_shown_is_used_and_told(
    panel: Panel, viewer: napari.Viewer, scene: Any, steered: SteeredFit
) -> None:
    stack = np.stack([np.roll(scene[1], k, axis=0) for k in range(4)])
    viewer.add_image(stack, name="stack")
    panel["last_image"].setCurrentText("stack")
    viewer.dims.set_current_step(0, 2)
    panel.wait_for(lambda: "the frame shown (3 of 4)" in panel["estimate"].text())
    panel.train()
    pair = steered.calls[0][0]
    assert np.array_equal(pair.last[0], stack[2])


def test_one_stack_chosen_twice_says_how_to_use_two_of_its_frames(
    panel: Panel, viewer: napari.Viewer, scene: Any
) -> None:
    viewer.add_image(np.stack(scene), name="stack")
    panel["first_image"].setCurrentText("stack")
    panel["last_image"].setCurrentText("stack")
    assert "split the stack" in panel.status


def test_multiscale_and_lazy_layers(
    panel: Panel, viewer: napari.Viewer, scene: Any, steered: SteeredFit
) -> None:
    lazy = da.from_array(scene[0], chunks=(16, 16))
    viewer.add_image([scene[1], scene[1][::2, ::2]], multiscale=True, name="pyramid")
    viewer.add_image(lazy, name="lazy")
    panel["first_image"].setCurrentText("lazy")
    panel["last_image"].setCurrentText("pyramid")
    panel.train()
    assert panel.widget.controller.state is State.DONE, panel.status
    assert np.array_equal(steered.calls[0][0].first[0], scene[0])
    assert np.array_equal(steered.calls[0][0].last[0], scene[1])


def test_a_lazy_layer_that_cannot_be_read(panel: Panel, viewer: napari.Viewer) -> None:
    good = [True]

    def block(block_info: Any = None) -> np.ndarray:
        if not good[0]:
            raise OSError("the file is gone")
        return np.zeros((48, 48))

    lazy = da.map_blocks(block, dtype=float, chunks=((48,), (48,)), meta=np.empty((0, 0)))
    viewer.add_image(lazy, name="lazy", contrast_limits=(0, 1))
    panel["first_image"].setCurrentText("lazy")
    good[0] = False
    panel.press("train")
    assert "the file is gone" in panel.status
    assert panel.severity == "error"
    assert not panel.running
    good[0] = True


# ------------------------------------------------------ changes while it runs


def test_deleted_and_edited_layers_do_not_disturb_a_training(
    running: Panel, viewer: napari.Viewer, steered: SteeredFit, scene: Any
) -> None:
    viewer.layers["ice 1"].data[:] = 0
    viewer.layers.remove("ice 1")
    viewer.layers.remove("ice 2")
    running.press("cancel")
    running.wait_for_end()
    pair = steered.calls[0][0]
    assert np.array_equal(pair.first[0], scene[0])
    assert [layer.name for layer in viewer.layers] == ["ice frames", "ice motion"]


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


def test_closing_the_dock_ends_the_training(
    running: Panel, viewer: napari.Viewer, steered: SteeredFit
) -> None:
    leash = running.widget.controller.leash
    job = leash.job
    before = [layer.name for layer in viewer.layers if layer.name != "live preview"]
    viewer.window.remove_dock_widget(running.widget)
    assert job.ended.is_set()
    assert leash.job is None
    assert [layer.name for layer in viewer.layers] == before


def test_closing_the_viewer_ends_the_training(
    running: Panel, viewer: napari.Viewer, steered: SteeredFit
) -> None:
    job = running.widget.controller.leash.job
    began = time.monotonic()
    viewer.close()
    assert job.ended.wait(0.1)
    assert time.monotonic() - began < 4


def test_closing_while_frames_are_rendered(
    panel: Panel, viewer: napari.Viewer, steered: SteeredFit
) -> None:
    steered.seconds_per_frame = 0.3
    panel.press("train")
    panel.wait_for(steered.rendering.is_set)
    job = panel.widget.controller.leash.job
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


def test_hiding_the_dock_lets_it_train_on(running: Panel, viewer: napari.Viewer) -> None:
    dock = running.widget.parentWidget()
    dock.close()
    assert running.running
    dock.show()
    running.press("cancel")
    running.wait_for_end()


def test_memory_returns_when_the_widget_closes(
    panel: Panel, viewer: napari.Viewer, steered: SteeredFit
) -> None:
    panel.train()
    kept = weakref.ref(panel.widget.controller._result.dynamics)
    pair = weakref.ref(steered.calls[0][0])
    steered.calls.clear()
    gc.collect()
    assert kept() is not None
    viewer.window.remove_dock_widget(panel.widget)
    gc.collect()
    assert kept() is None
    assert pair() is None


def test_a_second_run_lets_go_of_the_first(panel: Panel, steered: SteeredFit) -> None:
    panel.train()
    first = weakref.ref(panel.widget.controller._result.dynamics)
    panel.train()
    steered.calls.clear()
    gc.collect()
    assert first() is None


# -------------------------------------------------------------------- errors


class TorchLikeError(RuntimeError):
    pass


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)"), "mat1 and mat2"),
        (TorchLikeError("CUDA error: an illegal memory access\nmore"), "illegal memory access"),
        (RuntimeError("CUDA out of memory. Tried to allocate 20 GiB"), "smaller batch"),
        (MemoryError(), "smaller batch"),
        (OutOfMemoryError("the memory is too small: choose a smaller patch size."), "patch size"),
        (KeyError("weights"), "KeyError"),
        (ValueError(""), "no reason"),
    ],
    ids=["runtime", "torch", "cuda memory", "memory", "ours", "key", "empty"],
)
def test_errors_while_training_are_one_sentence(
    panel: Panel, viewer: napari.Viewer, steered: SteeredFit, error: Exception, words: str
) -> None:
    steered.error = error
    told: list[Any] = []
    notification_manager.notification_ready.connect(told.append)
    before = list(viewer.layers)
    try:
        panel.train()
    finally:
        notification_manager.notification_ready.disconnect(told.append)
    assert panel.widget.controller.state is State.FAILED
    assert words in panel.status
    assert one_sentence(panel.status)
    assert panel.severity == "error"
    assert [str(note.message) for note in told] == [panel.status]
    assert list(viewer.layers) == before
    assert not panel.running
    steered.error = None
    panel.train()
    assert panel.widget.controller.state is State.DONE


def test_an_error_after_a_good_run_keeps_its_result(
    panel: Panel, viewer: napari.Viewer, steered: SteeredFit
) -> None:
    panel.train()
    steered.error = RuntimeError("no more")
    panel["model.stages"].setValue(5)
    panel.train()
    assert panel.widget.controller.state is State.FAILED
    assert viewer.layers["ice frames"].data.shape[0] == 5
    assert panel["save"].isEnabled()


def test_an_error_while_rendering_keeps_the_checkpoint(panel: Panel, steered: SteeredFit) -> None:
    steered.render_error = RuntimeError("cannot render")
    panel["training.steps"].setValue(500)
    panel.press("train")
    panel.wait_for(steered.training.is_set)
    panel.press("cancel")
    panel.wait_for_end()
    assert panel.widget.controller.state is State.FAILED
    assert "cannot render" in panel.status
    assert panel["train"].text() == "Continue"


@pytest.mark.parametrize(
    "error",
    [
        RunFolderError("the run folder cannot be written: No space left on device."),
        OSError(28, "No space left on device"),
    ],
)
def test_a_full_disk_is_one_sentence_and_the_result_stays(
    panel: Panel, steered: SteeredFit, tmp_path: Path, error: Exception
) -> None:
    panel.train()
    steered.save_error = error
    assert panel.widget.save_run(tmp_path / "run") is None
    assert "No space left on device" in panel.status
    assert panel.severity == "error"
    steered.save_error = None
    assert panel.widget.save_run(tmp_path / "run") == tmp_path / "run"
    assert "Saved" in panel.status


def test_saving_before_training_says_so(panel: Panel, tmp_path: Path) -> None:
    assert panel.widget.save_run(tmp_path / "run") is None
    assert "nothing to save" in panel.status


def test_no_thread_is_left_behind(panel: Panel, steered: SteeredFit) -> None:
    panel.train()
    panel.wait_for(lambda: not panel.running)
    assert threading.main_thread() not in steered.threads
    assert panel.widget.controller.leash.job is None
