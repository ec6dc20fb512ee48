"""Cubic B-splines against polynomials, sinusoids and finite differences."""

from __future__ import annotations

import math
from typing import Literal, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from napari_latentdyn.core.physics.sampling import pixel_grid, sample
from napari_latentdyn.core.physics.spline import MARGIN, coefficients, spline_sample

Kernel = Literal["bilinear", "bicubic", "spline"]
KERNELS: tuple[Kernel, ...] = get_args(Kernel)
UNIT = st.floats(-1, 1, width=32)


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def cubic(positions: Tensor, factors: list[float]) -> Tensor:
    """A polynomial with all sixteen products of powers up to three, about 1 in size."""
    rows, columns = ((positions - 20.0) / 20.0).unbind(dim=1)
    powers = [(i, j) for i in range(4) for j in range(4)]
    terms = [f * rows**i * columns**j for f, (i, j) in zip(factors, powers, strict=True)]
    return torch.stack(terms).sum(dim=0)[:, None]


@settings(max_examples=12, deadline=None)
@given(st.lists(UNIT, min_size=16, max_size=16), UNIT, UNIT)
def test_cubic_polynomials_are_reproduced_away_from_the_border(
    factors: list[float], dy: float, dx: float
) -> None:
    values = cubic(pixel_grid(41, 41), factors)
    positions = pixel_grid(19, 19, y=11, x=11) + torch.tensor([dy, dx]).view(1, 2, 1, 1)
    read = spline_sample(values, positions)
    torch.testing.assert_close(read, cubic(positions, factors), atol=1e-4, rtol=0)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 16), st.integers(1, 16), st.integers(1, 3), st.integers(0, 9))
def test_the_curve_runs_through_the_values(
    height: int, width: int, channels: int, seed: int
) -> None:
    values = noise(2, channels, height, width, seed=seed)
    read = spline_sample(values, pixel_grid(height, width).expand(2, -1, -1, -1))
    torch.testing.assert_close(read, values, atol=1e-5, rtol=1e-5)


def test_each_image_of_a_batch_is_read_at_its_own_positions() -> None:
    values, positions = noise(3, 2, 12, 14), pixel_grid(5, 6, y=3, x=4) + noise(3, 2, 1, 1)
    together = spline_sample(values, positions)
    apart = [spline_sample(values[i : i + 1], positions[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(together, torch.cat(apart))


def test_the_table_of_coefficients_has_a_rim_of_two_pixels() -> None:
    assert coefficients(noise(2, 3, 7, 9)).shape == (2, 3, 11, 13)
    constant = coefficients(torch.full((1, 1, 7, 9), 0.7))
    torch.testing.assert_close(constant, torch.full_like(constant, 0.7))


@settings(max_examples=30, deadline=None)
@given(st.floats(-60, 60, width=32), st.floats(-60, 60, width=32))
def test_outside_the_nearest_border_value_is_read(y: float, x: float) -> None:
    values = noise(1, 2, 13, 17)
    place = torch.tensor([y, x]).view(1, 2, 1, 1)
    nearest = torch.stack([place[:, 0].clamp(0, 12), place[:, 1].clamp(0, 16)], dim=1)
    torch.testing.assert_close(spline_sample(values, place), spline_sample(values, nearest))
    if y < 0 and x > 16:
        torch.testing.assert_close(
            spline_sample(values, place)[..., 0, 0], values[..., 0, -1], atol=1e-5, rtol=0
        )


def left_after_half_steps(interpolation: Kernel, wave: float, times: int) -> float:
    """Share of a sinusoid's amplitude that shifts by half a pixel leave, there and back."""
    grid, step = pixel_grid(8, 96), torch.tensor([0.0, 0.5]).view(1, 2, 1, 1)

    def sinusoid(shift: float) -> Tensor:
        return torch.sin(2 * math.pi * (grid[:, 1:] + shift) / wave + 0.4)

    moved = sinusoid(0.0)
    for i in range(times):
        moved = sample(moved, grid + (step if i % 2 == 0 else -step), interpolation)
    truth = sinusoid(0.5 if times % 2 else 0.0)
    inner = (..., slice(32, 64))
    return float((moved * truth)[inner].sum() / truth[inner].square().sum())


@pytest.mark.parametrize("wave", [3.0, 3.5, 4.0, 5.0, 6.0])
def test_a_half_step_changes_fine_waves_by_the_kernels_response(wave: float) -> None:
    near, far = math.cos(math.pi / wave), math.cos(3 * math.pi / wave)
    spline = (23 * near + far) / 24 / ((2 + math.cos(2 * math.pi / wave)) / 3)
    a = -0.75
    bicubic = 2 * ((0.5 - a / 8) * near + a / 8 * far)
    assert left_after_half_steps("spline", wave, 1) == pytest.approx(spline, abs=1e-4)
    assert left_after_half_steps("bicubic", wave, 1) == pytest.approx(bicubic, abs=1e-4)
    # By chance both kernels have the same response at exactly four pixels.
    if wave != 4.0:
        assert abs(1 - spline) < 0.65 * abs(1 - bicubic)


def test_fine_detail_survives_better_than_with_cubic_convolution() -> None:
    """All waves of three to ten pixels together, and no single one."""
    errors = {
        kind: sum((1 - left_after_half_steps(kind, wave / 2, 1)) ** 2 for wave in range(6, 20))
        for kind in KERNELS
    }
    assert errors["spline"] < 0.4 * errors["bicubic"]
    assert errors["bicubic"] < 0.4 * errors["bilinear"]


def test_ten_readings_in_a_row_leave_most_of_a_fine_wave() -> None:
    assert left_after_half_steps("spline", 5.0, 10) > 0.9
    assert left_after_half_steps("bilinear", 5.0, 10) < 0.2


@pytest.mark.parametrize("seed", [0, 1])
def test_gradients_match_finite_differences(seed: int) -> None:
    values = noise(1, 1, 7, 6, seed=seed, dtype=torch.float64).requires_grad_()
    # Inside: beyond the border the value is constant, and on it the derivative jumps.
    inside = torch.rand(1, 2, 2, 3, generator=torch.Generator().manual_seed(seed)).double()
    positions = (inside * torch.tensor([5.8, 4.8]).view(1, 2, 1, 1) + 0.1).requires_grad_()
    assert torch.autograd.gradcheck(spline_sample, (values, positions), atol=1e-6, rtol=1e-4)


def test_values_and_slopes_are_continuous_across_the_pixels() -> None:
    values = noise(1, 1, 16, 16, dtype=torch.float64)
    slopes = []
    for offset in (-1e-6, 1e-6):
        positions = (pixel_grid(6, 6, y=5, x=5).double() + offset).requires_grad_()
        read = spline_sample(values, positions)
        slopes.append(torch.autograd.grad(read.sum(), positions)[0])
    torch.testing.assert_close(slopes[0], slopes[1], atol=1e-4, rtol=0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 16), st.floats(0, 1, width=32))
def test_a_window_with_a_margin_gives_what_the_whole_image_gives(
    top: int, left: int, side: int, offset: float
) -> None:
    values = torch.rand(1, 2, 64, 64, generator=torch.Generator().manual_seed(side))
    positions = pixel_grid(side, side, y=top, x=left) + offset
    whole = sample(values, positions, "spline")
    y, x = max(0, top - MARGIN), max(0, left - MARGIN)
    end = side + 1 + MARGIN
    part = values[..., y : top + end, x : left + end]
    torch.testing.assert_close(sample(part, positions, "spline", (y, x)), whole, atol=1e-3, rtol=0)
