"""Flags and files of settings: generated from the model, in a fixed order of precedence."""

from __future__ import annotations

import argparse
import json
from typing import Any

import pytest

from napari_latentdyn.cli.flags import flag_of, settings_from
from napari_latentdyn.cli.parser import build_parser, parse
from napari_latentdyn.errors import UserError
from napari_latentdyn.settings import Settings, iter_fields

VALUES = {
    "model.correlation": ("2", 2),
    "model.extractor_growth": ("2", 2),
    "training.start_from": ("scratch", "scratch"),
    "images.channel": ("1", 1),
    "images.normalisation": ("pair", "pair"),
    "images.missing_value": ("-9999", -9999.0),
    "images.interval": ("23.5", 23.5),
    "images.interval_unit": ("day", "day"),
    "patches.size": ("48 40", (48, 40)),
    "patches.stride": ("24 20", (24, 20)),
    "model.encoder_kernel": ("5", 5),
    "model.members": ("3", 3),
    "output.times": ("0.1,0.9", (0.1, 0.9)),
}


def parsed(*flags: str) -> argparse.Namespace:
    return parse(build_parser(), ["run", "a.tif", "b.tif", "-o", "out", *flags])


def other_value(name: str) -> tuple[str, object]:
    """A text and a value that differ from the default."""
    if name in VALUES:
        return VALUES[name]
    default = Settings().get(name)
    if default is None or (isinstance(default, int) and not isinstance(default, bool)):
        value = (default or 30) + 2
        return str(value), value
    if isinstance(default, float):
        return str(default / 2), default / 2
    annotation = dict(iter_fields())[name].annotation
    choices = [choice for choice in annotation.__args__ if choice != default]
    return choices[0], choices[0]


FLAGS = [
    name
    for name, field in iter_fields()
    if flag_of(name) is not None and field.annotation is not bool
]


@pytest.mark.parametrize("name", FLAGS)
def test_every_setting_has_a_flag_and_a_set(name):
    text, value = other_value(name)
    flag = flag_of(name)
    more = ("--interval", "2") if name == "images.interval_unit" else ()
    assert settings_from(parsed(flag, *text.split(), *more)).get(name) == value
    assert settings_from(parsed("--set", f"{name}={text}", *more)).get(name) == value


def test_switches():
    assert settings_from(parsed()).model.image_in_latent is True
    assert settings_from(parsed("--no-image-in-latent")).model.image_in_latent is False
    assert (
        settings_from(parsed("--set", "model.image_in_latent=false")).model.image_in_latent is False
    )


def test_flags_have_different_names():
    flags = [flag_of(name) for name, _ in iter_fields() if flag_of(name)]
    assert len(set(flags)) == len(flags)


def test_a_small_patch_size_alone_brings_a_stride_that_fits():
    assert settings_from(parsed("--patch-size", "48", "40")).patches.stride == (24, 20)
    assert settings_from(parsed("--patch-size", "96", "96")).patches.stride == (64, 64)
    with pytest.raises(UserError, match=r"the stride \(64\) is larger"):
        settings_from(parsed("--patch-size", "48", "48", "--stride", "64", "64"))


def test_settings_of_the_window_have_no_flag_but_a_set():
    assert flag_of("output.preview") is None
    assert settings_from(parsed("--set", "output.preview=false")).output.preview is False
    assert flag_of("output.confidence") is None
    assert settings_from(parsed("--set", "output.confidence=true")).output.confidence is True


def test_help_is_the_description_of_the_setting():
    text = build_parser().format_help()
    assert "run" in text
    with pytest.raises(SystemExit) as left:
        parsed("--help")
    assert left.value.code == 0


def test_help_names_the_defaults(capsys):
    with pytest.raises(SystemExit):
        parsed("--help")
    text = " ".join(capsys.readouterr().out.split())
    assert "frames in between are the pictures that are computed. (default: 0)" in text
    assert "[pixels] (default: 128 128)" in text
    assert "Unit of the time between the images. (default: hour)" in text
    assert "(default: 0.001)" in text
    defaults = [flag_of(name) for name, _ in iter_fields() if flag_of(name)]
    assert text.count("(default: ") == len(defaults) + 1  # and that of --preset


def test_a_unit_of_time_needs_a_time():
    for flags in (("--interval-unit", "day"), ("--set", "images.interval_unit=day")):
        with pytest.raises(UserError, match="with --interval"):
            settings_from(parsed(*flags))
    assert settings_from(parsed("--interval", "3", "--interval-unit", "day")).images.interval == 3


