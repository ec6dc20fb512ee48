from __future__ import annotations

import numpy as np
import pytest
from benchmarks.tutorials.measures import (
    carried,
    changing,
    darkness,
    detail,
    fixed_share,
    sagitta,
    similarity,
    straight,
    tracer_errors,
    true_tracers,
)
from numpy.typing import NDArray
from scipy import ndimage

SIZE = 96


def rotation(angle: float, stages: int = 4) -> NDArray[np.float64]:
    """Return the field of a rotation about the middle, clockwise on the screen."""
    y, x = np.indices((SIZE, SIZE)) - (SIZE - 1) / 2
    return np.repeat(np.stack([x, -y])[None] * angle / stages, stages, axis=0)


@pytest.fixture
def texture() -> NDArray[np.float64]:
    noise = np.random.default_rng(0).normal(size=(SIZE, SIZE + 40))
    return ndimage.gaussian_filter(noise, 1.5)


def test_places_that_do_not_change_are_left_out(texture: NDArray[np.float64]) -> None:
    first, last = texture[:, :SIZE].copy(), texture[:, :SIZE].copy()
    last[:, 48:] = texture[:, 68:116]
    where = changing(first, last)
    assert where[:, 60:].all()
    assert not where[:, :20].any()
    assert not changing(first, first).any()


def test_a_mixture_is_fixed_and_a_shift_is_not(texture: NDArray[np.float64]) -> None:
    first, half, last = (texture[:, shift : shift + SIZE] for shift in (0, 20, 40))
    everywhere = np.ones(first.shape, bool)
    assert fixed_share(0.3 * first + 0.7 * last + 2, first, last, everywhere) == pytest.approx(1)
    assert fixed_share(first, first, last, everywhere) == pytest.approx(1)
    assert fixed_share(half, first, last, everywhere) < 0.05
    mixed = np.sqrt(0.5) * (half + first)
    assert fixed_share(mixed, first, last, everywhere) == pytest.approx(0.5, abs=0.05)
    assert np.isnan(fixed_share(np.ones_like(first), first, last, everywhere))


def test_only_the_pixels_that_count_are_fitted(texture: NDArray[np.float64]) -> None:
    first, half, last = (texture[:, shift : shift + SIZE] for shift in (0, 20, 40))
    left = np.arange(SIZE)[None] < 48
    frame = np.where(left, half, first)
    assert fixed_share(frame, first, last, np.broadcast_to(~left, frame.shape)) == pytest.approx(1)


@pytest.mark.parametrize("period", [4.0, 8.0, 40.0])
def test_detail_of_a_wave_is_what_the_gaussian_leaves(period: float) -> None:
    x = np.arange(400)
    wave = np.broadcast_to(np.sin(2 * np.pi * x / period), (32, 400))
    inside = np.zeros(wave.shape, bool)
    inside[:, 40:-40] = True
    passed = 1 - np.exp(-2 * (np.pi * 2.0 / period) ** 2)
    assert detail(wave, inside) == pytest.approx(passed / np.sqrt(2), rel=0.02)


def test_blur_loses_detail_and_noise_loses_likeness(texture: NDArray[np.float64]) -> None:
    everywhere = np.ones(texture.shape, bool)
    whole = detail(texture, everywhere)
    blurred = ndimage.gaussian_filter(texture, 1.5)
    noisy = texture + np.random.default_rng(1).normal(0, whole, texture.shape)
    assert detail(blurred, everywhere) < 0.7 * whole
    assert detail(noisy, everywhere) > 1.2 * whole
    assert similarity(texture + 3, texture, everywhere) == pytest.approx(1)
    assert similarity(noisy, texture, everywhere) < 0.8
    assert similarity(-texture, texture, everywhere) == pytest.approx(-1)


def test_two_unlike_images_of_equal_detail_mix_to_its_root(texture: NDArray[np.float64]) -> None:
    first, last = texture[:, :SIZE], texture[:, 40 : 40 + SIZE]
    everywhere = np.ones(first.shape, bool)
    mixed = (first + last) / 2
    mean = (detail(first, everywhere) + detail(last, everywhere)) / 2
    assert detail(mixed, everywhere) / mean == pytest.approx(np.sqrt(0.5), abs=0.05)


def test_darkness_goes_from_ice_to_water() -> None:
    frame = np.full((4, 4), 0.6)
    frame[:2] = 0.1
    upper = np.zeros((4, 4), bool)
    upper[:2] = True
    assert darkness(frame, upper, 0.6, 0.1) == pytest.approx(1)
    assert darkness(frame, ~upper, 0.6, 0.1) == pytest.approx(0)
    assert darkness(frame, np.ones((4, 4), bool), 0.6, 0.1) == pytest.approx(0.5)


def test_tracers_of_a_rotation_go_on_circles() -> None:
    angle = np.deg2rad(20)
    known = np.ones((4, SIZE, SIZE), bool)
    times, paths = true_tracers(rotation(angle), known)
    assert times.tolist() == [0, 0.25, 0.5, 0.75, 1]
    from_middle = paths - (SIZE - 1) / 2
    radius = np.hypot(*np.moveaxis(from_middle, -1, 0))
    assert np.allclose(radius, radius[:, :1], atol=1e-3)
    # A straight line is off by r (1 - cos(angle / 2)) half way.
    assert np.allclose(sagitta(paths), radius[:, 0] * (1 - np.cos(angle / 2)), atol=1e-3)


def test_a_field_that_is_right_has_no_error_and_a_straight_one_the_sagitta() -> None:
    angle = np.deg2rad(20)
    times, paths = true_tracers(rotation(angle), np.ones((4, SIZE, SIZE), bool))
    along = carried(rotation(angle), times, paths[:, 0])
    assert tracer_errors(along, paths).max() < 1e-3
    still = tracer_errors(carried(0 * rotation(angle), times, paths[:, 0]), paths)
    chord = np.hypot(*(paths[:, -1] - paths[:, 0]).T)
    assert np.allclose(still[:, -1], chord)
    y, x = np.indices((SIZE, SIZE)) - (SIZE - 1) / 2
    c, s = np.cos(angle), np.sin(angle)
    flow = np.stack([c * y + s * x - y, c * x - s * y - x])
    direct = tracer_errors(straight(flow, times, paths[:, 0]), paths)
    assert np.allclose(direct[:, -1], 0, atol=1e-3)
    assert np.allclose(direct[:, 2], sagitta(paths), atol=1e-3)
    shift = np.zeros((4, 2, SIZE, SIZE))
    shift[:, 1] = 2.0
    times, shifted = true_tracers(shift, np.ones((4, SIZE, SIZE), bool))
    assert np.allclose(sagitta(shifted), 0, atol=1e-9)
    assert np.allclose(np.diff(shifted[..., 1], axis=1), 2)


def test_no_tracer_comes_near_to_what_is_unknown() -> None:
    known = np.ones((4, SIZE, SIZE), bool)
    known[:, :, 40:44] = False
    shift = np.zeros((4, 2, SIZE, SIZE))
    shift[:, 1] = 2.0
    _, paths = true_tracers(shift, known)
    assert len(paths)
    columns = paths[..., 1]
    assert not ((columns > 35) & (columns < 48)).any()
