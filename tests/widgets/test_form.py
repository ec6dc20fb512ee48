from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QWidget

from napari_latentdyn.errors import SettingsError
from napari_latentdyn.settings import Settings, iter_fields
from napari_latentdyn.settings.presets import PRESETS
from napari_latentdyn.widgets.form import SettingsForm
from napari_latentdyn.widgets.texts import common_name, preset_of, time_span, with_preset

positive = st.floats(1e-12, 1.0)
# Numbers below 1e-300 have more digits than a box of Qt keeps.
weight = st.just(0.0) | st.floats(1e-300, 1e6)


@st.composite
def any_settings(draw: st.DrawFn) -> Settings:
    size = draw(st.tuples(st.integers(16, 8192), st.integers(16, 8192)))
    stride = tuple(draw(st.integers(1, side)) for side in size)
    frames = draw(st.none() | st.integers(0, 10_000))
    times = draw(st.none() | st.lists(st.floats(0, 1), max_size=4).map(tuple))
    return Settings().updated(
        {
            "images.channel": draw(st.none() | st.integers(0, 10**6)),
            "images.normalisation": draw(st.sampled_from(["pair", "percentile", "patch"])),
            "images.missing_value": draw(
                st.none() | st.just(0.0) | st.floats(1e-300, 1e300) | st.floats(-1e300, -1e-300)
            ),
            "images.interval": draw(st.none() | st.floats(1e-300, 1e300)),
            "images.interval_unit": draw(st.sampled_from(["second", "minute", "hour", "day"])),
            "patches.size": size,
            "patches.stride": stride,
            "model.encoder_kernel": draw(st.sampled_from([3, 5])),
            "model.image_in_latent": draw(st.booleans()),
            "training.start_from": draw(
                st.sampled_from(["prior", "scratch", "/runs/ice_run", "ice_run/", "C:\\runs\\ice"])
            ),
            "training.steps": draw(st.integers(0, 1_000_000)),
            "training.learning_rate": draw(positive),
            "training.final_rate": draw(positive),
            "training.learned_rate": draw(positive),
            "training.weight_match": draw(weight),
            "training.weight_time": draw(weight),
            "training.seed": draw(st.integers(0, 2**31 - 1)),
            "training.device": draw(st.sampled_from(["auto", "cpu", "cuda", "mps"])),
            "output.frames": frames,
            "output.times": times if frames is None else None,
            "output.arrow_spacing": draw(st.none() | st.integers(1, 4096)),
            "output.overlap": draw(st.floats(0.1, 0.75)),
        }
    )


@pytest.fixture
def form(qtbot: Any) -> SettingsForm:
    form = SettingsForm()
    qtbot.addWidget(form)
    return form


