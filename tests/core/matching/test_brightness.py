"""A change of brightness as a whole is told from motion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.helpers import finished, moved, small_settings, texture

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.matching.brightness import follow_brightness
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.training.fit import fit


def followed(pair: Observations, drift: tuple[float, float] = (0.0, 0.0)) -> Observations:
    steps = follow_brightness(pair, np.array(drift, np.float32), "local", torch.device("cpu"))
    return finished(steps)[1]


def change(pair: Observations) -> tuple[float, float]:
    """Gain and offset in the units of the images."""
    assert pair.brightness is not None
    gain, offset = (float(v) for v in pair.brightness[1, 0])
    low, span = float(pair.low[0]), float(pair.high[0] - pair.low[0])
    return gain, offset * span + low - gain * low


@settings(max_examples=8, deadline=None)
@given(st.floats(0.5, 1.6), st.floats(-60, 60), st.integers(0, 3))
def test_gain_and_offset_are_found_while_the_scene_moves(
    gain: float, offset: float, seed: int
) -> None:
    at = moved((3.0, -2.0), (64, 72), seed)
    pair = followed(Observations.from_arrays(at(0), gain * at(1) + offset))
    if pair.brightness is None:
        # Too little to be worth it.
        assert abs(gain - 1) < 0.2
        assert np.abs((gain - 1) * at(1) + offset).mean() < 12
        return
    found = change(pair)
    assert found[0] == pytest.approx(gain, abs=0.06)
    # On the intensities that there are, about 100.
    assert found[0] * 100 + found[1] == pytest.approx(gain * 100 + offset, abs=4)


def crack() -> tuple[Any, Any]:
    """Dark water opens across a scene."""
    first = texture((96, 96)) + 100
    last = np.full_like(first, 20.0)
    last[:40], last[56:] = first[8:48], first[48:88]
    return first, last


def noise() -> tuple[Any, Any]:
    at, random = moved((3.0, -2.0), (96, 96)), np.random.default_rng(0)
    return tuple(at(t) + random.normal(0, 15, (96, 96)) for t in (0, 1))


@pytest.mark.parametrize(
    "images",
    [crack, noise, lambda: (texture((96, 96), 0), texture((96, 96), 1))],
    ids=["a crack opens", "noise", "nothing in common"],
)
def test_what_is_new_is_not_taken_for_brightness(images: Any) -> None:
    assert followed(Observations.from_arrays(*images())).brightness is None


def test_each_channel_has_a_change_of_its_own() -> None:
    at = moved((3.0, -2.0), (64, 64))
    first = np.stack([at(0), 200 - at(0)])
    last = np.stack([0.7 * at(1) + 20, 200 - at(1)])
    found = followed(Observations.from_arrays(first, last, channel_axis=0)).brightness
    assert found is not None
    assert found[1, :, 0] == pytest.approx([0.7, 1.0], abs=0.06)


def test_missing_pixels_do_not_count() -> None:
    at = moved((3.0, -2.0), (64, 64))
    first, last = at(0), 0.7 * at(1) + 20
    first[10:30, 10:30] = last[40:60, 40:60] = np.nan
    assert change(followed(Observations.from_arrays(first, last)))[0] == pytest.approx(
        0.7, abs=0.06
    )


@pytest.fixture(scope="module")
def darker() -> tuple[Any, Observations, Dynamics]:
    """A drift by (5, -3) while the scene loses light."""
    at = moved((5.0, -3.0))
    pair = Observations.from_arrays(at(0), 0.7 * at(1) + 10)
    chosen = small_settings(model__initial_fields="matched", model__members=2, training__steps=10)
    return at, pair, finished(fit(pair, chosen))[1]


def test_frames_go_over_from_one_brightness_to_the_other(
    darker: tuple[Any, Observations, Dynamics],
) -> None:
    at, _, dynamics = darker
    assert np.abs(dynamics.fields.sum(axis=0).mean(axis=(1, 2)) - [5.0, -3.0]).max() < 0.2
    for time in (0.0, 0.25, 0.5, 1.0):
        truth = at(time) * (1 - 0.3 * time) + 10 * time
        frame = dynamics.frames([time])[0]
        assert np.abs(frame - truth)[8:-8, 8:-8].max() < 4


def test_it_can_be_switched_off(drifting: Observations) -> None:
    at = moved((5.0, -3.0))
    pair = Observations.from_arrays(at(0), 0.7 * at(1) + 10)
    chosen = small_settings(
        model__initial_fields="matched", model__members=1, images__brightness="keep"
    )
    assert finished(fit(pair, chosen))[1].observations.brightness is None


def test_a_run_and_what_goes_on_from_it_keep_the_change(
    darker: tuple[Any, Observations, Dynamics], tmp_path: Path
) -> None:
    _, pair, dynamics = darker
    again = Dynamics.load(dynamics.save(tmp_path / "run"))
    np.testing.assert_array_equal(again.frames([0.4]), dynamics.frames([0.4]))
    more = dynamics.settings.updated({"training.steps": 12})
    # The window goes on with the images as they are in the layers.
    for images in (pair, again.observations):
        _, on = finished(fit(images, more, resume=again.fitted.checkpoint))
        assert on.observations.brightness is not None
        np.testing.assert_array_equal(on.observations.brightness, dynamics.observations.brightness)
