"""Paths with a measured acceleration and jerk."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_latentdyn.core.observations.patches import Window
from napari_latentdyn.core.physics.course import (
    Course,
    displacement,
    motion_terms,
    stage_fields,
    velocity_along,
)
from napari_latentdyn.core.physics.motion import acceleration

SHAPE = (24, 30)
numbers = st.floats(-20, 20)
times = st.floats(-0.5, 0.5)


def uniform(*values: float) -> torch.Tensor:
    """A field with the same vector everywhere, (1, 2, H, W)."""
    return torch.tensor(values).view(1, 2, 1, 1).expand(1, 2, *SHAPE).clone()


def course(acceleration: float, jerk: float, share: float = 1.0) -> Course:
    change, third = uniform(acceleration, 0.0), uniform(jerk, 0.0)
    return Course(change[0].numpy(), third[0].numpy(), share)


@settings(max_examples=50, deadline=None)
@given(numbers, numbers, numbers, times, times)
def test_the_way_is_the_integral_of_the_velocity(
    u: float, a: float, j: float, start: float, end: float
) -> None:
    terms = motion_terms(uniform(u, 0.0).double(), "inertial", course(a, j))
    # Simpson's rule is exact for a velocity that is quadratic in time.
    ends = [velocity_along(terms, time) for time in (start, (start + end) / 2, end)]
    integral = (end - start) / 6 * (ends[0] + 4 * ends[1] + ends[2])
    torch.testing.assert_close(displacement(terms, start, end), integral, atol=1e-5, rtol=1e-5)


@settings(max_examples=50, deadline=None)
@given(numbers, numbers, numbers)
def test_neither_acceleration_nor_jerk_changes_the_displacement(
    u: float, a: float, j: float
) -> None:
    terms = motion_terms(uniform(u, 0.0), "inertial", course(a, j))
    torch.testing.assert_close(displacement(terms, -0.5, 0.5), uniform(u, 0.0))
    ends = [velocity_along(terms, time)[0, 0, 0, 0].item() for time in (-0.5, 0.5)]
    assert ends == pytest.approx([u - a / 2 + j / 12, u + a / 2 + j / 12], abs=1e-4)


def test_what_is_not_measured_is_the_acceleration_of_the_motion() -> None:
    velocity = torch.randn(1, 2, *SHAPE, generator=torch.Generator().manual_seed(0))
    steady = acceleration(velocity, "steady")
    terms = motion_terms(velocity, "steady", course(3.0, 6.0, share=0.25))
    torch.testing.assert_close(terms[:, :2], velocity)
    torch.testing.assert_close(terms[:, 2:4], 0.75 * steady + 0.25 * uniform(3.0, 0.0))
    torch.testing.assert_close(terms[:, 4:], uniform(1.5, 0.0))
    alone = motion_terms(velocity, "steady")
    torch.testing.assert_close(alone, torch.cat([velocity, steady], dim=1))


def test_fields_of_the_stages_carry_the_points_along_their_path() -> None:
    """A body that stops, turns and accelerates: the stages add up to its displacement."""
    stages = 6
    fields = stage_fields(uniform(2.0, -1.0), stages, "local", course(-9.0, 12.0))
    assert fields.shape == (1, stages, 2, *SHAPE)
    found = fields[0, :, 0, 12, 15].numpy()
    s = (np.arange(stages) + 0.5) / stages - 0.5
    np.testing.assert_allclose(found, (2 - 9 * s + 12 * (s**2 / 2 - 1 / 24)) / stages, atol=1e-5)
    # The rule of the midpoint misses the integral by the square of the stage.
    assert found.sum() == pytest.approx(2.0, abs=12 / 24 / stages**2 + 1e-5)
    np.testing.assert_allclose(fields[0, :, 1].numpy(), -1 / stages, atol=1e-6)


def test_a_window_of_a_course_is_that_of_its_fields() -> None:
    change = torch.arange(2.0 * SHAPE[0] * SHAPE[1]).view(2, *SHAPE).numpy()
    part = Course(change, 2 * change, 0.5).crop(Window(3, 4, 5, 6))
    np.testing.assert_array_equal(part.acceleration, change[:, 3:8, 4:10])
    np.testing.assert_array_equal(part.jerk, 2 * change[:, 3:8, 4:10])
    assert part.share == 0.5
