"""A first answer without training, and where a training starts from."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Generator
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
    failed,
    idle,
    is_one_sentence,
    made,
    press,
    put,
    refused,
    run,
    status,
    train_button,
)

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.training.fit import Progress
from napari_latentdyn.settings import Settings

START = "training.start_from"


def preview_button(panel: Any) -> QPushButton:
    button: QPushButton = control(panel, "preview", QPushButton)
    return button


def test_a_preview_trains_nothing_and_says_what_comes_next(
    open_window: Open, images: Images, qtbot: Any, tmp_path: Path
) -> None:
    viewer, panel = open_window(*images)
    # The form asks for random networks of another shape, which is for the training only.
    assert control(panel, START).value() == "scratch"
    run(qtbot, panel, "preview")
    text, severity = status(panel)
    assert text.startswith("Preview ready (")
    answer, _, arrows = text.rpartition(" Arrows ")
    assert answer.endswith("). Press Train to refine it.")
    assert severity == "info"
    assert all(is_one_sentence(f"{part}.") for part in answer.removesuffix(".").split(". "))
    assert "x their length" in arrows
    (frames,), (fields,) = made(viewer, "frames"), made(viewer, "fields")
    assert frames.data.shape == (3, 48, 48), "as many stages as the form says"
    assert np.isfinite(frames.data).all()
    assert np.isfinite(fields.data).all()
    assert control(panel, "loss_plot").isHidden()
    assert train_button(panel).text() == "Train"
    assert control(panel, "restart", QPushButton).isHidden()
    saved = Dynamics.load(panel.save_run(tmp_path / "first"))
    assert saved.report.steps == 0
    assert not saved.settings.uses_decoder


def test_training_after_a_first_answer_begins_at_its_beginning_and_renews_the_layers(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    fake = FakeFit()
    viewer, panel = open_form(*images, fit=fake)
    put(panel, {"output.frames": 5})
    run(qtbot, panel, "preview")
    layers = list(viewer.layers)
    assert [layer.name for layer in layers] == [
        "image 0",
        "image 1",
        "image frames",
        "image motion",
    ]
    assert train_button(panel).text() == "Train"
    run(qtbot, panel)
    (_, before, _), (_, trained, resume) = fake.calls
    assert before.training.steps == 0
    assert not before.uses_decoder
    assert before.output.frames == 5
    assert trained.training.steps == 4
    assert trained.training.start_from == "scratch"
    assert resume is None
    assert list(viewer.layers) == layers
    assert status(panel)[0].startswith("Done: 4 steps")
    assert not control(panel, "loss_plot").isHidden()


def test_a_first_answer_is_offered_for_every_pair_and_for_valid_settings_only(
    open_form: Open, images: Images
) -> None:
    viewer, panel = open_form(fit=FakeFit())
    assert not preview_button(panel).isEnabled()
    for number, image in enumerate(images):
        viewer.add_image(image, name=f"image {number}")
    put(panel, {START: "/nowhere", "model.extractor_width": 5})
    assert preview_button(panel).isEnabled()
    choose(panel, "last_image", "image 0")
    refused(panel)
    assert not preview_button(panel).isEnabled()
    choose(panel, "last_image", "image 1")
    put(panel, {"patches.stride": (49, 48)})
    refused(panel)
    assert not preview_button(panel).isEnabled()
    panel.preview()
    assert "stride" in refused(panel)


def test_a_first_answer_that_is_cancelled_changes_nothing(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    fake = FakeFit(gate=threading.Event())
    viewer, panel = open_form(*images, fit=fake)
    before = list(viewer.layers)
    put(panel, {"output.preview": True})
    press(qtbot, panel, "preview")
    qtbot.waitUntil(lambda: len(fake.calls) == 1)
    assert not preview_button(panel).isEnabled()
    assert not train_button(panel).isEnabled()
    assert list(viewer.layers) == before, "what is there in seconds needs no layer until then"
    panel.train()
    assert "running already" in status(panel)[0]
    press(qtbot, panel, "cancel")
    qtbot.waitUntil(lambda: idle(panel), timeout=10_000)
    assert status(panel) == ("The preview was stopped; nothing changed.", "info")
    assert list(viewer.layers) == before
    assert not control(panel, "save", QPushButton).isEnabled()


def test_a_real_first_answer_that_is_cancelled_changes_nothing(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    viewer, panel = open_form(*images)
    press(qtbot, panel, "preview")
    qtbot.waitUntil(lambda: "Preparing" not in status(panel)[0], timeout=30_000)
    press(qtbot, panel, "cancel")
    qtbot.waitUntil(lambda: idle(panel), timeout=20_000)
    assert status(panel) == ("The preview was stopped; nothing changed.", "info")
    assert len(viewer.layers) == 2


@pytest.mark.parametrize("when", ["learned", "rendered"])
def test_a_first_answer_that_fails_leaves_the_training_as_it_was(
    open_form: Open, images: Images, qtbot: Any, when: str, tmp_path: Path
) -> None:
    broken = RuntimeError("no")

    def sometimes(pair: Any, settings: Settings, **options: Any) -> Generator[Progress, None, Any]:
        fails = settings.training.steps == 0
        if fails and when == "learned":
            yield Progress("prepare", 0, 1)
            raise broken
        return (yield from FakeFit(problem=broken if fails else None)(pair, settings, **options))

    _, panel = open_form(*images, fit=sometimes)
    run(qtbot, panel)
    run(qtbot, panel, "preview")
    assert f"The {'preview' if when == 'learned' else 'rendering'} failed" in failed(panel)
    assert Dynamics.load(panel.save_run(tmp_path / "run")).report.steps == 4


def test_what_was_trained_comes_back_after_a_first_answer(
    open_window: Open, images: Images, qtbot: Any, tmp_path: Path
) -> None:
    viewer, panel = open_window(*images)
    run(qtbot, panel)
    assert train_button(panel).text() == "Train", "all steps are done"
    trained = made(viewer, "frames")[0].data.copy()
    run(qtbot, panel, "preview")
    assert not np.array_equal(made(viewer, "frames")[0].data, trained)
    assert "The last training is kept until you train again." in status(panel)[0]
    assert train_button(panel).text() == "Show trained"
    assert "Go back" in train_button(panel).toolTip()
    assert control(panel, "loss_plot").isHidden()
    run(qtbot, panel)
    np.testing.assert_allclose(made(viewer, "frames")[0].data, trained, atol=1e-3)
    assert len(made(viewer, "frames")) == 1
    assert status(panel)[0].startswith("Done: 4 steps")
    assert train_button(panel).text() == "Train"
    assert not control(panel, "loss_plot").isHidden()
    assert control(panel, "loss_plot").points("match")[0] == [1, 2, 3, 4]
    assert Dynamics.load(panel.save_run(tmp_path / "run")).report.steps == 4


def test_a_training_that_was_stopped_goes_on_after_a_first_answer(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    fake = FakeFit()
    _, panel = open_form(*images, fit=fake)
    put(panel, {"training.steps": 100})
    press(qtbot, panel, "train")
    qtbot.waitUntil(lambda: control(panel, "progress").value() >= 3)
    press(qtbot, panel, "cancel")
    qtbot.waitUntil(lambda: idle(panel), timeout=10_000)
    run(qtbot, panel, "preview")
    assert train_button(panel).text() == "Continue"
    assert "Continue the last training" in train_button(panel).toolTip()
    learned = control(panel, "loss_plot").points("match")[0]
    run(qtbot, panel)
    assert fake.calls[-1][2] == learned[-1]
    assert status(panel)[0].startswith("Done: 100 steps")
    assert control(panel, "loss_plot").points("match")[0] == list(range(1, 101))
    run(qtbot, panel, "preview")
    run(qtbot, panel, "restart")
    assert fake.calls[-1][2] is None, "a restart begins again"
    assert train_button(panel).text() == "Train"


def test_a_first_answer_for_other_images_leaves_the_training_to_be_continued(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    fake = FakeFit()
    viewer, panel = open_form(*images, np.roll(images[1], 4, axis=0), fit=fake)
    choose(panel, "first_image", "image 0")
    choose(panel, "last_image", "image 1")
    run(qtbot, panel)
    choose(panel, "last_image", "image 2")
    run(qtbot, panel, "preview")
    assert train_button(panel).text() == "Train"
    assert len(made(viewer, "frames")) == 2
    choose(panel, "last_image", "image 1")
    put(panel, {"training.steps": 6})
    assert train_button(panel).text() == "Continue"
    run(qtbot, panel)
    assert fake.calls[-1][2] == 4


def test_the_quick_preset_shows_no_losses_and_says_that_nothing_was_trained(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    _, panel = open_form(*images, fit=FakeFit())
    choose(panel, "preset", "quick")
    run(qtbot, panel)
    assert status(panel)[0].startswith("Done without training in ")
    assert control(panel, "loss_plot").isHidden()
    assert train_button(panel).text() == "Match"


def test_the_button_promises_training_only_where_there_are_steps(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    fake = FakeFit()
    _, panel = open_form(*images, fit=fake)
    for preset, text in {"standard": "Match", "accurate": "Match", "paper": "Train"}.items():
        choose(panel, "preset", preset)
        assert train_button(panel).text() == text
        assert ("train the networks" in train_button(panel).toolTip()) is (text == "Train")
    choose(panel, "preset", "standard")
    qtbot.waitUntil(lambda: control(panel, "estimate").text().startswith("about "))
    run(qtbot, panel, "preview")
    assert "). Press Match to refine it." in status(panel)[0]
    run(qtbot, panel)
    assert train_button(panel).text() == "Match"
    assert control(panel, "restart", QPushButton).isHidden()
    # Training goes on from what was matched.
    put(panel, {"training.steps": 3})
    assert train_button(panel).text() == "Continue"
    run(qtbot, panel)
    assert fake.calls[-1][2] == 0
    assert status(panel)[0].startswith("Done: 3 steps")


def test_a_generated_sample_proposes_its_first_and_its_last_image(
    open_window: Open, qtbot: Any
) -> None:
    viewer, panel = open_window()
    viewer.open_sample("napari-latentdyn", "new_cracks")
    first, last = chosen(panel)
    assert first.endswith("first")
    assert last.endswith("last")
    choose(panel, "first_image", next(layer.name for layer in viewer.layers if layer.ndim == 3))
    viewer.add_image(viewer.layers[first].data.copy(), name="another")
    assert chosen(panel)[0].endswith("true frames"), "what was chosen by hand stays"


def test_the_time_that_is_told_is_that_until_the_frames_are_there(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    _, panel = open_form(*images)
    choose(panel, "preset", "paper")
    began = time.monotonic()
    run(qtbot, panel, "preview")
    waited = time.monotonic() - began
    told = re.search(r"Preview ready \(([\d.]+)", status(panel)[0])
    assert told is not None
    assert 0.3 * waited < float(told[1]) <= waited + 0.06


def test_noise_is_said_to_show_no_motion(open_form: Open, images: Images, qtbot: Any) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (2, 64, 64), dtype=np.uint8)
    _, panel = open_form(*noise)
    run(qtbot, panel, "preview")
    text, severity = status(panel)
    assert severity == "warning"
    assert text.startswith("Preview ")
    assert "No motion could be confirmed: hidden blocks" in text
    put(panel, {"model.initial_fields": "matched", "model.members": 1})
    run(qtbot, panel)
    text, severity = status(panel)
    assert severity == "warning"
    assert text.startswith("Done: 4 steps")
    assert "No motion could be confirmed" in text


def test_what_moves_is_not_doubted(open_form: Open, images: Images, qtbot: Any) -> None:
    _, panel = open_form(*images)
    run(qtbot, panel, "preview")
    assert status(panel)[1] == "info"
    assert "No motion" not in status(panel)[0]
