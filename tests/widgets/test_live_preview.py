"""While training begins the window shows the best frame that is known, and what goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QProgressBar
from tests.widgets.conftest import Images, Open
from tests.widgets.helpers import FakeFit, control, idle, made, press, put, run, status

from napari_latentdyn.core.training.fit import Progress, fit

PREVIEW = "live preview"
MATCHED = {
    "model.initial_fields": "matched",
    "model.members": 2,
    "output.preview": True,
    "training.steps": 6,
}


def wrong(picture: Any, truth: NDArray[Any]) -> float:
    inner = (slice(6, -6), slice(6, -6))
    return float((np.asarray(picture, float) - truth)[inner].std())


def test_a_preview_shows_no_ghosts(
    open_window: Open,
    images: Images,
    qtbot: Any,
    drifting: Callable[[float], NDArray[np.uint8]],
) -> None:
    viewer, panel = open_window(*images)
    put(panel, MATCHED)
    truth = drifting(0.5)[:48, :48].astype(float)
    ghosts = (images[0].astype(float) + images[1]) / 2
    shown: list[float] = []

    def note(event: Any) -> None:
        if event.value.name == PREVIEW:
            shown.append(wrong(event.value.data, truth))

    viewer.layers.events.inserted.connect(note)
    run(qtbot, panel)
    assert len(shown) == 1
    assert shown[0] < 0.4 * wrong(ghosts, truth)


def test_what_goes_on_is_told_and_no_empty_plot_is_shown(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    gate = threading.Event()

    def slow(*args: Any, **options: Any) -> Generator[Progress, None, Any]:
        for done in (0, 60):
            yield Progress("prepare", done, 200, message="Matching the images (1 of 2)…")
        gate.wait(20)
        return (yield from FakeFit()(*args, **options))

    viewer, panel = open_window(*images, fit=slow)
    put(panel, {"output.preview": True})
    plot, bar = control(panel, "loss_plot"), control(panel, "progress", QProgressBar)
    press(qtbot, panel, "train")
    assert plot.isHidden()
    qtbot.waitUntil(lambda: bar.value() == 60)
    assert bar.maximum() == 200
    assert bar.text() == "Matching the images (1 of 2) – 30 %"
    assert status(panel)[0] == "Matching the images (1 of 2)…"
    assert plot.isHidden()
    assert PREVIEW not in viewer.layers
    gate.set()
    qtbot.waitUntil(lambda: idle(panel), timeout=20_000)
    assert not plot.isHidden()
    # A training that goes on has points to show from the beginning.
    gate.clear()
    put(panel, {"training.steps": 6})
    press(qtbot, panel, "train")
    assert not plot.isHidden()
    gate.set()
    qtbot.waitUntil(lambda: idle(panel), timeout=20_000)


def test_a_better_frame_stays_until_training_has_one(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    """The frames of Preview are not covered by those of a training that knows less."""
    agreements = [-0.1, 0.0, 0.2]
    gates = [threading.Event() for _ in range(2)]
    picture = np.full((48, 48), 7.0, np.float32)

    def worse(pair: Any, settings: Any, **options: Any) -> Generator[Progress, None, Any]:
        if settings.training.steps == 0:
            return (yield from fit(pair, settings, **options))
        for step, now in enumerate([*agreements, 1.0], start=1):
            if now == 1.0:
                gates[0].wait(20)
            yield Progress("train", step, 4, {"match": 1.0}, step, picture, "Training", 0.0, now)
        gates[1].wait(20)
        return (yield from FakeFit()(pair, settings, **options))

    viewer, panel = open_window(*images, fit=worse)
    put(panel, {"output.preview": True})
    run(qtbot, panel, "preview")
    (frames,) = made(viewer, "frames")
    press(qtbot, panel, "train")
    qtbot.waitUntil(lambda: control(panel, "progress").value() == len(agreements))
    qtbot.wait(600)
    assert PREVIEW not in viewer.layers
    assert frames.visible
    assert frames in viewer.layers
    gates[0].set()
    qtbot.waitUntil(lambda: PREVIEW in viewer.layers)
    np.testing.assert_array_equal(viewer.layers[PREVIEW].data, picture)
    gates[1].set()
    qtbot.waitUntil(lambda: idle(panel), timeout=20_000)


def test_without_a_result_any_motion_is_better_than_none(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    gate = threading.Event()
    picture = np.full((48, 48), 7.0, np.float32)

    def little(pair: Any, settings: Any, **options: Any) -> Generator[Progress, None, Any]:
        yield Progress("train", 1, 4, {"match": 1.0}, 1.0, picture, "Training", 0.0, 0.0)
        gate.wait(20)
        yield Progress("train", 2, 4, {"match": 1.0}, 2.0, picture + 1, "Training", 0.0, 0.05)
        return (yield from FakeFit(pause=0.3)(pair, settings, **options))

    viewer, panel = open_window(*images, fit=little)
    put(panel, {"output.preview": True})
    press(qtbot, panel, "train")
    qtbot.waitUntil(lambda: control(panel, "progress").value() == 1)
    qtbot.wait(300)
    assert PREVIEW not in viewer.layers
    gate.set()
    qtbot.waitUntil(lambda: PREVIEW in viewer.layers)
    assert viewer.layers[PREVIEW].data[0, 0] == 8.0
    qtbot.waitUntil(lambda: idle(panel), timeout=20_000)
