"""Small operators against what they are on affine maps and constants."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from napari_latentdyn.core.physics.operators import (
    add_second_differences_adjoint,
    area_ratio,
    gradient,
    resize,
    second_differences,
    smooth,
)
from napari_latentdyn.core.physics.sampling import pixel_grid

UNIT = st.floats(-1, 1, width=32)
SIZES = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(3, 14), st.integers(3, 14))


def noise(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def affine(matrix: tuple[float, float, float, float], side: int = 17) -> Tensor:
    """Positions under a matrix, row by row, about the centre."""
    rows, columns = (pixel_grid(side, side) - (side - 1) / 2).unbind(dim=1)
    a, b, c, d = matrix
    return torch.stack([a * rows + b * columns + 3.0, c * rows + d * columns - 5.0], dim=1)


@settings(max_examples=40, deadline=None)
@given(SIZES, st.integers(0, 99))
def test_the_adjoint_moves_second_differences_to_the_other_side_of_the_product(
    size: tuple[int, int, int, int], seed: int
) -> None:
    u = noise(*size, seed=seed)
    bends = second_differences(u)
    others = [noise(*bend.shape, seed=seed + 1 + i) for i, bend in enumerate(bends)]
    there = sum(float((bend * other).sum()) for bend, other in zip(bends, others, strict=True))
    back = torch.zeros_like(u)
    add_second_differences_adjoint(back, *others)
    assert float((u * back).sum()) == pytest.approx(there, rel=1e-10, abs=1e-10)


def test_squared_coefficients_give_the_diagonal_of_the_normal_matrix() -> None:
    weights = [noise(*bend.shape).abs() for bend in second_differences(torch.zeros(4, 5))]
    expected = torch.zeros(4, 5, dtype=torch.float64)
    for i in range(expected.numel()):
        unit = torch.zeros_like(expected)
        unit.view(-1)[i] = 1.0
        bends = second_differences(unit)
        expected.view(-1)[i] = sum(
            float((w * bend**2).sum()) for w, bend in zip(weights, bends, strict=True)
        )
    diagonal = torch.zeros_like(expected)
    add_second_differences_adjoint(diagonal, *weights, squared=True)
    torch.testing.assert_close(diagonal, expected)


@settings(max_examples=30, deadline=None)
@given(*[UNIT] * 4)
def test_second_differences_vanish_for_affine_fields(
    a: float, b: float, c: float, d: float
) -> None:
    for bend in second_differences(affine((a, b, c, d))):
        assert float(bend.abs().max()) < 1e-5


def test_second_differences_of_a_parabola_are_its_second_derivatives() -> None:
    rows, columns = pixel_grid(9, 11).unbind(dim=1)
    down, across, mixed = second_differences((rows**2 + 3 * columns**2 + 5 * rows * columns)[None])
    assert down.shape[-2:] == (7, 11)
    assert across.shape[-2:] == (9, 9)
    assert mixed.shape[-2:] == (8, 10)
    for bend, expected in ((down, 2.0), (across, 6.0), (mixed, 5.0)):
        torch.testing.assert_close(bend, torch.full_like(bend, expected))


@settings(max_examples=40, deadline=None)
@given(*[UNIT] * 4)
def test_the_area_ratio_of_an_affine_map_is_its_determinant(
    a: float, b: float, c: float, d: float
) -> None:
    ratio = area_ratio(affine((a, b, c, d)))
    assert ratio.shape == (1, 1, 17, 17)
    inner = ratio[..., 1:-1, 1:-1]
    torch.testing.assert_close(inner, torch.full_like(inner, a * d - b * c), atol=1e-5, rtol=0)


def test_a_map_that_folds_has_a_negative_area() -> None:
    mirrored = area_ratio(affine((-1.0, 0.0, 0.0, 1.0)))
    assert float(mirrored[..., 1:-1, 1:-1].max()) < -0.99


@settings(max_examples=30, deadline=None)
@given(UNIT, UNIT)
def test_the_gradient_of_a_plane_is_its_slope(down: float, across: float) -> None:
    rows, columns = pixel_grid(9, 12).unbind(dim=1)
    found = gradient((down * rows + across * columns)[None])
    for part, expected in zip(found, (down, across), strict=True):
        assert part.shape == (1, 1, 9, 12)
        inner = part[..., 1:-1, 1:-1]
        torch.testing.assert_close(inner, torch.full_like(inner, expected), atol=1e-5, rtol=0)


@settings(max_examples=30, deadline=None)
@given(SIZES, st.floats(0.3, 5.0), st.floats(-100, 100, width=32))
def test_smoothing_keeps_constants(
    size: tuple[int, int, int, int], sigma: float, value: float
) -> None:
    values = torch.full(size, value)
    torch.testing.assert_close(smooth(values, sigma), values, atol=1e-5, rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(SIZES, st.floats(0.3, 5.0), st.integers(0, 9))
def test_smoothing_creates_no_new_extremes(
    size: tuple[int, int, int, int], sigma: float, seed: int
) -> None:
    values = noise(*size, seed=seed)
    smoothed = smooth(values, sigma)
    assert smoothed.shape == values.shape
    assert float(smoothed.max()) <= float(values.max()) + 1e-9
    assert float(smoothed.min()) >= float(values.min()) - 1e-9


@pytest.mark.parametrize("sigma", [1.0, 2.0, 3.0])
def test_smoothing_widens_a_gaussian_by_the_square_of_its_width(sigma: float) -> None:
    rows, columns = (pixel_grid(61, 61) - 30).unbind(dim=1)

    def bump(width: float) -> Tensor:
        squares = (rows**2 + columns**2) / (2 * width**2)
        return (torch.exp(-squares) / (2 * math.pi * width**2))[None]

    # The kernel ends at three standard deviations, which leaves out 1.1 % of its variance.
    difference = smooth(bump(3.0), sigma) - bump(math.hypot(3.0, sigma))
    assert float(difference.abs().max()) < 0.03 * float(bump(math.hypot(3.0, sigma)).max())


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(-3, 3, width=32))
def test_resizing_keeps_constants_and_gives_the_size(height: int, width: int, value: float) -> None:
    resized = resize(torch.full((1, 2, 24, 20), value), (height, width))
    assert resized.shape == (1, 2, height, width)
    torch.testing.assert_close(resized, torch.full_like(resized, value), atol=1e-5, rtol=1e-5)


def test_making_small_leaves_no_alias_of_a_fine_wave() -> None:
    columns = pixel_grid(64, 64)[:, 1:]
    fine = torch.cos(2 * math.pi * columns * 0.45)
    assert float(resize(fine, (16, 16))[..., 2:-2].abs().max()) < 0.15
    assert float(fine[..., ::4, ::4].abs().max()) > 0.9
    assert resize(fine, (64, 64)) is fine
