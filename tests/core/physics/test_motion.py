"""From the velocity half way to stage fields, against rotations and bodies that part."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from napari_latentdyn.core.physics.characteristics import Characteristics
from napari_latentdyn.core.physics.course import stage_fields
from napari_latentdyn.core.physics.motion import Motion, acceleration, path_ends
from napari_latentdyn.core.physics.sampling import pixel_grid

SIDE = 65
CENTRE = (SIDE - 1) / 2
MOTIONS: tuple[Motion, ...] = get_args(Motion)
PATHS = Characteristics()


def rotation(angle: float) -> Tensor:
    """Velocity of a rigid rotation by an angle in the interval, about the centre."""
    rows, columns = (pixel_grid(SIDE, SIDE) - CENTRE).unbind(dim=1)
    return torch.stack([-columns, rows], dim=1) * angle


def turned(positions: Tensor, angle: float) -> Tensor:
    rows, columns = (positions - CENTRE).unbind(dim=1)
    cos, sin = math.cos(angle), math.sin(angle)
    return torch.stack([cos * rows - sin * columns, sin * rows + cos * columns], dim=1) + CENTRE


def circle(radius: float) -> Tensor:
    angles = torch.linspace(0, 2 * math.pi, 40)[:-1]
    return torch.stack([radius * angles.sin(), radius * angles.cos()])[None, :, None] + CENTRE


def parting(up: float = -2.0, down: float = 5.0) -> Tensor:
    """Two plates, of which one moves up and the other down."""
    velocity = torch.zeros(1, 2, SIDE, SIDE)
    velocity[:, 0, :32], velocity[:, 0, 32:] = up, down
    return velocity


def swirl(angle: float, dy: float, dx: float) -> Tensor:
    """A vortex that dies out to the border, on top of a drift."""
    rows, columns = (pixel_grid(SIDE, SIDE) - CENTRE).unbind(dim=1)
    strength = angle * torch.exp(-(rows**2 + columns**2) / (2 * 14.0**2))
    return torch.stack([-columns * strength + dy, rows * strength + dx], dim=1)


def longest(difference: Tensor) -> float:
    return float(difference.norm(dim=1).max())


@pytest.mark.parametrize("motion", ["steady", "local"])
@pytest.mark.parametrize("angle", [-0.1, 0.3, 0.5])
@pytest.mark.parametrize("time", [0.0, 0.3, 0.5, 1.0])
def test_the_fields_of_a_rotation_turn_points_on_circles(
    motion: Motion, angle: float, time: float
) -> None:
    radius = 22.0
    points, fields = circle(radius), stage_fields(rotation(angle), 8, motion)
    assert fields.shape == (1, 8, 2, SIDE, SIDE)
    back = PATHS.trace(0, fields, points, time)
    on = PATHS.trace(1, fields, points, time)
    # The ways are parabolas on both sides of half way: the third order is missing.
    bound = 1.1 * abs(angle) ** 3 / 24 * radius + 0.003
    assert bound < 0.035 or angle == 0.5
    assert longest(back - turned(points, -angle * time)) < bound
    assert longest(on - turned(points, angle * (1 - time))) < bound


@pytest.mark.parametrize("angle", [0.3, 0.5])
def test_inertial_points_leave_the_circle_along_the_tangent(angle: float) -> None:
    radius = 20.0
    points = circle(radius)
    fields = stage_fields(rotation(angle), 8, "inertial")
    on = PATHS.trace(1, fields, points, 0.5)
    back = PATHS.trace(0, fields, points, 0.5)
    tangent = torch.stack([-(points - CENTRE)[:, 1], (points - CENTRE)[:, 0]], dim=1) * angle
    assert longest(on - points - tangent / 2) < 0.01
    assert longest(back - points + tangent / 2) < 0.01
    # The chord is that much away from the arc.
    miss = (on - turned(points, angle / 2)).norm(dim=1)
    assert miss.mean() == pytest.approx(angle**2 / 8 * radius, rel=0.05)
    assert angle**2 / 8 * radius > 0.2


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 12), st.floats(-0.6, 0.6))
def test_a_steady_motion_has_the_same_field_in_every_stage(stages: int, angle: float) -> None:
    velocity = swirl(angle, 2.0, -3.0)
    fields = stage_fields(velocity, stages, "steady")
    assert fields.shape == (1, stages, 2, SIDE, SIDE)
    expected = (velocity / stages)[:, None].expand_as(fields)
    torch.testing.assert_close(fields, expected, atol=1e-6, rtol=0)


@settings(max_examples=30, deadline=None)
@given(
    dy=st.floats(-9, 9, width=32),
    dx=st.floats(-9, 9, width=32),
    stages=st.integers(1, 9),
    motion=st.sampled_from(MOTIONS),
    batch=st.integers(1, 2),
)
def test_a_constant_velocity_stays_so_in_every_motion(
    dy: float, dx: float, stages: int, motion: Motion, batch: int
) -> None:
    velocity = torch.tensor([dy, dx]).view(1, 2, 1, 1).expand(batch, 2, 20, 24).contiguous()
    fields = stage_fields(velocity, stages, motion)
    assert fields.shape == (batch, stages, 2, 20, 24)
    expected = (velocity / stages)[:, None].expand_as(fields)
    torch.testing.assert_close(fields, expected, atol=1e-5, rtol=1e-5)
    assert not acceleration(velocity, motion).any()


@pytest.mark.parametrize("motion", MOTIONS)
def test_a_middle_stage_is_the_velocity_half_way(motion: Motion) -> None:
    velocity = swirl(0.4, 3.0, -4.0)
    middle = stage_fields(velocity, 5, motion)[:, 2]
    torch.testing.assert_close(5 * middle, velocity, atol=1e-5, rtol=0)


@pytest.mark.parametrize("motion", MOTIONS)
def test_a_batch_is_what_its_members_are(motion: Motion) -> None:
    members = [swirl(0.3, 1.0, 2.0), parting(), torch.zeros(1, 2, SIDE, SIDE)]
    together = stage_fields(torch.cat(members), 4, motion)
    apart = torch.cat([stage_fields(member, 4, motion) for member in members])
    torch.testing.assert_close(together, apart, atol=1e-6, rtol=0)


def test_bodies_that_part_do_not_accelerate_each_other() -> None:
    velocity = parting()
    assert float(acceleration(velocity, "steady").abs().max()) > 5.0
    assert float(acceleration(velocity, "local").abs().max()) < 1e-3
    assert not acceleration(velocity, "inertial").any()


def test_bodies_that_part_keep_their_velocity_at_every_time() -> None:
    fields = stage_fields(parting(), 8, "local") * 8
    # Where the plates are at the first and the last stage, a pixel away from their edges.
    for stage, time in ((0, 0.0625), (7, 0.9375)):
        upper = math.floor(31 - 2 * (time - 0.5)) - 1
        lower = math.ceil(32 + 5 * (time - 0.5)) + 2
        for rows, expected in ((slice(0, upper), -2.0), (slice(lower, None), 5.0)):
            part = fields[0, stage, 0, rows]
            torch.testing.assert_close(part, torch.full_like(part, expected), atol=0.02, rtol=0)


@pytest.mark.parametrize("angle", [0.1, 0.3, 0.6])
def test_a_smooth_rotation_feels_the_pull_to_its_centre(angle: float) -> None:
    inner = (..., slice(8, -8), slice(8, -8))
    expected = -(angle**2) * (pixel_grid(SIDE, SIDE) - CENTRE)
    for motion in ("steady", "local"):
        found = acceleration(rotation(angle), motion)  # type: ignore[arg-type]
        torch.testing.assert_close(found[inner], expected[inner], atol=1e-4, rtol=1e-3)


@settings(max_examples=12, deadline=None)
@given(
    angle=st.floats(-0.3, 0.3),
    dy=st.floats(-4, 4),
    dx=st.floats(-4, 4),
    motion=st.sampled_from(MOTIONS),
)
def test_points_half_way_reach_their_ends_along_the_fields(
    angle: float, dy: float, dx: float, motion: Motion
) -> None:
    velocity = swirl(angle, dy, dx)
    grid = pixel_grid(SIDE, SIDE)
    origins, goals = path_ends(velocity, acceleration(velocity, motion))
    fields = stage_fields(velocity, 8, motion)
    inner = (..., slice(8, -8), slice(8, -8))
    assert longest((PATHS.trace(0, fields, grid, 0.5) - origins)[inner]) < 0.05
    assert longest((PATHS.trace(1, fields, grid, 0.5) - goals)[inner]) < 0.05


def test_the_ends_of_a_rotation_lie_on_its_circles() -> None:
    angle, grid = 0.3, pixel_grid(SIDE, SIDE)
    velocity = rotation(angle)
    origins, goals = path_ends(velocity, acceleration(velocity, "steady"))
    inner = (..., slice(8, -8), slice(8, -8))
    # The parabola leaves out the third order, angle^3 / 48 of the radius.
    bound = 1.1 * angle**3 / 48 * math.hypot(24, 24)
    assert longest((origins - turned(grid, -angle / 2))[inner]) < bound
    assert longest((goals - turned(grid, angle / 2))[inner]) < bound
