"""The prior learned beforehand: what it finds without training, and how fits start from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from tests.core.helpers import finished, moved, small_settings, texture

from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.training import prior
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.core.training.initial import common_drift
from napari_latentdyn.core.training.prior import (
    check_start,
    load_weights,
    prior_card,
    prior_velocity,
)
from napari_latentdyn.errors import SettingsError
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.samples import sea_ice_pair

NOTHING = np.zeros(2, np.float32)


def quick(**changes: object) -> Settings:
    """The preset "quick", with the pretrained networks."""
    return Settings.preset("quick").updated(
        {
            "training.start_from": "prior",
            "training.device": "cpu",
            "output.preview": False,
            **{name.replace("__", "."): value for name, value in changes.items()},
        }
    )


def learned_beforehand(channels: int = 1) -> LatentDynamics:
    whole = quick(training__steps=1)
    model = LatentDynamics(channels, whole)
    assert load_weights(model, whole)
    return model


def rotated(angle: float, side: int = 128) -> Callable[[float], NDArray[np.float32]]:
    """Texture of several scales that turns about its middle by an angle over the interval."""
    image = sum(texture((2 * side, 2 * side), 3, sigma) for sigma in (2.0, 5.0, 12.0)) / 3
    rows, columns = np.mgrid[:side, :side] - (side - 1) / 2

    def at(time: float) -> NDArray[np.float32]:
        turn = angle * (time - 0.5)
        y = np.cos(turn) * rows - np.sin(turn) * columns + side - 0.5
        x = np.sin(turn) * rows + np.cos(turn) * columns + side - 0.5
        return ndimage.map_coordinates(image, [y, x], order=3).astype(np.float32)

    return at


def test_the_weights_are_small_and_say_where_they_come_from() -> None:
    assert prior.PRIOR_FILE.stat().st_size < 15e6
    card = prior_card()
    assert card["steps"] == card["plan"]["steps"]
    assert card["commit"] != "unknown"
    assert card["figures"]["epe"] < card["figures"]["still"]
    defaults = Settings().model.model_dump()
    assert {name: card["settings"][name] for name in prior._SHAPES} == {
        name: defaults[name] for name in prior._SHAPES
    }


@hypothesis_settings(max_examples=8, deadline=None)
@given(st.floats(-14, 14), st.floats(-14, 14), st.integers(0, 5))
def test_translations_are_found_without_training(dy: float, dx: float, seed: int) -> None:
    assume(abs(dy) + abs(dx) > 0.5)  # the same image twice is refused
    at = moved((dy, dx), (128, 128), seed)
    velocity = prior_velocity(learned_beforehand(), Observations.from_arrays(at(0), at(1)), NOTHING)
    inner = velocity[:, 20:-20, 20:-20]
    assert np.abs(np.median(inner, axis=(1, 2)) - [dy, dx]).max() < 1.0


@pytest.mark.parametrize("angle", [0.3, -0.3])
def test_rotations_are_found_without_training(angle: float) -> None:
    at = rotated(angle)
    velocity = prior_velocity(learned_beforehand(), Observations.from_arrays(at(0), at(1)), NOTHING)
    rows, columns = np.mgrid[:128, :128] - 63.5
    # From where it was to where it goes, for what is at a pixel half way.
    chord = 2 * np.sin(angle / 2)
    error = np.hypot(*(velocity - chord * np.stack([columns, -rows])))
    assert error[np.hypot(rows, columns) < 50].mean() < 1.0


def test_the_drift_of_sea_ice_is_found_without_training() -> None:
    pair = Observations.from_arrays(*sea_ice_pair())
    velocity = prior_velocity(learned_beforehand(), pair, NOTHING)
    first, last = (image.mean(axis=0) for image in pair.normalised())
    drift = common_drift(first - first.mean(), last - last.mean())
    assert np.hypot(*drift) > 40
    assert np.hypot(*(np.median(velocity, axis=(1, 2)) - drift)) < 1.0


def test_colours_are_read_as_grey() -> None:
    at = moved((4.0, -6.0), (96, 96))
    grey = [np.asarray(at(t), np.float32) for t in (0, 1)]
    colours = [np.stack([image] * 3) for image in grey]
    found = [
        prior_velocity(learned_beforehand(c), pair, NOTHING)
        for c, pair in (
            (1, Observations.from_arrays(*grey)),
            (3, Observations.from_arrays(*colours, channel_axis=0)),
        )
    ]
    np.testing.assert_allclose(found[0], found[1], atol=1e-3)


def test_windows_of_a_large_image_are_blended(monkeypatch: pytest.MonkeyPatch) -> None:
    at = moved((3.0, 5.0), (96, 288))
    pair = Observations.from_arrays(at(0), at(1))
    monkeypatch.setattr(prior, "_WINDOW", 128)
    velocity = prior_velocity(learned_beforehand(), pair, NOTHING)
    assert velocity.shape == (2, 96, 288)
    inner = np.median(velocity[:, 16:-16], axis=1)
    assert np.abs(inner[0, 16:-16] - 3.0).max() < 1.0
    assert np.abs(inner[1, 16:-16] - 5.0).max() < 1.0


def test_quick_answers_without_training_and_beats_the_cross_dissolve() -> None:
    at = rotated(0.3)
    seen, dynamics = finished(fit(Observations.from_arrays(at(0), at(1)), quick()))
    assert dynamics.report.steps == 0
    assert not dynamics.report.stopped_early
    assert not any(progress.phase == "train" for progress in seen)
    truth, frame = at(0.5), dynamics.frames([0.5])[0]
    dissolve = (at(0) + at(1)) / 2
    inner = (slice(12, -12), slice(12, -12))
    assert np.square(frame - truth)[inner].mean() < 0.05 * np.square(dissolve - truth)[inner].mean()


def test_training_goes_on_from_the_prior() -> None:
    at = moved((5.0, -3.0))
    settings = quick(training__steps=1, patches__size=(64, 64), model__members=1)
    _, dynamics = finished(fit(Observations.from_arrays(at(0), at(1)), settings))
    before = learned_beforehand().state_dict()
    after = dynamics.fitted.model.state_dict()
    change = [float((after[name] - before[name]).abs().max()) for name in before]
    # One step of Adam moves a weight by its rate.
    assert 0 < max(change) < 5e-3


def test_a_saved_run_can_be_started_from(tmp_path: Path) -> None:
    at = moved((5.0, -3.0))
    pair = Observations.from_arrays(at(0), at(1))
    _, dynamics = finished(fit(pair, small_settings()))
    folder = dynamics.save(tmp_path / "run")
    settings = small_settings(training__start_from=str(folder), training__steps=0)
    _, again = finished(fit(pair, settings))
    weights = dynamics.fitted.model.state_dict()
    assert all(torch.equal(v, weights[k]) for k, v in again.fitted.model.state_dict().items())
    # Another number of stages is no other network.
    check_start(settings.updated({"model.stages": 5}))
    with pytest.raises(SettingsError, match=r"model\.encoder_width is 5, but the run"):
        check_start(settings.updated({"model.encoder_width": 5}))


def test_other_networks_than_the_prior_s_are_refused_in_one_sentence() -> None:
    at = moved((2.0, 1.0))
    fitting = fit(Observations.from_arrays(at(0), at(1)), quick(model__extractor_width=8))
    with pytest.raises(SettingsError) as caught:
        finished(fitting)
    had = Settings().model.extractor_width
    assert str(caught.value) == (
        f"model.extractor_width is 8, but the prior was trained with {had}: set "
        f"model.extractor_width to {had}, or training.start_from to scratch."
    )


def test_a_folder_that_holds_no_run_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"is not a run folder.*training\.start_from must be prior"
    ):
        check_start(quick(training__start_from=str(tmp_path)))


def test_a_missing_file_of_weights_is_said_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(prior, "PRIOR_FILE", tmp_path / "none.safetensors")
    prior._read_prior.cache_clear()
    with pytest.raises(SettingsError, match="pretrained network are missing or damaged; install"):
        check_start(quick())
    prior._read_prior.cache_clear()


@pytest.mark.parametrize("preset", ["standard", "paper"])
def test_nothing_is_read_to_start_from_scratch(
    preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prior, "_read_prior", None)
    model = LatentDynamics(1, Settings.preset(preset))
    assert not load_weights(model, Settings.preset(preset))


def test_the_decoder_of_the_prior_waits_until_something_is_trained() -> None:
    at = moved((4.0, -2.0))
    pair = Observations.from_arrays(at(0), at(1))
    _, dynamics = finished(fit(pair, quick()))
    assert dynamics.fitted.model.is_image_alone
    _, trained = finished(fit(pair, quick(training__steps=1)))
    assert not trained.fitted.model.is_image_alone