def test_a_list_may_start_with_a_minus():
    assert settings_from(parsed("--missing-value", "-9999")).images.missing_value == -9999
    with pytest.raises(UserError, match=r"^output.times: .* not '-0.5'\.$"):
        settings_from(parsed("--times", "-0.5,.5"))


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("patches.size=32", "patches.size: must be two numbers, such as 64,64."),
        ("patches.size=32,32,32", "patches.size: must be two numbers, such as 64,64."),
        ("bogus.xyzzy=1", "names start with images, patches, model, physics, training, output and"),
    ],
)
def test_wrong_assignments_are_explained(assignment, says):
    with pytest.raises(UserError) as error:
        settings_from(parsed("--set", assignment))
    assert says in str(error.value)
    assert len(str(error.value)) < 140


def test_each_source_goes_before_the_last(tmp_path):
    file = tmp_path / "settings.json"
    changes = {"model": {"stages": 3, "levels": 3, "latent_channels": 3}, "training": {"steps": 3}}
    file.write_text(json.dumps(changes))
    settings = settings_from(
        parsed(
            *("--preset", "paper", "--settings", str(file)),
            *("--levels", "4", "--latent-channels", "4"),
            *("--set", "model.latent_channels=5"),
        )
    )
    assert settings.model.fields_from == "first"  # the preset
    assert settings.model.stages == 3  # the file
    assert settings.training.steps == 3
    assert settings.model.levels == 4  # the flag
    assert settings.model.latent_channels == 5  # --set


def test_a_settings_file_round_trips(tmp_path):
    settings = Settings.preset("accurate").updated({"output.times": (0.25,), "images.interval": 2})
    settings.to_json(tmp_path / "settings.json")
    assert settings_from(parsed("--settings", str(tmp_path / "settings.json"))) == settings


def test_the_way_to_choose_frames_with_precedence_replaces_the_other(tmp_path):
    file = tmp_path / "settings.json"
    file.write_text('{"output": {"times": [0.5]}}')
    settings = settings_from(parsed("--settings", str(file), "--frames", "3"))
    assert settings.output.frames == 3
    assert settings.output.times is None
    settings = settings_from(parsed("--frames", "3", "--set", "output.times=0.2"))
    assert settings.output.frames is None
    assert settings.output.times == (0.2,)
    with pytest.raises(UserError, match="exclude each other"):
        settings_from(parsed("--frames", "3", "--times", "0.5"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"model": {"stage": 3}}', "did you mean 'stages'?"),
        ('{"modle": {}}', "did you mean 'model'?"),
        ('{"model": {"stages": "many"}}', "model.stages"),
        ("{", "not valid JSON"),
        ('{"model": 3}', 'model: holds settings as {"name": value}, not 3.'),
        ("3", 'settings are given as {"group": {"name": value}}, not 3.'),
    ],
)
def test_a_wrong_settings_file_is_named(tmp_path, content, says):
    file = tmp_path / "mine.json"
    file.write_text(content)
    with pytest.raises(UserError) as error:
        settings_from(parsed("--settings", str(file)))
    assert says in str(error.value)
    assert "mine.json" in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("run", "a.tif", "b.tif", "-o", "x", "--times", ""), "--times"),
        (("run", "a.tif", "b.tif", "-o", "x", "--times="), "--times"),
        (("run", "a.tif", "b.tif", "-o", "x", "--frames", " "), "--frames"),
        (("run", "a.tif", "b.tif", "-o", "x", "--patch-size", "", "3"), "--patch-size"),
        (("run", "a.tif", "b.tif", "-o", "x", "--preset", ""), "--preset"),
        (("run", "a.tif", "b.tif", "-o", "x", "--mask", "", "m.tif"), "--mask"),
        (("run", "a.tif", "", "-o", "x"), "IMAGE"),
        (("run", "--resume", ""), "--resume"),
        (("apply", "x", "--times", ""), "--times"),
        (("compare", "a.tif", "b.tif", "-o", "x", "--methods", ""), "--methods"),
        (("compare", "a.tif", "b.tif", "-o", "x", "--truth-times", ""), "--truth-times"),
        (("export", "x", "-o", "y.nc", "--to", ""), "--to"),
        (("export", "x", "-o", "y.png", "--shown", ""), "--shown"),
        (("demo", "-o", ""), "-o/--output"),
    ],
)
def test_an_empty_value_is_not_taken_for_none(
    call: Any, arguments: tuple[str, ...], name: str
) -> None:
    done = call(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert f"argument {name}: the value is empty; give one, or leave" in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("assignment", ["output.times=", "model.stages= ", "=3", "output.times"])
def test_an_assignment_has_a_name_and_a_value(call: Any, assignment: str) -> None:
    done = call("run", "a.tif", "b.tif", "-o", "x", "--set", assignment)
    assert done.code == 2
    assert "--set must be the name of a setting and its value" in done.err
