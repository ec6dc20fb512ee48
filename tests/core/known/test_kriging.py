"""Interpolation with its variance."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_latentdyn.core.knowledge.kriging import Kriging

SIZE = 100.0


def places_of(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, SIZE, (count, 2))


@given(st.integers(0, 1000), st.integers(1, 30))
@settings(max_examples=30, deadline=None)
def test_precise_values_are_reproduced_and_certain(seed: int, count: int) -> None:
    places = places_of(seed, count)
    values = np.random.default_rng(seed + 1).normal(scale=5.0, size=(count, 2))
    field = Kriging(places, values, np.full(count, 1e-4), SIZE, 5.0)
    found, variance = field.at(places)
    np.testing.assert_allclose(found, values, atol=0.3)
    assert (variance >= 0).all()
    assert (variance < 0.5).all()


def test_an_affine_field_is_continued() -> None:
    places = places_of(0, 12)
    slope = np.array([[0.05, -0.02], [0.01, 0.03]])
    field = Kriging(places, places @ slope + 4, np.full(12, 0.01), SIZE, 0.1)
    there = places_of(1, 50)
    np.testing.assert_allclose(field.at(there)[0], there @ slope + 4, atol=0.1)


def test_the_stated_uncertainty_covers_the_error() -> None:
    """Fields that are drawn from the covariance itself: 95 % lie within 1.96 deviations."""
    random, inside = np.random.default_rng(2), []
    for seed in range(40):
        known, asked = places_of(seed, 15), places_of(seed + 100, 20)
        both = np.concatenate([known, asked]) / SIZE
        squares = ((both[:, None] - both[None]) ** 2).sum(axis=-1)
        covariance = np.exp(-squares / (2 * 0.2**2)) + 1e-9 * np.eye(len(both))
        values = np.linalg.cholesky(covariance) @ random.normal(size=(len(both), 1))
        noisy = values[:15] + 0.1 * random.normal(size=(15, 1))
        field = Kriging(known, noisy, np.full(15, 0.1), SIZE, 0.5)
        mean, variance = field.at(asked)
        inside.append(np.abs(mean - values[15:])[:, 0] < 1.96 * np.sqrt(variance))
    assert 0.85 < np.mean(inside) <= 1.0


def test_variance_grows_away_from_the_points() -> None:
    field = Kriging(np.array([[50.0, 50.0]]), np.array([[3.0, 1.0]]), np.array([0.1]), SIZE, 1.0)
    distance = np.array([[50.0, 50.0], [50.0, 60.0], [50.0, 90.0]])
    _, variance = field.at(distance)
    assert variance[0] < variance[1] < variance[2]


def test_a_grid_has_the_values_of_its_cells() -> None:
    places = places_of(3, 6)
    field = Kriging(places, places, np.full(6, 0.1), SIZE, 1.0)
    mean, variance = field.grid((5, 4), 20.0)
    assert mean.shape == (2, 5, 4)
    np.testing.assert_allclose(mean[:, 1, 2], field.at(np.array([[29.5, 49.5]]))[0][0])
    assert variance.shape == (5, 4)
