"""Run folders whose files do not belong together: one sentence each."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from tests.core.helpers import finished, moved, small_settings

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.errors import ResumeError, RunFolderError, SettingsError


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    at = moved((2.0, 1.0), (32, 40))
    settings = small_settings(training__steps=1)
    _, dynamics = finished(fit(Observations.from_arrays(at(0.0), at(1.0)), settings))
    return dynamics.save(tmp_path_factory.mktemp("saved") / "run")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "run"))


def rewritten(
    folder: Path, name: str, change: Callable[[dict[str, Any]], dict[str, Any]] | dict[str, Any]
) -> None:
    """Change the arrays of a file, and let the report say its new length."""
    file = folder / name
    if name.endswith(".npz"):
        with np.load(file) as arrays:
            found = dict(arrays)
    else:
        found = load_file(file)
    found = change(found) if callable(change) else found | change
    if name.endswith(".npz"):
        np.savez(file, **found)
    else:
        save_file(found, file, {"format": "1", "channels": "1"})
    report = json.loads((folder / "report.json").read_text())
    report["files"][name] = file.stat().st_size
    (folder / "report.json").write_text(json.dumps(report))


def refusal(folder: Path) -> str:
    with pytest.raises(RunFolderError) as error:
        assert Dynamics.load(folder).fitted
    text = str(error.value)
    assert text.endswith(".")
    assert "\n" not in text
    return text


def without(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda found: {key: value for key, value in found.items() if key != name}


IMAGES = np.zeros((2, 1, 32, 40), np.float32)
INPUTS = {
    "lacks 'images'": without("images"),
    "lacks 'multichannel'": without("multichannel"),
    "'images' has shape": {"images": IMAGES[..., :-1]},
    "'images' has shape (3, 1, 32, 40)": {"images": IMAGES.repeat(2, axis=0)[:3]},
    "(2, 32, 40)": {"images": IMAGES[:, 0]},
    "'low' has shape (1,) where (3)": {"images": IMAGES.repeat(3, axis=1)},
    "real type": {"images": IMAGES.astype(np.int32)},
    "not finite": {"images": np.full_like(IMAGES, np.nan)},
    "'valid' holds values of type": {"valid": IMAGES[:, 0]},
    "other times": {"times": np.array([0.0, 2.0])},
    "no range": {"low": np.ones(1, np.float32), "high": np.ones(1, np.float32)},
    "channels": {"multichannel": np.array(True)},
    "'multichannel' has shape": {"multichannel": np.array([True])},
    "'brightness' has shape": {"brightness": np.zeros((2, 2, 2), np.float32)},
    "factor 0": {"brightness": np.zeros((2, 1, 2), np.float32)},
}


def version_1(folder: Path, **changes: Any) -> None:
    """Write the images and the report as version 1 of the format has them."""

    def change(found: dict[str, Any]) -> dict[str, Any]:
        first, last = found.pop("images")
        valid_first, valid_last = found.pop("valid")
        del found["times"]
        ends = {"first": first, "last": last, "valid_first": valid_first, "valid_last": valid_last}
        return found | ends | changes

    rewritten(folder, "inputs.npz", change)
    report = json.loads((folder / "report.json").read_text())
    del report["observation_times"]
    report["inputs"] = dict(zip(("first", "last"), report["inputs"], strict=True))
    (folder / "report.json").write_text(json.dumps(report | {"format_version": 1}))


def test_a_run_folder_of_version_1_opens(folder: Path, saved: Path) -> None:
    change = np.array([[0.5, 0.25]], np.float32)
    version_1(folder, brightness=change)
    opened, now = Dynamics.load(folder), Dynamics.load(saved)
    assert opened.observations.same_as(now.observations)
    assert opened.observations.brightness is not None
    np.testing.assert_array_equal(opened.observations.brightness, [[[1, 0]], change])
    assert [source.sha256 for source in opened.report.inputs] == [
        source.sha256 for source in now.report.inputs
    ]
    np.testing.assert_array_equal(opened.frames(), now.frames())
    np.testing.assert_array_equal(opened.fields, now.fields)


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("'valid_first' holds values of type", {"valid_first": IMAGES[0, 0]}),
        ("shapes (1, 32, 40) and (3, 32, 40)", {"last": IMAGES[0].repeat(3, axis=0)}),
        ("'first' has shape", {"first": IMAGES[0, :, :, :-1]}),
    ],
)
def test_inputs_of_version_1_that_make_no_pair(
    folder: Path, words: str, changes: dict[str, Any]
) -> None:
    version_1(folder, **changes)
    assert words in refusal(folder)


@pytest.mark.parametrize("words", INPUTS)
def test_inputs_that_make_no_pair(folder: Path, words: str) -> None:
    rewritten(folder, "inputs.npz", INPUTS[words])
    text = refusal(folder)
    assert "inputs.npz" in text
    assert words in text


def test_unknown_arrays_are_left_alone(folder: Path) -> None:
    rewritten(folder, "inputs.npz", {"of a later version": np.zeros(3)})
    assert Dynamics.load(folder).observations.shape == (32, 40)


def test_numbers_of_another_byte_order(folder: Path, saved: Path) -> None:
    rewritten(
        folder,
        "inputs.npz",
        lambda a: {k: v.astype(v.dtype.newbyteorder(">")) for k, v in a.items()},
    )
    rewritten(
        folder,
        "fields.npz",
        lambda a: {k: v.astype(v.dtype.newbyteorder(">")) for k, v in a.items()},
    )
    np.testing.assert_array_equal(
        Dynamics.load(folder).frames([0.5]), Dynamics.load(saved).frames([0.5])
    )


def first_weight(found: dict[str, Any]) -> str:
    return next(name for name in sorted(found) if name.startswith("model.") and found[name].ndim)


def test_models_that_do_not_fit(folder: Path, saved: Path) -> None:
    arrays = load_file(saved / "model.safetensors")
    weight = first_weight(arrays)
    members = arrays["velocities"]
    changes: dict[str, Any] = {
        "does not fit its settings": {weight: np.zeros(7, np.float32)},
        "weights that are not finite": {weight: arrays[weight] * np.nan},
        "members of another shape": {"velocities": members[..., :-1]},
        "members of another shape.": {"weights": np.ones(len(members) + 3, np.float32)},
        "invalid velocities or weights": {"velocities": members * np.inf},
        "invalid velocities or weights;": {"weights": np.full(len(members) + 1, -1, np.float32)},
    }
    for words, change in changes.items():
        shutil.copy(saved / "model.safetensors", folder)
        rewritten(folder, "model.safetensors", change)
        assert words.rstrip(".;") in refusal(folder)
    shutil.copy(saved / "model.safetensors", folder)
    rewritten(folder, "model.safetensors", without(weight))
    assert "does not fit its settings" in refusal(folder)


def test_a_report_without_what_a_training_needs(folder: Path) -> None:
    report = json.loads((folder / "report.json").read_text())
    for name in ("steps", "seconds"):
        (folder / "report.json").write_text(
            json.dumps({key: value for key, value in report.items() if key != name})
        )
        assert f"lacks '{name}'" in refusal(folder)


def test_fields_that_are_not_finite(folder: Path) -> None:
    rewritten(folder, "fields.npz", lambda found: found | {"velocity": found["velocity"] * np.nan})
    assert "not finite" in refusal(folder)


def test_other_stages_than_the_settings_have(folder: Path) -> None:
    settings = json.loads((folder / "settings.json").read_text())
    settings["model"]["stages"] = 100
    (folder / "settings.json").write_text(json.dumps(settings))
    assert "does not fit its settings" in refusal(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"optimiser.first.exp_avg": np.zeros(3, np.float32)},
        {"optimiser.99999999999999999999.exp_avg": np.zeros(3, np.float32)},
        {"optimiser.0.exp_avg": np.zeros(3, np.float32)},
        {"optimiser.0.other": np.zeros(3, np.float32)},
        {"optimiser.-1.exp_avg": np.zeros(3, np.float32)},
        without("optimiser.0.step"),
    ],
)
def test_a_training_does_not_go_on_with_a_damaged_optimiser(folder: Path, change: Any) -> None:
    rewritten(folder, "model.safetensors", change)
    dynamics = Dynamics.load(folder)
    settings = dynamics.settings.updated({"training.steps": 2})
    with pytest.raises(ResumeError, match="optimiser"):
        finished(fit(dynamics.observations, settings, resume=dynamics.fitted.checkpoint))


def test_a_training_does_not_start_from_a_damaged_run(folder: Path, saved: Path) -> None:
    weight = first_weight(load_file(saved / "model.safetensors"))
    rewritten(folder, "model.safetensors", {weight: np.zeros(7, np.float32)})
    at = moved((2.0, 1.0), (32, 40))
    settings = small_settings(training__steps=1, training__start_from=str(folder))
    with pytest.raises(SettingsError, match="do not fit"):
        finished(fit(Observations.from_arrays(at(0.0), at(1.0)), settings))


def test_no_network_is_built_for_what_a_file_claims(folder: Path, monkeypatch: Any) -> None:
    """Settings of large networks in a folder of small ones: only their shapes are compared."""
    settings = json.loads((folder / "settings.json").read_text())
    settings["model"] |= {"unet_width": 128, "encoder_width": 256, "extractor_width": 128}
    (folder / "settings.json").write_text(json.dumps(settings))
    made = []
    empty = torch.nn.Conv2d.reset_parameters
    monkeypatch.setattr(
        torch.nn.Conv2d,
        "reset_parameters",
        lambda layer: (made.append(layer.weight.device.type), empty(layer))[1],
    )
    assert "does not fit its settings" in refusal(folder)
    assert set(made) == {"meta"}
