"""What several members make of a pair: frames, confidence, run folders."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.core.helpers import finished, moved, remade, small_settings, spin, turning

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.matching.ensemble import Ensemble
from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.rendering.renderer import Renderer
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.core.training.initial import start_fields
from napari_latentdyn.settings import Settings

TIMES = (0.0, 0.3, 0.5, 1.0)


@pytest.fixture(scope="module")
def learned(drifting: Observations) -> Dynamics:
    settings = small_settings(model__initial_fields="matched", model__members=2)
    return finished(fit(drifting, settings))[1]


def fresh(settings: Settings) -> LatentDynamics:
    """A model that moves the image and changes nothing, with the same weights every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return LatentDynamics(1, settings)


def turned_pair(shape: tuple[int, int] = (64, 64), angle: float = 0.15) -> Observations:
    at = turning(angle, shape)
    return Observations.from_arrays(at(0), at(1))


def spinning(
    count: int, shape: tuple[int, int] = (64, 64), scatter: float = 0.0
) -> NDArray[np.float32]:
    """Velocities of members, whose mean turns by 0.15."""
    angles = 0.15 * (1 + scatter * np.linspace(-1, 1, count)) if count > 1 else [0.15]
    return np.stack([spin(float(angle), shape) for angle in angles]).astype(np.float32)


@pytest.mark.parametrize("motion", ["steady", "inertial", "local"])
def test_members_that_are_all_the_same_change_nothing(motion: str) -> None:
    pair, chosen = turned_pair(), small_settings(physics__motion=motion)
    velocities = spinning(3)
    fields = start_fields(Ensemble.equal(velocities), chosen)
    span = float((pair.high - pair.low)[0])
    model = fresh(chosen)
    one = Renderer(model, pair).frames(fields, TIMES)
    several = Renderer(model, pair, ensemble=Ensemble.equal(velocities)).frames(fields, TIMES)
    assert np.abs(one - several).max() < 1e-4 * span
    other = Renderer(model, pair, ensemble=Ensemble.equal(spinning(3, scatter=0.5))).frames(
        fields, TIMES
    )
    assert np.abs(one - other).max() > 1e-2 * span


def test_what_was_learned_moves_all_members_alike() -> None:
    """Members that are wrong by the same amount as the fields were mended come out right."""
    at = moved((5.0, -3.0))
    # The limiter cuts peaks between the pixels, which this comparison is about.
    chosen = small_settings(physics__limiter=False)
    pair = Observations.from_arrays(at(0), at(1))
    start = np.zeros((2, 2, 64, 64), np.float32)
    start[:, 0], start[:, 1] = 3.0, -4.0
    learned_fields = start_fields(Ensemble.equal(start), chosen)
    learned_fields[:, 0] += 2.0 / 3
    learned_fields[:, 1] += 1.0 / 3
    frame = Renderer(fresh(chosen), pair, ensemble=Ensemble.equal(start)).frames(
        learned_fields, [0.5]
    )[0, 0]
    assert np.abs(frame - at(0.5))[8:-8, 8:-8].max() < 1.0


@pytest.mark.parametrize(
    ("wanted", "window", "windows", "largest"),
    # The scatter is smoothed within each window, so that its borders are seen in it a little.
    [("frames", 64, 9, 5e-4), ("frames", 32, 36, 5e-4), ("confidence", 64, 9, 5e-3)],
)
def test_windows_with_members_leave_no_seams(
    wanted: str, window: int, windows: int, largest: float
) -> None:
    shape = (104, 100)
    # As far as half of a small window, so that its fields are needed well beyond it.
    velocities = (spinning(2, shape, scatter=0.3) * (0.4 / 0.15)).astype(np.float32)
    pair = turned_pair(shape, 0.4)
    results = []
    for side in (1024, window):
        chosen = small_settings(output__window=side)
        renderer = Renderer(fresh(chosen), pair, ensemble=Ensemble.equal(velocities))
        assert len(renderer.windows) == (1 if side == 1024 else windows)
        fields = start_fields(Ensemble.equal(velocities), chosen)
        results.append(getattr(renderer, wanted)(fields, (0.3, 0.5)))
    span = float((pair.high - pair.low)[0]) if wanted == "frames" else 1.0
    difference = np.abs(results[0] - results[1])[..., 8:-8, 8:-8]
    assert difference.max() < largest * span


