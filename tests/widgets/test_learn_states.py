"""Where a window stands: training, done, cancelled, and on again."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import numpy as np
from qtpy.QtWidgets import QPushButton
from tests.widgets.conftest import Images, Open
from tests.widgets.helpers import (
    FakeFit,
    choose,
    control,
    idle,
    is_one_sentence,
    made,
    press,
    put,
    run,
    status,
)

from napari_latentdyn.core.runfolder.schema import AgreementReport
from napari_latentdyn.core.training.fit import Progress, fit
from napari_latentdyn.generators import mapped
from napari_latentdyn.widgets.loss_plot import LossPlot


def steps_shown(panel: Any) -> list[int]:
    return control(panel, "loss_plot", LossPlot).points("match")[0]


def names(viewer: Any) -> list[str]:
    return [layer.name for layer in viewer.layers]


def test_training_shows_itself_and_ends(open_window: Open, images: Images, qtbot: Any) -> None:
    viewer, panel = open_window(*images, fit=FakeFit(pause=0.02))
    put(panel, {"training.steps": 60, "output.preview": True})
    progress = control(panel, "progress")
    press(qtbot, panel, "train")
    for name in ("train", "save"):
        assert not control(panel, name, QPushButton).isEnabled(), name
    assert control(panel, "cancel", QPushButton).isEnabled()
    qtbot.waitUntil(lambda: progress.maximum() == 60 and 0 < progress.value() < 60)
    qtbot.waitUntil(lambda: "of 60" in status(panel)[0])
    assert status(panel)[0].startswith("Training: step ")
    qtbot.waitUntil(lambda: idle(panel), timeout=20_000)
    assert status(panel)[0].startswith("Done: 60 steps in ")
    assert status(panel)[1] == "info"
    assert steps_shown(panel) == list(range(1, 61))
    curves = control(panel, "loss_plot", LossPlot).curves
    qtbot.waitUntil(lambda: len(curves["match"].getData()[0]) == 60)
    assert control(panel, "save", QPushButton).isEnabled()
    assert control(panel, "train", QPushButton).text() == "Train"
    assert names(viewer) == ["image 0", "image 1", "image frames", "image motion"]
    np.testing.assert_array_equal(viewer.layers["image frames"].data[0], images[0])


def test_what_training_did_is_told_in_one_number(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    """The plot and the status line say what motion explains, before, meanwhile and after."""
    said: list[str] = []

    def scripted(pair: Any, settings: Any, **options: Any) -> Generator[Progress, None, Any]:
        def told(done: Progress) -> Progress:
            now = 0.552 + 0.012 * done.step / done.total
            said.append(status(panel)[0])
            return replace(done, agreement_before=0.552, agreement=now)

        training = FakeFit(pause=0.05)(pair, settings, **options)
        dynamics = yield from mapped(training, told)
        agreement = AgreementReport(before=0.552, after=0.564, hidden=True)
        dynamics.report = dynamics.report.model_copy(update={"agreement": agreement})
        return dynamics

    _, panel = open_form(*images, fit=scripted)
    put(panel, {"training.steps": 20})
    run(qtbot, panel)
    assert re.search(r"step \d+ of 20; motion explains 5[56]\.\d % \(55\.2 % before", said[-1])
    text = status(panel)[0]
    assert text.startswith("Done: 20 steps in ")
    assert "motion explains 56.4 % of the difference between the images" in text
    assert "before training it was 55.2 %" in text
    plot = control(panel, "loss_plot", LossPlot)
    qtbot.waitUntil(lambda: len(plot.agreement.curve.getData()[0]) == 20)
    assert plot.agreement.isVisibleTo(plot)
    low, high = plot.agreement.getPlotItem().viewRange()[1]
    assert 54.5 < low < 55.2 < 56.4 < high < 57.5, "a change by 1.2 % fills the axis"


def test_a_training_that_no_longer_improves_is_done(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    _, panel = open_form(*images)
    put(panel, {"training.steps": 60, "model.initial_fields": "matched", "model.members": 1})
    run(qtbot, panel)
    assert re.match(r"Done: \d0 of 60 steps in .*no longer improved", status(panel)[0])
    assert status(panel)[1] == "info"
    assert control(panel, "save", QPushButton).isEnabled()


def test_cancel_acts_within_a_second_and_keeps_what_was_learned(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    fake = FakeFit()
    viewer, panel = open_form(*images, fit=fake)
    put(panel, {"training.steps": 100_000})
    press(qtbot, panel, "train")
    qtbot.waitUntil(lambda: control(panel, "progress").value() >= 3)
    press(qtbot, panel, "cancel")
    qtbot.waitUntil(fake.done.is_set, timeout=1000)
    qtbot.waitUntil(lambda: idle(panel), timeout=10_000)
    assert status(panel)[0].startswith("Stopped after ")
    assert len(made(viewer, "frames")) == len(made(viewer, "fields")) == 1
    assert control(panel, "train", QPushButton).text() == "Continue"
    assert control(panel, "save", QPushButton).isEnabled()


def test_a_real_training_is_cancelled_within_a_second(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    ended = threading.Event()

    def timed(*args: Any, **options: Any) -> Generator[Progress, None, Any]:
        dynamics = yield from fit(*args, **options)
        ended.set()
        return dynamics

    viewer, panel = open_window(*images, fit=timed)
    put(panel, {"training.steps": 100_000})
    press(qtbot, panel, "train")
    qtbot.waitUntil(lambda: control(panel, "progress").value() >= 2, timeout=30_000)
    assert not ended.is_set()
    began = time.monotonic()
    press(qtbot, panel, "cancel")
    qtbot.waitUntil(ended.is_set, timeout=5000)
    assert time.monotonic() - began < 1
    qtbot.waitUntil(lambda: idle(panel), timeout=20_000)
    (frames,) = made(viewer, "frames")
    assert frames.data.shape == (3, 48, 48)
    assert np.isfinite(frames.data).all()


def test_cancel_while_the_images_are_matched_keeps_the_window_as_it_was(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    viewer, panel = open_form(*images)
    before = list(viewer.layers)
    put(panel, {"model.initial_fields": "matched", "model.members": 6})
    press(qtbot, panel, "train")
    qtbot.waitUntil(lambda: "Matching" in status(panel)[0], timeout=30_000)
    press(qtbot, panel, "cancel")
    qtbot.waitUntil(lambda: idle(panel), timeout=20_000)
    assert "before a result was found" in status(panel)[0]
    assert list(viewer.layers) == before
    assert not control(panel, "save", QPushButton).isEnabled()


def test_continue_goes_on_and_start_anew_does_not(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    fake = FakeFit()
    _, panel = open_form(*images, fit=fake)
    train, restart = (control(panel, name, QPushButton) for name in ("train", "restart"))
    assert restart.isHidden()

    def stop_at(step: int) -> None:
        qtbot.waitUntil(lambda: control(panel, "progress").value() >= step)
        press(qtbot, panel, "cancel")
        qtbot.waitUntil(lambda: idle(panel), timeout=20_000)

    put(panel, {"training.steps": 300})
    press(qtbot, panel, "train")
    stop_at(3)
    learned = steps_shown(panel)[-1]
    assert train.text() == "Continue"
    assert not restart.isHidden()

    press(qtbot, panel, "train")
    stop_at(learned + 3)
    assert fake.calls[1][2] == learned
    assert steps_shown(panel) == list(range(1, steps_shown(panel)[-1] + 1))

    press(qtbot, panel, "restart")
    stop_at(3)
    assert fake.calls[2][2] is None
    assert steps_shown(panel)[0] == 1

    put(panel, {"training.seed": 7})
    assert train.text() == "Train"
    put(panel, {"training.seed": 0})
    assert train.text() == "Continue"
    press(qtbot, panel, "swap")
    assert train.text() == "Train"


def test_continue_after_the_images_changed_begins_anew_and_says_so(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    fake = FakeFit()
    viewer, panel = open_form(*images, fit=fake)
    put(panel, {"training.steps": 2})
    run(qtbot, panel)
    put(panel, {"training.steps": 4})
    assert control(panel, "train", QPushButton).text() == "Continue"
    viewer.layers["image 0"].data[5:9] = 77
    run(qtbot, panel)
    assert fake.calls[1][2] is None
    assert "The images changed, so training restarted." in status(panel)[0]


def test_a_second_training_is_refused_while_one_runs(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    fake = FakeFit(gate=threading.Event())
    viewer, panel = open_form(*images, fit=fake)
    press(qtbot, panel, "train")
    qtbot.waitUntil(lambda: len(fake.calls) == 1)
    train = control(panel, "train", QPushButton)
    assert not train.isEnabled()
    train.click()
    put(panel, {"training.seed": 1})
    viewer.layers.move(0, 2)
    assert not train.isEnabled(), "nothing but the end makes it possible again"
    panel.train()
    text, severity = status(panel)
    assert severity == "warning"
    assert is_one_sentence(text)
    assert "running already" in text
    fake.gate.set()
    qtbot.waitUntil(lambda: idle(panel), timeout=20_000)
    assert len(fake.calls) == 1
    assert len(made(viewer, "frames")) == 1


def test_a_cancel_before_training_says_that_nothing_was_found(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    _, panel = open_form(*images, fit=FakeFit(gate=threading.Event()))
    press(qtbot, panel, "train")
    press(qtbot, panel, "cancel")
    assert status(panel)[0] == "Stopping… Nothing has been found yet."
    qtbot.waitUntil(lambda: idle(panel), timeout=20_000)


def test_two_images_are_ready_by_name_and_none_are_asked_for(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    viewer, panel = open_form(*images, fit=FakeFit())
    assert status(panel) == (
        "Ready: image 0 → image 1. Press Preview for a quick answer.",
        "info",
    )
    viewer.layers["image 1"].name = "tuesday"
    assert status(panel)[0].startswith("Ready: image 0 → tuesday. ")
    viewer.layers.clear()
    assert status(panel)[0].startswith("Choose the first image")


def test_another_choice_forgets_what_was_said_of_the_last(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    _, panel = open_form(*images, np.roll(images[0], 5, axis=1), fit=FakeFit())
    choose(panel, "first_image", "image 0")
    choose(panel, "last_image", "image 1")
    run(qtbot, panel)
    assert status(panel)[0].startswith("Done")
    choose(panel, "last_image", "image 2")
    text, severity = status(panel)
    assert text == "Ready: image 0 → image 2. Press Preview for a quick answer."
    assert severity == "info"
