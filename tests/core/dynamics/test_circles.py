"""Circles have the radius of the deviation, and crosses stand where nothing is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_latentdyn.core.dynamics.arrows import MAX_ARROWS, make_arrows
from napari_latentdyn.core.dynamics.circles import Circles, make_circles


def figures(circles: Circles, measured: int, count: int) -> NDArray[np.float32]:
    """Corners (P, S, 3) of all circles (measured 1), or starts of the strokes of all crosses."""
    chosen = circles.data[circles.features["measured"] == measured]
    assert bool(len(chosen)) == bool(count)
    return chosen[:, 0].reshape(count, len(chosen) // max(1, count), 3)


@settings(max_examples=60, deadline=None)
@given(
    stages=st.integers(1, 5),
    height=st.integers(4, 60),
    width=st.integers(4, 60),
    spacing=st.integers(1, 20),
    shown=st.none() | st.integers(1, 9),
    deviations=st.sampled_from([1.0, 2.0, 10.0]),
    seed=st.integers(0, 99),
)
def test_every_place_has_a_circle_a_cross_or_nothing(
    stages: int,
    height: int,
    width: int,
    spacing: int,
    shown: int | None,
    deviations: float,
    seed: int,
) -> None:
    random = np.random.default_rng(seed)
    velocity = random.normal(size=(stages, 2, height, width)).astype(np.float32)
    std = random.uniform(0.1, 1, (stages, height, width)).astype(np.float32)
    measured = random.random(std.shape) < 0.7
    trust = random.random(std.shape)
    velocity[:, :, : height // 3] = np.nan
    at = None if shown is None else random.integers(0, stages, shown)
    arrows = make_arrows(velocity, at, spacing, confidence=trust)
    circles = make_circles(arrows, velocity, std, measured, at, deviations=deviations)

    t, y, x = arrows.data[:, 0].astype(int).T
    stage = t if at is None else at[t]
    sure = measured[stage, y, x]
    rings = figures(circles, 1, int(sure.sum()))
    assert 4 <= rings.shape[1] <= 24 or not len(rings)
    tips = arrows.data[sure, 0] + arrows.length * arrows.data[sure, 1]
    radii = np.maximum(deviations * arrows.length * std[stage, y, x][sure], circles.width)
    np.testing.assert_array_equal(rings[:, :, 0], np.repeat(tips[:, :1], rings.shape[1], axis=1))
    away = np.linalg.norm(rings[:, :, 1:] - tips[:, None, 1:], axis=-1)
    np.testing.assert_allclose(away, np.repeat(radii[:, None], rings.shape[1], axis=1), rtol=1e-3)
    # As many crosses as there are other places with a velocity.
    every = make_arrows(velocity, at, spacing).data[:, 0]
    crosses = figures(circles, 0, len(every) - len(rings))
    assert circles.unknown == pytest.approx(len(crosses) / max(1, len(every)))
    if len(crosses):
        strokes = circles.data[circles.features["measured"] == 0]
        places = np.rint(strokes[:, 0] + strokes[:, 1] / 2)
        middles = {tuple(row) for row in places.tolist()}
        assert crosses.shape[1] == 2
        known = {tuple(row) for row in arrows.data[sure, 0].tolist()}
        assert middles == {tuple(row) for row in every.tolist()} - known
    assert not circles.data[:, 1, 0].any()


def test_features_are_those_of_the_place() -> None:
    velocity = np.ones((2, 2, 30, 30), np.float32)
    std = np.broadcast_to(np.array([0.25, 0.5], np.float32)[:, None, None], (2, 30, 30))
    measured = np.broadcast_to(np.arange(30) < 15, (2, 30, 30))
    at = np.array([1, 0, 1])
    arrows = make_arrows(velocity, at, 5)
    circles = make_circles(arrows, velocity, std, measured, at)
    stage = circles.features["stage"]
    np.testing.assert_array_equal(stage, at[circles.data[:, 0, 0].astype(int)])
    np.testing.assert_array_equal(circles.features["deviation"], std[stage, 0, 0])
    assert circles.unknown == 0.5


def test_the_given_motion_of_a_still_region_is_known_without_an_arrow() -> None:
    velocity = np.zeros((1, 2, 20, 20), np.float32)
    std = np.full((1, 20, 20), 0.5, np.float32)
    std[:, :, :10] = 0.0
    nothing = np.zeros((1, 20, 20))
    arrows = make_arrows(velocity, None, 4, confidence=nothing)
    assert not len(arrows.data)
    circles = make_circles(arrows, velocity, std, nothing > 0)
    rings, crosses = figures(circles, 1, 15), figures(circles, 0, 10)
    assert rings[:, :, 2].max() <= 10 + circles.width
    assert crosses[:, :, 2].mean() > 10
    np.testing.assert_allclose(np.ptp(rings[:, :, 2], axis=1), 2 * circles.width, rtol=1e-4)


def test_a_deviation_that_is_not_known_is_a_cross() -> None:
    velocity = np.ones((1, 2, 20, 20), np.float32)
    std = np.full((1, 20, 20), np.nan, np.float32)
    circles = make_circles(make_arrows(velocity, None, 4), velocity, std, ~np.isfinite(std))
    assert circles.unknown == 1.0
    assert np.isfinite(circles.data).all()


def test_very_many_circles_have_few_sides() -> None:
    velocity = np.ones((9, 2, 100, 100), np.float32)
    std = np.ones((9, 100, 100), np.float32)
    arrows = make_arrows(velocity, None, 1)
    circles = make_circles(arrows, velocity, std, std > 0)
    assert len(arrows.data) > MAX_ARROWS / 2
    assert len(circles.data) == 4 * len(arrows.data)
    few = make_arrows(velocity, None, 10)
    assert len(make_circles(few, velocity, std, std > 0).data) == 24 * len(few.data)


def test_arrows_at_other_places_have_no_circle() -> None:
    velocity = np.ones((3, 2, 30, 30), np.float32)
    std = np.ones((3, 30, 30), np.float32)
    arrows = make_arrows(velocity, None, 5)
    fewer = make_circles(arrows, velocity, std, std > 0, np.array([0]))
    np.testing.assert_array_equal(fewer.data[:, 0, 0], 0)
    assert fewer.unknown == 0.0