def test_confidence_is_lower_where_members_disagree() -> None:
    at = moved((4.0, 0.0), (64, 72))
    pair, chosen = Observations.from_arrays(at(0), at(1)), small_settings()
    velocities = np.zeros((3, 2, 64, 72), np.float32)
    velocities[:, 0] = 4.0
    velocities[:, 1, :, 36:] = np.array([-3.0, 0.0, 3.0], np.float32)[:, None, None]
    fields = start_fields(Ensemble.equal(velocities), chosen)
    renderer = Renderer(fresh(chosen), pair, ensemble=Ensemble.equal(velocities))
    sure = renderer.confidence(fields, TIMES)
    assert sure.shape == (4, 1, 64, 72)
    assert sure.dtype == np.float32
    assert sure.min() >= 0
    assert sure.max() <= 1 + 1e-6
    middle = sure[2, 0, 8:-8]
    assert middle[:, 8:24].mean() > 0.95
    assert middle[:, 48:-8].mean() < 0.6
    # The ends are the images themselves, wherever members go.
    assert sure[0].min() > 0.99
    assert sure[3].min() > 0.99


@settings(max_examples=8, deadline=None)
@given(time=st.floats(0, 1))
def test_confidence_is_a_number_between_zero_and_one(learned: Dynamics, time: float) -> None:
    sure = learned.confidence([time])
    assert sure.shape == (1, 64, 64)
    assert np.isfinite(sure).all()
    assert sure.min() >= 0
    assert sure.max() <= 1 + 1e-6


def test_what_neither_image_shows_has_no_confidence() -> None:
    at = moved((0.0, 3.0))
    first, last = at(0), at(1)
    first[20:30, 20:30] = last[20:30, 23:33] = np.nan
    pair, chosen = Observations.from_arrays(first, last), small_settings()
    velocities = np.zeros((2, 2, 64, 64), np.float32)
    velocities[:, 1] = 3.0
    renderer = Renderer(fresh(chosen), pair, ensemble=Ensemble.equal(velocities))
    fields = start_fields(Ensemble.equal(velocities), chosen)
    sure = renderer.confidence(fields, [0.5])[0, 0]
    missing = np.isnan(renderer.frames(fields, [0.5])[0, 0])
    assert missing[21:29, 23:30].all()
    assert not sure[missing].any()
    # A row of the border is known to one end alone; there, both members still agree.
    assert sure[~missing].min() > 0.25
    assert np.median(sure[~missing]) > 0.9


def test_a_hole_does_not_change_what_is_shown_elsewhere() -> None:
    """Corners that flow in from outside are drawn alike, and doubted alike."""
    at = moved((4.0, -6.0))
    first, last = at(0), at(1)
    velocities = np.zeros((2, 2, 64, 64), np.float32)
    velocities[:, 0], velocities[:, 1] = 4.0, -6.0
    members, chosen = Ensemble.equal(velocities), small_settings()
    fields = start_fields(members, chosen)
    drawn, sure = [], []
    for hole in (False, True):
        if hole:
            first[30:36, 30:36] = last[34:40, 24:30] = np.nan
        renderer = Renderer(fresh(chosen), Observations.from_arrays(first, last), ensemble=members)
        drawn.append(renderer.frames(fields, [0.5])[0, 0])
        sure.append(renderer.confidence(fields, [0.5])[0, 0])
    assert np.isnan(drawn[1][33:37, 28:32]).all()
    away = np.ones((64, 64), bool)
    away[24:46, 18:42] = False
    np.testing.assert_allclose(drawn[0][away], drawn[1][away], atol=0.05)
    np.testing.assert_allclose(sure[0][away], sure[1][away], atol=1e-3)
    assert sure[0][0, 0] < 0.5