@given(wanted=any_settings())
@profile(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_form_gives_back_what_it_was_given(form: SettingsForm, wanted: Settings) -> None:
    form.set_value(wanted)
    assert form.value() == wanted


@pytest.mark.parametrize("name", PRESETS)
def test_presets_pass_through_the_form_and_are_recognised(form: SettingsForm, name: str) -> None:
    form.set_value(Settings.preset(name))
    assert form.value() == Settings.preset(name)
    assert preset_of(form.value()) == name


def test_a_preset_leaves_alone_what_the_user_said_of_images_and_computer() -> None:
    mine = Settings().updated(
        {"images.interval": 23.0, "training.device": "cpu", "training.seed": 4, "output.frames": 3}
    )
    changed = with_preset(mine, "paper")
    assert changed.physics.transport == "stages"
    assert changed.images.interval == 23.0
    assert (changed.training.device, changed.training.seed) == ("cpu", 4)
    assert changed.output.frames == 3
    assert preset_of(changed) == "paper"
    assert preset_of(changed.updated({"model.stages": 5})) == ""


def test_every_setting_shown_has_its_name_and_its_description(form: SettingsForm) -> None:
    for name, field in iter_fields():
        extra = field.json_schema_extra
        hidden = isinstance(extra, dict) and extra.get("form") is False
        editor = form.findChild(QWidget, name)
        assert (editor is None) == hidden, name
        if editor is not None:
            assert (field.description or "?").split(",")[0].split("'")[0] in editor.toolTip()


@pytest.mark.parametrize(
    ("first", "last", "shared"),
    [
        ("ice 1", "ice 2", "ice"),
        ("sea ice 2020-03-01 08:32", "sea ice 2020-03-02 07:35", "sea ice"),
        ("band_1", "band_2", "band"),
        ("frame12", "frame17", "frame"),
        ("before", "after", "before"),
        ("image", "image [1]", "image"),
    ],
)
def test_results_are_named_after_what_both_names_share(first: str, last: str, shared: str) -> None:
    assert common_name(first, last) == shared


def test_a_change_is_told_once_and_no_change_not_at_all(form: SettingsForm, qtbot: Any) -> None:
    told: list[int] = []
    form.valueChanged.connect(lambda: told.append(1))
    form.set_value(form.value())
    assert told == []
    form.set_value(Settings.preset("paper"))
    assert told == [1]
    form.editor("patches.size").setValue((48, 40))
    assert told == [1, 1]


def test_values_that_do_not_fit_together_are_named(form: SettingsForm) -> None:
    form.editor("patches.stride").setValue((512, 64))
    with pytest.raises(SettingsError, match="stride"):
        form.value()


def test_numbers_are_never_rounded_and_steps_change_the_leading_digit(form: SettingsForm) -> None:
    rate = form.editor("training.learning_rate")
    rate.setValue(1.2345678901234e-4)
    assert rate.value() == 1.2345678901234e-4
    rate.setValue(0.001)
    rate.stepBy(1)
    assert rate.text() == "0.002"
    rate.stepBy(-2)
    assert rate.text() == "0.0009"
    rate.setValue(0.0)
    assert rate.value() > 0
    weight = form.editor("training.weight_space")
    weight.setValue(0.0)
    weight.stepBy(1)
    assert math.isclose(weight.value(), 0.1)


@pytest.mark.parametrize("text", ["1e-4", "0.0001", ".0001"])
def test_numbers_can_be_typed_as_people_write_them(
    form: SettingsForm, qtbot: Any, text: str
) -> None:
    rate = form.editor("training.learning_rate")
    rate.selectAll()
    qtbot.keyClicks(rate, text)
    assert rate.value() == 1e-4


def test_an_optional_number_can_be_emptied(form: SettingsForm, qtbot: Any) -> None:
    for name, shown in (("output.frames", "at each stage"), ("images.interval", "not known")):
        box = form.editor(name)
        box.setValue(7)
        assert box.value() == 7
        box.selectAll()
        qtbot.keyClick(box, Qt.Key.Key_Delete)
        qtbot.keyClick(box, Qt.Key.Key_Return)
        assert box.value() is None
        assert box.text() == shown


def test_the_wheel_changes_nothing(form: SettingsForm, qtbot: Any) -> None:
    form.show()
    before = form.value()
    for name, _ in iter_fields():
        editor = form.findChild(QWidget, name)
        for target in [] if editor is None else [editor, *editor.findChildren(QWidget)]:
            QApplication.sendEvent(target, _wheel(target))
    assert form.value() == before


def test_advanced_settings_are_hidden_until_asked_for(form: SettingsForm, qtbot: Any) -> None:
    form.show()
    qtbot.waitExposed(form)
    rate, steps = form.editor("training.learning_rate"), form.editor("training.steps")
    content = form.advanced.content()
    assert steps.isVisible()
    assert content.height() == 0
    qtbot.mouseClick(form.advanced.toggleButton(), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: content.height() > 200)
    assert rate.isVisible()


def _wheel(target: QWidget) -> QWheelEvent:
    middle = target.rect().center()
    return QWheelEvent(
        QPointF(middle),
        QPointF(target.mapToGlobal(middle)),
        QPoint(0, 120),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )


def test_lists_show_plain_words_and_keep_the_values_of_files(qtbot: Any) -> None:
    form = SettingsForm()
    qtbot.addWidget(form)
    box = form.editor("model.weighting")
    assert box.currentText() == "by prediction of hidden blocks"
    assert form.value().model.weighting == "held_out"
    box.setCurrentText("all equal")
    assert form.value().model.weighting == "equal"
    assert [box.itemText(i) for i in range(box.count())] == [
        "all equal",
        "by prediction of hidden blocks",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "under 1 s"), (0.9, "under 1 s"), (2, "about 2 s")]
)
def test_an_estimate_is_never_zero_seconds(seconds: float, text: str) -> None:
    assert time_span(seconds, seconds).replace("\u00a0", " ") == text
