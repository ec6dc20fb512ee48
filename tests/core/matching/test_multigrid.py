"""Fields on a grid of half the size, and the linear problem on it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.helpers import finished

from napari_latentdyn.core.matching.multigrid import prolong, restrict_sums
from napari_latentdyn.core.matching.normal_equations import NormalEquations
from napari_latentdyn.core.physics.operators import halve

sides = st.integers(4, 21)
numbers = st.floats(-5, 5)


@settings(deadline=None, max_examples=60)
@given(sides, sides, numbers, numbers, numbers)
def test_affine_fields_survive_the_smaller_grid(
    height: int, width: int, down: float, across: float, offset: float
) -> None:
    rows, columns = torch.meshgrid(
        torch.arange(height).float(), torch.arange(width).float(), indexing="ij"
    )
    field = (down * rows + across * columns + offset)[None, None]
    again = prolong(halve(field), (height, width))
    # An odd side repeats its last row or column, which the border is then followed from.
    inner = (..., slice(0, height - 3 * (height % 2)), slice(0, width - 3 * (width % 2)))
    torch.testing.assert_close(again[inner], field[inner], atol=1e-3, rtol=1e-4)


@settings(deadline=None, max_examples=30)
@given(sides, sides, st.integers(0, 2**31))
def test_sums_keep_all_data(height: int, width: int, seed: int) -> None:
    data = torch.from_numpy(np.random.default_rng(seed).normal(size=(1, 3, height, width)))
    whole = restrict_sums(data)
    assert whole.shape[-2:] == ((height + 1) // 2, (width + 1) // 2)
    torch.testing.assert_close(whole.sum(dim=(2, 3)), data.sum(dim=(2, 3)))


def solved(grid: str, shape: tuple[int, int] = (64, 72)) -> torch.Tensor:
    """Solution of a problem with data everywhere, of which the truth is a smooth field."""
    random = torch.Generator().manual_seed(1)
    rows, columns = torch.meshgrid(
        torch.arange(shape[0]).float(), torch.arange(shape[1]).float(), indexing="ij"
    )
    truth = torch.stack([torch.sin(rows / 15), torch.cos(columns / 20)])[None]
    slopes = torch.randn(1, 2, 2, *shape, generator=random)
    difference = -(slopes * truth[:, :, None]).sum(dim=1)
    velocity = torch.zeros_like(truth)
    if grid == "half":
        velocity = halve(velocity)
    weight = torch.ones_like(difference)
    equations = NormalEquations(
        weight, slopes, difference, velocity, torch.zeros_like(velocity), 0.2
    )
    _, found = finished(equations.solve(torch.zeros_like(velocity), 200))
    found = prolong(found, shape) if grid == "half" else found
    assert float((found - truth).norm(dim=1).mean()) < 0.05
    return found


def test_a_smooth_field_is_found_on_either_grid() -> None:
    apart = (solved("whole") - solved("half")).norm(dim=1)
    assert float(apart.mean()) < 0.05


def test_both_grids_weigh_stiffness_alike() -> None:
    # Without data what a field costs is its second differences, whatever the grid.
    rows = torch.arange(64).float()
    field = torch.stack([rows**2 / 400, rows**2 / 900])[None, :, :, None].expand(-1, -1, -1, 64)
    energies = []
    for velocity in (field.contiguous(), halve(field)):
        nothing = torch.zeros(1, 1, 64, 64)
        equations = NormalEquations(
            nothing,
            torch.zeros(1, 2, 1, 64, 64),
            nothing,
            velocity,
            torch.zeros_like(velocity),
            1.0,
        )
        energies.append(-float((equations.target * velocity).sum()))
    assert energies[1] == pytest.approx(energies[0], rel=0.05)