def test_confidence_changes_little_by_little_in_time(learned: Dynamics) -> None:
    """Where a pixel of the border leaves both ends for both members at once, by half at most."""
    changes = np.abs(np.diff(learned.confidence(np.linspace(0, 1, 201)), axis=0))
    assert changes.max() < 0.5
    assert changes[:, 8:-8, 8:-8].max() < 0.05


def test_water_that_was_not_there_is_taken_from_the_image_that_shows_it() -> None:
    """Two plates part; half way, the gap is as dark as in the last image."""
    first = moved((0.0, 0.0))(0) + 100.0
    last = np.full((64, 64), 20.0)
    last[:24], last[40:] = first[8:32], first[32:56]
    velocities = np.zeros((1, 2, 64, 64), np.float32)
    pair = Observations.from_arrays(first, last)
    # Half way the water lies between the rows 28 and 36; it comes from a single line.
    velocities[0, 0] = np.clip((np.arange(64) - 31.5) * 2.0, -8, 8)[:, None]
    depth = {}
    for visible in (False, True):
        chosen = small_settings(
            physics__visibility=visible, physics__motion="inertial", model__stages=8
        )
        frame = Renderer(fresh(chosen), pair).frames(
            start_fields(Ensemble.equal(velocities), chosen), [0.5]
        )
        depth[visible] = float(frame[0, 0, 30:34, 8:-8].mean())
    assert depth[True] < 50.0
    assert depth[False] > 100.0


def test_dynamics_without_a_checkpoint_come_back_bit_for_bit(
    learned: Dynamics, tmp_path: Path
) -> None:
    weights = np.array([0.5, 0.2, 0.1], np.float32)
    ensemble = dataclasses.replace(
        Ensemble.equal(spinning(3, scatter=0.2)), weights=weights, still=0.25
    )
    fields = start_fields(ensemble, learned.settings)
    made = remade(learned, fields=fields, ensembles=(ensemble,))
    again = Dynamics.load(made.save(tmp_path / "run"))
    assert again.fitted.checkpoint is None
    np.testing.assert_array_equal(again.fitted.ensembles[0].velocities, ensemble.velocities)
    np.testing.assert_array_equal(again.fitted.ensembles[0].weights, ensemble.weights)
    assert again.fitted.ensembles[0].still == ensemble.still
    np.testing.assert_array_equal(again.fields, fields)
    for what in ("frames", "confidence", "latents"):
        there, here = (getattr(d, what)([0.2, 0.5]) for d in (made, again))
        np.testing.assert_array_equal(there, here)


def test_what_stands_still_shows_nothing_that_no_image_shows() -> None:
    """Also where it counts much, a hole that came along is a hole, and no ghost fills it."""
    at = moved((0.0, 6.0))
    first, last = at(0), at(1)
    first[20:40, 20:40] = np.nan
    last[20:40, 26:46] = np.nan
    pair, chosen = Observations.from_arrays(first, last), small_settings()
    velocities = np.zeros((2, 2, 64, 64), np.float32)
    velocities[:, 1] = 6.0
    mixed = dataclasses.replace(
        Ensemble.equal(velocities), weights=np.full(2, 0.25, np.float32), still=0.5
    )
    frames = [
        Renderer(fresh(chosen), pair, ensemble=e).frames(
            start_fields(Ensemble.equal(velocities), chosen), [0.5]
        )[0, 0]
        for e in (Ensemble.equal(velocities), mixed)
    ]
    np.testing.assert_array_equal(np.isnan(frames[0]), np.isnan(frames[1]))
    assert np.isnan(frames[1])[22:38, 25:41].all()
    half = (first + last) / 2
    here = np.s_[44:56, 12:52]
    expected = 0.5 * frames[0] + 0.5 * half
    assert np.abs(frames[1] - expected)[here].max() < 1.0
    assert np.abs(frames[1] - frames[0])[here].max() > 5.0
