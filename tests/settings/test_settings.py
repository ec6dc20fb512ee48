"""Settings are described once, checked, and explained in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_latentdyn.settings import Settings, SettingsError, iter_fields, parse_value
from napari_latentdyn.settings.presets import PRESETS


def test_every_setting_has_a_title_a_description_and_bounds() -> None:
    for name, field in iter_fields():
        assert field.title, name
        assert field.description, name
        assert field.description.endswith("."), name
        if field.annotation in (int, float):
            assert field.metadata, f"{name} has no bounds"


@pytest.mark.parametrize("name", PRESETS)
def test_presets_round_trip_through_json(name: str, tmp_path: Path) -> None:
    settings = Settings.preset(name)
    settings.to_json(tmp_path / "settings.json")
    assert Settings.from_json(tmp_path / "settings.json") == settings
    assert set(PRESETS[name].changes) <= {known for known, _ in iter_fields()}


def test_a_patch_size_below_the_stride_names_both() -> None:
    with pytest.raises(SettingsError, match=r"use at most 48 for patches\.stride, .*patches\.size"):
        Settings().updated({"patches.size": (48, 48)})
    assert Settings().updated({"patches.size": (96, 96)}).patches.stride == (64, 64)


def test_presets_differ() -> None:
    assert len({Settings.preset(name).to_json() for name in PRESETS}) == len(PRESETS)


def test_paper_has_none_of_our_additions() -> None:
    paper = Settings.preset("paper")
    assert {
        name: paper.get(name)
        for name in (
            "images.normalisation",
            "model.fields_from",
            "model.image_in_latent",
            "model.levels",
            "model.initial_fields",
            "model.members",
            "physics.equation",
            "physics.transport",
            "physics.motion",
            "physics.interpolation",
            "physics.limiter",
            "physics.visibility",
            "physics.departure",
            "physics.border",
            "training.data_term",
            "training.smoothness",
            "training.stop_early",
        )
    } == {
        "images.normalisation": "patch",
        "model.fields_from": "first",
        "model.image_in_latent": False,
        "model.levels": 1,
        "model.initial_fields": "zero",
        "model.members": 1,
        "physics.equation": "advection",
        "physics.transport": "stages",
        "physics.motion": "steady",
        "physics.interpolation": "bilinear",
        "physics.limiter": False,
        "physics.visibility": False,
        "physics.departure": "euler",
        "physics.border": "clamp",
        "training.data_term": "square",
        "training.smoothness": "first",
        "training.stop_early": False,
    }


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"trainig": {}}, "did you mean 'training'?"),
        ({"model": {"stage": 3}}, "model: there is no setting 'stage'; did you mean 'stages'?"),
        ({"training": {"steps": -1}}, "training.steps: input should be greater than or equal to 0"),
        ({"patches": {"size": [8, 64]}}, "patches.size"),
        ({"patches": {"size": [32, 32], "stride": [40, 8]}}, "use at most 32"),
        ({"output": {"frames": 3, "times": [0.5]}}, "exclude each other"),
        ({"output": {"times": [1.5]}}, "output.times"),
        ({"model": {"encoder_kernel": 4}}, "3 or 5"),
        ({"training": {"learning_rate": float("nan")}}, "learning_rate"),
        ({"physics": {"diffusivity": True}}, "physics.diffusivity: must be a number; got true."),
        ({"model": {"stages": True}}, "model.stages: must be a number; got true."),
        ([1, 2], "not [1, 2]"),
    ],
)
def test_what_is_wrong_is_one_sentence(data: Any, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.parse(data)
    message = str(caught.value)
    assert says in message
    assert "\n" not in message
    assert message[-1] in ".?"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("steps", "did you mean 'training.steps'?"),
        ("patch.size", "did you mean 'patches.size'?"),
        ("model.layers", "did you mean"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(name: str, says: str) -> None:
    for refuse in (
        lambda: Settings().updated({name: 3}),
        lambda: Settings().get(name),
        lambda: parse_value(name, "3"),
    ):
        with pytest.raises(SettingsError, match=says.replace("?", r"\?")):
            refuse()


def test_files_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read"):
        Settings.from_json(tmp_path / "none.json")
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    with pytest.raises(SettingsError, match="not valid JSON"):
        Settings.from_json(broken)
    broken.write_text(json.dumps({"model": {"stages": "many"}}))
    with pytest.raises(SettingsError, match=r"broken\.json.*model\.stages"):
        Settings.from_json(broken)


@pytest.mark.parametrize("former", ["drift", "flow"])
def test_former_values_are_read_with_one_line(
    former: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings.parse({"model": {"initial_fields": former}})
    assert settings.model.initial_fields == "matched"
    assert [record.getMessage() for record in caplog.records] == [
        f"model.initial_fields: '{former}' was read as 'matched'."
    ]


@pytest.mark.parametrize(("former", "present"), [("first", "advection"), ("both", "source")])
def test_former_names_are_read_with_one_line(
    former: str, present: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"physics": {"ends": former, "border": "clamp"}}))
    settings = Settings.from_json(file)
    assert settings.physics.equation == present
    assert settings.physics.border == "clamp"
    assert [record.getMessage() for record in caplog.records] == [
        f"physics.ends is now physics.equation; '{former}' was read as '{present}'."
    ]


@pytest.mark.parametrize("former", ["middle", 3, None, ["first"]])
def test_former_names_with_unknown_values_are_refused(former: object) -> None:
    with pytest.raises(SettingsError, match="no setting 'ends'"):
        Settings.parse({"physics": {"ends": former}})


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("patches.size", "96, 80", (96, 80)),
        ("patches.size", "[96,80]", (96, 80)),
        ("model.encoder_kernel", "5", 5),
        ("training.learning_rate", "1e-4", 1e-4),
        ("output.frames", "none", None),
        ("output.times", "0.25 0.5", (0.25, 0.5)),
        ("model.image_in_latent", "false", False),
        ("physics.equation", "continuity", "continuity"),
        ("images.channel", "2", 2),
    ],
)
def test_texts_become_values(name: str, text: str, value: object) -> None:
    settings = Settings().updated({"patches.stride": (16, 16)})
    assert settings.updated({name: parse_value(name, text)}).get(name) == value


@given(st.integers(1, 128), st.floats(1e-7, 1.0), st.booleans())
def test_settings_are_immutable_and_copies_are_checked(
    stages: int, rate: float, keep: bool
) -> None:
    before = Settings()
    after = before.updated(
        {
            "model.stages": stages,
            "training.learning_rate": rate,
            "model.image_in_latent": keep,
        }
    )
    assert (after.model.stages, after.training.learning_rate) == (stages, rate)
    assert Settings.parse(json.loads(after.to_json())) == after
    assert before == Settings()
    with pytest.raises(SettingsError):
        before.updated({"model.stages": 0})


@pytest.mark.parametrize("equation", ["diffusion", "auto"])
def test_equations_of_intensities_need_them_in_the_latent_state(equation: str) -> None:
    told = f"image_in_latent must be true for the equation {equation} .*; got false: choose another"
    with pytest.raises(SettingsError, match=told):
        Settings.preset("paper").updated({"physics.equation": equation})
    changes = {"physics.equation": equation, "model.image_in_latent": True}
    assert Settings.preset("paper").updated(changes).physics.equation == equation


def test_presets_say_how_much_they_train() -> None:
    steps = {name: Settings.preset(name).training.steps for name in PRESETS}
    assert steps == {"quick": 0, "standard": 0, "accurate": 0, "paper": 800}
    for name in ("quick", "standard", "accurate"):
        assert not Settings.preset(name).uses_decoder
        assert Settings.preset(name).updated({"training.steps": 1}).uses_decoder
        assert Settings.preset(name).updated({"model.image_in_latent": False}).uses_decoder
    for name in ("quick", "standard"):
        assert PRESETS[name].summary.endswith("othing is trained.")
    starts = {name: Settings.preset(name).training.start_from for name in PRESETS}
    assert starts["accurate"] == "prior"
    assert starts["quick"] == starts["standard"] == "scratch"
    assert set(PRESETS["accurate"].changes) == {"training.start_from"}, "the summary names no other"
    assert Settings.preset("paper").training.start_from == "scratch"
    assert "from random weights" in PRESETS["paper"].summary
