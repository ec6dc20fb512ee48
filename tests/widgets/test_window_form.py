"""The settings and the choosers in a window: what they offer, and what they refuse."""

from __future__ import annotations

import html
import random
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QPushButton, QWidget
from tests.widgets.conftest import Images, Open
from tests.widgets.helpers import (
    FakeFit,
    choose,
    chosen,
    control,
    entries,
    idle,
    is_one_sentence,
    press,
    put,
    refused,
    run,
    status,
)

from napari_latentdyn.settings import Settings, iter_fields
from napari_latentdyn.settings.presets import PRESETS

SHOWN = [
    (name, field)
    for name, field in iter_fields()
    if not (isinstance(field.json_schema_extra, dict) and "form" in field.json_schema_extra)
]


def test_every_editor_explains_itself_in_full(open_form: Open) -> None:
    _, panel = open_form(fit=FakeFit())
    assert len(SHOWN) > 30
    for name, field in SHOWN:
        told = html.unescape(control(panel, name).toolTip())
        assert field.description, name
        assert field.description in told, name


def test_what_is_typed_reaches_the_training(open_form: Open, images: Images, qtbot: Any) -> None:
    fit = FakeFit()
    _, panel = open_form(*images, fit=fit)
    rate = control(panel, "training.learning_rate")
    rate.selectAll()
    qtbot.keyClicks(rate, "1e-5")
    put(panel, {"model.stages": 3, "output.latents": True, "images.normalisation": "pair"})
    run(qtbot, panel)
    (_, settings, _) = fit.calls[0]
    assert settings.training.learning_rate == 1e-5
    assert settings.model.stages == 3
    assert settings.patches.size == (48, 48)
    assert settings.output.latents is True
    assert settings.images.normalisation == "pair"


def test_presets_are_chosen_and_become_custom(open_form: Open, images: Images) -> None:
    _, panel = open_form(*images, fit=FakeFit())
    preset = control(panel, "preset", QComboBox)
    assert preset.currentText() == "custom"
    for name in PRESETS:
        choose(panel, "preset", name)
        assert preset.currentText() == name
        assert entries(panel, "preset") == list(PRESETS)
        wanted = Settings.preset(name)
        for setting in PRESETS[name].changes:
            assert control(panel, setting).value() == wanted.get(setting), setting
    put(panel, {"model.stages": 5})
    assert preset.currentText() == "custom"
    put(panel, {"model.stages": Settings.preset("paper").model.stages})
    assert preset.currentText() == "paper"


def test_a_stride_beyond_the_patch_is_refused_with_the_reason(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    _, panel = open_form(*images, fit=FakeFit())
    train = control(panel, "train", QPushButton)
    assert train.isEnabled()
    put(panel, {"patches.stride": (49, 48)})
    assert "stride (49) is larger than the patch height (48)" in refused(panel)
    panel.train()
    assert "stride" in refused(panel)
    put(panel, {"patches.stride": (48, 48)})
    assert train.isEnabled()
    assert status(panel)[1] == "info"
    run(qtbot, panel)
    assert status(panel)[0].startswith("Done")


def test_no_choice_of_settings_makes_the_window_fail(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    _, panel = open_form(*images, fit=FakeFit())
    chance = random.Random(0)

    def any_value(editor: QWidget, how: str) -> Any:
        if isinstance(editor, QComboBox):
            values = [editor.itemData(i) for i in range(editor.count())]
        elif isinstance(editor, QAbstractSpinBox):
            values = [editor.minimum(), editor.value(), editor.maximum()]
        elif boxes := editor.findChildren(QAbstractSpinBox):
            pairs = [[box.minimum(), box.value(), box.maximum()] for box in boxes]
            values = list(zip(*pairs, strict=True))
            values.append((values[0][0], values[-1][1]))
        else:
            values = [False, True]
        return {"least": values[0], "most": values[-1]}.get(how, chance.choice(values))

    for how in ("least", "most", *["any"] * 6):
        for name, _ in SHOWN:
            editor = control(panel, name)
            editor.setValue(any_value(editor, how))
        # The estimate is written a moment after the last change.
        qtbot.wait(160)
        ready = control(panel, "train", QPushButton).isEnabled()
        text, severity = status(panel)
        assert ready or (severity == "error" and is_one_sentence(text)), text


def test_an_empty_window_says_what_to_do(open_form: Open) -> None:
    _, panel = open_form(fit=FakeFit())
    text, severity = status(panel)
    assert severity == "info"
    assert is_one_sentence(text)
    assert "first image" in text
    assert not control(panel, "train", QPushButton).isEnabled()
    panel.train()
    assert is_one_sentence(status(panel)[0])


def test_choosers_follow_the_layers(open_form: Open, images: Images) -> None:
    viewer, panel = open_form(*images, fit=FakeFit())
    assert chosen(panel) == ("image 0", "image 1")
    viewer.add_image(images[0], name="later")
    assert entries(panel, "first_image") == ["image 0", "image 1", "later"]
    assert chosen(panel) == ("image 0", "image 1")
    viewer.layers["image 0"].name = "before"
    assert chosen(panel) == ("before", "image 1")
    viewer.layers.move(0, 3)
    assert entries(panel, "last_image") == ["image 1", "later", "before"]
    assert chosen(panel) == ("before", "image 1")
    viewer.layers.remove("image 1")
    assert entries(panel, "last_image") == ["later", "before"]
    assert chosen(panel) == ("before", "later")
    viewer.layers.clear()
    assert entries(panel, "first_image") == []
    assert not control(panel, "train", QPushButton).isEnabled()


def test_two_layers_of_one_name_are_told_apart(open_form: Open, images: Images, qtbot: Any) -> None:
    fit = FakeFit()
    viewer, panel = open_form(fit=fit)
    for image in images:
        viewer.add_image(image, name="scene")
    run(qtbot, panel)
    np.testing.assert_array_equal(fit.calls[0][0].images[0, 0], images[0])
    np.testing.assert_array_equal(fit.calls[0][0].images[1, 0], images[1])


def test_only_layers_with_values_of_pixels_are_offered(open_form: Open, images: Images) -> None:
    viewer, panel = open_form(fit=FakeFit())
    viewer.add_labels(np.zeros((48, 48), int))
    viewer.add_points(np.zeros((3, 2)))
    viewer.add_shapes()
    # napari opens files of 32- and 64-bit integers as labels, which can be images, too.
    assert entries(panel, "first_image") == ["Labels"]
    viewer.add_image(images[0], name="only")
    assert sorted(entries(panel, "first_image")) == ["Labels", "only"]
    assert chosen(panel) == ("only", "")


def test_own_results_are_offered_last_and_never_by_default(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    viewer, panel = open_form(*images, fit=FakeFit())
    run(qtbot, panel)
    viewer.layers.remove("image 1")
    viewer.layers.move(0, 2)
    assert chosen(panel) == ("image 0", "")
    assert entries(panel, "last_image") == ["image 0", "image frames"]


@pytest.mark.parametrize("times", [1, 2])
def test_swap_exchanges_both_images(
    open_form: Open, images: Images, qtbot: Any, times: int
) -> None:
    fit = FakeFit()
    _, panel = open_form(*images, fit=fit)
    for _ in range(times):
        press(qtbot, panel, "swap")
    names = ("image 0", "image 1")
    assert chosen(panel) == (names[::-1] if times == 1 else names)
    assert idle(panel)
    run(qtbot, panel)
    np.testing.assert_array_equal(fit.calls[0][0].images[0, 0], images[times % 2])
