"""Paths of points against motions whose exact solution is known."""

from __future__ import annotations

import math
from typing import Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from napari_latentdyn.core.physics.characteristics import Characteristics
from napari_latentdyn.core.physics.sampling import pixel_grid

SIDE = 65
CENTRE = (SIDE - 1) / 2


def paths(departure: Literal["euler", "midpoint"] = "midpoint") -> Characteristics:
    return Characteristics(departure)


def constant(dy: float, dx: float, stages: int) -> Tensor:
    field = torch.tensor([dy, dx]).view(1, 1, 2, 1, 1) / stages
    return field.expand(1, stages, 2, SIDE, SIDE).contiguous()


def rotation(angle: float, stages: int) -> Tensor:
    """Velocity of a rigid rotation by an angle in all, about the centre."""
    rows, columns = (pixel_grid(SIDE, SIDE) - CENTRE).unbind(dim=1)
    field = torch.stack([-columns, rows], dim=1) * (angle / stages)
    return field[:, None].expand(-1, stages, -1, -1, -1)


def turned(positions: Tensor, angle: float) -> Tensor:
    rows, columns = (positions - CENTRE).unbind(dim=1)
    cos, sin = math.cos(angle), math.sin(angle)
    return torch.stack([cos * rows - sin * columns, sin * rows + cos * columns], dim=1) + CENTRE


def disc_points() -> Tensor:
    """Positions on circles that stay inside of the image when they turn."""
    angles = torch.linspace(0, 2 * math.pi, 40)[:-1]
    radii = torch.tensor([5.0, 15.0, 28.0])[:, None]
    return torch.stack([radii * angles.sin(), radii * angles.cos()])[None] + CENTRE


def error_of_rotation(departure: Literal["euler", "midpoint"], stages: int) -> float:
    points = disc_points()
    found = paths(departure).trace(0, rotation(0.5, stages), points, 1.0)
    return float((found - turned(points, -0.5)).norm(dim=1).max())


@settings(max_examples=40, deadline=None)
@given(
    dy=st.floats(-8, 8, width=32),
    dx=st.floats(-8, 8, width=32),
    stages=st.integers(1, 9),
    time=st.floats(0, 1),
    departure=st.sampled_from(["euler", "midpoint"]),
)
def test_constant_velocity_moves_all_points_alike_at_any_time(
    dy: float, dx: float, stages: int, time: float, departure: Literal["euler", "midpoint"]
) -> None:
    physics, fields = paths(departure), constant(dy, dx, stages)
    grid = pixel_grid(SIDE, SIDE)
    move = torch.tensor([dy, dx]).view(1, 2, 1, 1)
    back = physics.trace(0, fields, grid, time)
    on = physics.trace(1, fields, grid, time)
    torch.testing.assert_close(back, grid - time * move, atol=2e-4, rtol=0)
    torch.testing.assert_close(on, grid + (1 - time) * move, atol=2e-4, rtol=0)


def test_rotation_is_second_order_with_midpoint_and_first_order_with_euler() -> None:
    coarse, fine = error_of_rotation("midpoint", 8), error_of_rotation("midpoint", 16)
    assert coarse < 0.02
    assert fine < coarse / 3.0
    coarse, fine = error_of_rotation("euler", 8), error_of_rotation("euler", 16)
    assert 0.1 < coarse < 1.2
    assert coarse / 2.6 < fine < coarse / 1.6


@pytest.mark.parametrize("stages", [32, 64, 128])
def test_tracers_close_their_circle_as_well_as_the_order_promises(stages: int) -> None:
    points = disc_points()
    back = paths().trace(0, rotation(2 * math.pi, stages), points, 1.0)
    # The explicit midpoint rule turns by x - x^3 / 6 instead of x in a stage.
    promised = 28.0 * stages * (2 * math.pi / stages) ** 3 / 6
    assert float((back - points).norm(dim=1).max()) < 1.1 * promised


def test_there_and_back_is_the_identity() -> None:
    points, fields = disc_points(), rotation(0.6, 8)
    physics = paths()
    again = physics.trace(1, fields, physics.trace(0, fields, points, 1.0), 0.0)
    assert float((again - points).norm(dim=1).max()) < 0.01


@settings(max_examples=20, deadline=None)
@given(time=st.floats(0.0, 1.0))
def test_a_partial_step_lies_on_the_way(time: float) -> None:
    points = disc_points()
    found = paths().trace(0, rotation(0.4, 4), points, time)
    assert float((found - turned(points, -0.4 * time)).norm(dim=1).max()) < 0.05


def test_strain_grows_exponentially() -> None:
    rate, stages = 0.3, 12
    rows, columns = (pixel_grid(SIDE, SIDE) - CENTRE).unbind(dim=1)
    field = torch.stack([rate * rows, -rate * columns], dim=1) / stages
    fields = field[:, None].expand(-1, stages, -1, -1, -1)
    start = torch.tensor([[[[CENTRE + 10.0]], [[CENTRE + 20.0]]]])
    end = paths().trace(1, fields, start, 0.0) - CENTRE
    assert float(end[0, 0]) == pytest.approx(10 * math.exp(rate), rel=1e-3)
    assert float(end[0, 1]) == pytest.approx(20 * math.exp(-rate), rel=1e-3)


@pytest.mark.parametrize("time", [-0.1, 1.1])
def test_times_outside_the_interval_are_refused(time: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        paths().trace(0, constant(1, 1, 2), pixel_grid(4, 4), time)
