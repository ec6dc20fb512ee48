"""Where a window stands: training, done, cancelled, and on again."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QPushButton
from tests.widgets.conftest import Images, Open
from tests.widgets.helpers import (
    FakeFit,
    choose,
    chosen,
    control,
    idle,
    is_one_sentence,
    made,
    press,
    put,
    run,
    status,
)

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.runfolder.schema import AgreementReport
from napari_latentdyn.core.training.fit import Progress, fit
from napari_latentdyn.generators import mapped
from napari_latentdyn.widgets.loss_plot import LossPlot

PREVIEW = "live preview"


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
    open_window: Open, images: Images, qtbot: Any
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

    _, panel = open_window(*images, fit=scripted)
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
    open_window: Open, images: Images, qtbot: Any
) -> None:
    _, panel = open_window(*images)
    put(panel, {"training.steps": 60, "model.initial_fields": "matched", "model.members": 1})
    run(qtbot, panel)
    assert re.match(r"Done: \d0 of 60 steps in .*no longer agreed better", status(panel)[0])
    assert status(panel)[1] == "info"
    assert control(panel, "save", QPushButton).isEnabled()


def test_cancel_acts_within_a_second_and_keeps_what_was_learned(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    fake = FakeFit()
    viewer, panel = open_window(*images, fit=fake)
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
    open_window: Open, images: Images, qtbot: Any
) -> None:
    viewer, panel = open_window(*images)
    before = list(viewer.layers)
    put(panel, {"model.initial_fields": "matched", "model.members": 6})
    press(qtbot, panel, "train")
    qtbot.waitUntil(lambda: "Matching" in status(panel)[0], timeout=30_000)
    press(qtbot, panel, "cancel")
    qtbot.waitUntil(lambda: idle(panel), timeout=20_000)
    assert "before anything was learned" in status(panel)[0]
    assert list(viewer.layers) == before
    assert not control(panel, "save", QPushButton).isEnabled()


def test_continue_goes_on_and_start_anew_does_not(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    fake = FakeFit()
    _, panel = open_window(*images, fit=fake)
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
    open_window: Open, images: Images, qtbot: Any
) -> None:
    fake = FakeFit()
    viewer, panel = open_window(*images, fit=fake)
    put(panel, {"training.steps": 2})
    run(qtbot, panel)
    put(panel, {"training.steps": 4})
    assert control(panel, "train", QPushButton).text() == "Continue"
    viewer.layers["image 0"].data[5:9] = 77
    run(qtbot, panel)
    assert fake.calls[1][2] is None
    assert "The images changed, so training restarted." in status(panel)[0]


def test_a_second_training_is_refused_while_one_runs(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    fake = FakeFit(gate=threading.Event())
    viewer, panel = open_window(*images, fit=fake)
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


@pytest.mark.parametrize(
    "placing",
    [{}, {"scale": (2.5, 0.5), "translate": (100.0, -40.0), "rotate": 30.0}],
    ids=["as opened", "scaled and turned"],
)
def test_preview_lies_on_the_image_and_goes_away(
    open_window: Open, images: Images, qtbot: Any, placing: dict[str, Any]
) -> None:
    viewer, panel = open_window(*images, fit=FakeFit(pause=0.01))
    source = viewer.layers["image 0"]
    for layer in viewer.layers:
        for name, value in placing.items():
            setattr(layer, name, value)
    put(panel, {"training.steps": 100_000, "output.preview": True})
    viewer.layers.selection.active = source
    press(qtbot, panel, "train")
    qtbot.waitUntil(lambda: PREVIEW in viewer.layers)
    qtbot.waitUntil(lambda: control(panel, "progress").value() >= 3)
    preview = viewer.layers[PREVIEW]
    for place in ((0, 0), (47, 0), (47, 47), (11.5, 23)):
        np.testing.assert_allclose(preview.data_to_world(place), source.data_to_world(place))
    middle = (images[0].astype(np.float32) + images[1]) / 2
    np.testing.assert_allclose(preview.data, middle)
    assert viewer.layers.selection.active is source
    press(qtbot, panel, "cancel")
    qtbot.waitUntil(lambda: idle(panel), timeout=20_000)
    assert PREVIEW not in viewer.layers


def test_preview_can_be_switched_off_and_deleted(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    viewer, panel = open_window(*images, fit=FakeFit(pause=0.01))
    added: list[str] = []
    viewer.layers.events.inserted.connect(lambda event: added.append(event.value.name))
    run(qtbot, panel)
    assert added == ["image frames", "image motion"]

    put(panel, {"output.preview": True, "training.steps": 100_000, "training.seed": 1})
    press(qtbot, panel, "train")
    qtbot.waitUntil(lambda: PREVIEW in viewer.layers)
    put(panel, {"output.preview": False})
    assert PREVIEW not in viewer.layers
    put(panel, {"output.preview": True})
    qtbot.waitUntil(lambda: PREVIEW in viewer.layers)
    viewer.layers.remove(PREVIEW)
    added.clear()
    qtbot.wait(900)
    assert added == [], "what the user deletes does not come back"
    press(qtbot, panel, "cancel")
    qtbot.waitUntil(lambda: idle(panel), timeout=20_000)


def test_another_run_renews_its_layers_unless_they_are_to_be_kept(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    viewer, panel = open_window(*images, fit=FakeFit())
    run(qtbot, panel)
    first = list(viewer.layers)
    put(panel, {"training.seed": 1, "model.stages": 3})
    run(qtbot, panel)
    assert list(viewer.layers) == first
    assert made(viewer, "frames")[0].data.shape[0] == 4
    put(panel, {"output.keep_previous": True})
    run(qtbot, panel)
    assert list(viewer.layers)[:4] == first
    assert len(made(viewer, "frames")) == len(made(viewer, "fields")) == 2


def test_latent_states_come_as_a_layer_of_their_own(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    viewer, panel = open_window(*images)
    put(panel, {"output.latents": True})
    run(qtbot, panel)
    (states,) = made(viewer, "latents")
    # Two latent channels besides the image.
    assert states.data.shape == (3, 3, 48, 48)
    np.testing.assert_allclose(made(viewer, "frames")[0].data[0], images[0], atol=1)


def test_confidence_comes_as_a_layer_of_its_own_and_is_renewed(
    open_window: Open, images: Images, qtbot: Any, tmp_path: Path
) -> None:
    viewer, panel = open_window(*images)
    run(qtbot, panel)
    assert made(viewer, "confidence") == []
    put(panel, {"output.confidence": True, "training.seed": 1})
    run(qtbot, panel)
    (frames,), (confidence,) = made(viewer, "frames"), made(viewer, "confidence")
    assert confidence.name == "image confidence"
    assert confidence.data.shape == frames.data.shape == (3, 48, 48)
    assert confidence.axis_labels == frames.axis_labels
    np.testing.assert_array_equal(confidence.scale, frames.scale)
    assert frames.visible
    assert not confidence.visible
    assert confidence.data.min() >= 0
    assert confidence.data.max() <= 1
    assert np.ptp(confidence.data[1]) > 0
    # A look at it does not make it an image of the next pair.
    confidence.visible = True
    assert chosen(panel) == ("image 0", "image 1")
    before = confidence.data.copy()
    put(panel, {"training.seed": 2, "model.stages": 3})
    run(qtbot, panel)
    assert made(viewer, "confidence") == [confidence]
    assert confidence.data.shape == (4, 48, 48)
    assert not np.array_equal(confidence.data[:3], before)
    assert confidence.visible
    saved = panel.save_run(tmp_path / "run")
    np.testing.assert_array_equal(Dynamics.load(saved).stored("confidence"), confidence.data)


def test_a_preset_leaves_the_wish_for_confidence_alone(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    fit = FakeFit()
    _, panel = open_window(*images, fit=fit)
    put(panel, {"output.confidence": True})
    choose(panel, "preset", "quick")
    assert control(panel, "output.confidence").value() is True
    put(panel, {"training.steps": 2, "output.preview": False})
    run(qtbot, panel)
    assert fit.calls[0][1].output.confidence is True


def test_a_cancel_before_training_says_that_nothing_was_found(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    _, panel = open_window(*images, fit=FakeFit(gate=threading.Event()))
    press(qtbot, panel, "train")
    press(qtbot, panel, "cancel")
    assert status(panel)[0] == "Stopping… Nothing has been found yet."
    qtbot.waitUntil(lambda: idle(panel), timeout=20_000)


def test_two_images_are_ready_by_name_and_none_are_asked_for(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    viewer, panel = open_window(*images, fit=FakeFit())
    assert status(panel) == (
        "Ready: image 0 → image 1. Press Preview for a quick answer.",
        "info",
    )
    viewer.layers["image 1"].name = "tuesday"
    assert status(panel)[0].startswith("Ready: image 0 → tuesday. ")
    viewer.layers.clear()
    assert status(panel)[0].startswith("Choose the first image")


def test_another_choice_forgets_what_was_said_of_the_last(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    _, panel = open_window(*images, np.roll(images[0], 5, axis=1), fit=FakeFit())
    choose(panel, "first_image", "image 0")
    choose(panel, "last_image", "image 1")
    run(qtbot, panel)
    assert status(panel)[0].startswith("Done")
    choose(panel, "last_image", "image 2")
    text, severity = status(panel)
    assert text == "Ready: image 0 → image 2. Press Preview for a quick answer."
    assert severity == "info"


def test_arrows_without_texture_are_hidden_and_their_scale_is_told(
    open_window: Open, qtbot: Any
) -> None:
    """Half of the scene drifts, the other half is flat: nothing tells whether that moves."""
    first, last = (np.full((48, 96), 120, np.uint8) for _ in range(2))
    random = np.random.default_rng(3)
    wide = random.integers(0, 250, (60, 60)).astype(float)
    for axis in (0, 1):
        wide = sum(np.roll(wide, s, axis) for s in (-1, 0, 1)) / 3
    first[:, :48], last[:, :48] = wide[4:52, 4:52], wide[2:50, 1:49]
    viewer, panel = open_window(first, last)
    run(qtbot, panel, "preview")
    (arrows,) = made(viewer, "fields")
    starts = arrows.data[:, 0, 1:]
    assert 20 < starts[:, 1].max() < 60
    told = re.search(r"Arrows ([\d.]+) x their length; (\d+) % hidden", status(panel)[0])
    assert told is not None, status(panel)[0]
    assert float(told[1]) == arrows.length
    assert 35 < int(told[2]) < 55
    heads = starts + arrows.length * arrows.data[:, 1, 1:]
    assert heads.min() >= -0.5 - 1e-3
    assert (heads.max(axis=0) <= np.array([47.5, 95.5]) + 1e-3).all()
    # Who wants them all switches that off.
    put(panel, {"output.hide_doubtful": False})
    run(qtbot, panel, "preview")
    (arrows,) = made(viewer, "fields")
    assert arrows.data[:, 0, 2].max() > 90
    assert "hidden" not in status(panel)[0]
    assert f"Arrows {arrows.length:g} x their length." in status(panel)[0]
