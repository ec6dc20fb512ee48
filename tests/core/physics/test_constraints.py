"""Constraints on the velocity, against fields that are known analytically."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from napari_latentdyn.core.knowledge.regions import Regions
from napari_latentdyn.core.observations.patches import Window
from napari_latentdyn.core.physics.constraints import (
    Constraint,
    curl,
    divergence,
    divergence_free,
    irrotational,
    rigid,
)
from napari_latentdyn.core.physics.sampling import pixel_grid
from napari_latentdyn.errors import SettingsError
from napari_latentdyn.settings import PhysicsSettings

SHAPE = (65, 80)
#: Rounding of velocities of a few pixels.
ROUNDING = 1e-5

Projection = Callable[[Tensor], Tensor]
Measure = Callable[[Tensor], Tensor]
HODGE = [(divergence_free, divergence), (irrotational, curl)]


def grid(shape: tuple[int, int] = SHAPE) -> tuple[Tensor, Tensor]:
    places = pixel_grid(*shape)[0]
    return places[0], places[1]


def field(rows: Tensor, columns: Tensor) -> Tensor:
    return torch.stack([rows, columns])[None]


def taylor_green(wave: float = 40.0) -> Tensor:
    """Vortices of 20 pixels, cut by the border of the image."""
    y, x = (2 * math.pi * axis / wave for axis in grid())
    return 3 * field(-torch.sin(y) * torch.cos(x), torch.cos(y) * torch.sin(x))


def source_flow() -> Tensor:
    """The gradient of a smooth potential that is zero at the border."""
    y, x = grid()
    bump = torch.exp(-((y - 30) ** 2 + (x - 45) ** 2) / (2 * 7.0**2))
    return field((y - 30) * bump, (x - 45) * bump)


def turning(angle: float, centre: tuple[float, float], shape: tuple[int, int] = SHAPE) -> Tensor:
    """Displacement of a body that turns, about the positions half way."""
    y, x = grid(shape)
    return 2 * math.sin(angle / 2) * field(-(x - centre[1]), y - centre[0])


def largest(values: Tensor) -> float:
    return float(values.abs().max())


def random_field(seed: int, shape: tuple[int, int], size: float = 4.0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return size * torch.randn((2, 2, *shape), generator=random)


def test_vortices_stay_without_divergence_and_vanish_without_rotation() -> None:
    flow = taylor_green()
    # The error of central differences: (2 pi / 40)^2 / 6 of the derivative.
    assert largest(divergence_free(flow) - flow) < 0.01 * largest(flow)
    left = irrotational(flow)
    # Vortices that the border cuts leave a part that neither turns nor converges.
    inner = (..., slice(15, -15), slice(15, -15))
    assert largest(left[inner]) < 0.35 * largest(flow)


def test_gradients_stay_without_rotation_and_vanish_without_divergence() -> None:
    flow = source_flow()
    assert largest(irrotational(flow) - flow) < 2e-3 * largest(flow)
    # Differences over two pixels of a bump with a deviation of 7 pixels.
    assert largest(divergence_free(flow)) < 0.02 * largest(flow)


def test_both_parts_of_a_flow_are_told_apart() -> None:
    vortex, source = taylor_green(), source_flow()
    assert largest(divergence_free(vortex + source) - vortex) < 0.02 * largest(source)


@pytest.mark.parametrize("project", [divergence_free, irrotational, rigid])
def test_uniform_flow_passes_the_border_unchanged(project: Projection) -> None:
    flow = torch.tensor([5.0, -3.0]).view(1, 2, 1, 1).expand(1, 2, *SHAPE)
    assert largest(project(flow) - flow) < ROUNDING


def test_affine_flows_keep_the_part_that_satisfies_the_constraint() -> None:
    y, x = grid()
    strain, spin, growth = field(y, -x), field(-x, y), field(y, x)
    for flow in (strain, spin):
        assert largest(divergence_free(0.1 * flow) - 0.1 * flow) < ROUNDING
    for flow in (strain, growth):
        assert largest(irrotational(0.1 * flow) - 0.1 * flow) < ROUNDING
    assert largest(divergence(divergence_free(0.1 * growth))) < ROUNDING
    assert largest(curl(irrotational(0.1 * spin))) < ROUNDING


@pytest.mark.parametrize("angle", [0.05, 1.0, 2.5])
def test_a_body_keeps_its_displacement_for_any_angle(angle: float) -> None:
    centre = (20.0, 71.0)
    y, x = grid()
    # The points half way, turned back and forth by half of the angle.
    cos, sin = math.cos(angle / 2), math.sin(angle / 2)
    down, right = y - centre[0], x - centre[1]
    ends = [
        field(cos * down - sign * sin * right, cos * right + sign * sin * down)
        for sign in (1.0, -1.0)
    ]
    shift = torch.tensor([4.0, -2.5]).view(1, 2, 1, 1)
    truth = ends[0] - ends[1] + shift
    assert largest(rigid(truth) - truth) < 1e-4
    noisy = truth + torch.randn(truth.shape, generator=torch.Generator().manual_seed(1))
    assert largest(rigid(noisy) - truth) < 0.1


def test_outliers_do_not_move_a_body() -> None:
    truth = turning(0.3, (30.0, 40.0)) + 3.0
    wrong = truth.clone()
    wrong[..., :12, :] = 0.0
    assert largest(rigid(wrong) - truth) < 1e-3


def test_places_without_information_do_not_move_a_body() -> None:
    truth = turning(0.3, (30.0, 40.0)) + 3.0
    weight = torch.ones(1, 1, *SHAPE)
    weight[..., 10:, :] = 0.0
    guessed = torch.where(weight > 0, truth, 0.0)
    assert largest(rigid(guessed, weight=weight) - truth) < 1e-2
    assert largest(rigid(truth, weight=0 * weight) - truth) < 1e-3


def test_each_region_is_a_body_and_the_rest_is_free() -> None:
    regions = torch.zeros(SHAPE, dtype=torch.long)
    regions[5:30, 5:35], regions[35:60, 40:75] = 3, 1
    flow = random_field(0, SHAPE, 1.0)
    flow[:, :, 5:30, 5:35] = (turning(0.4, (10.0, 20.0)) + 2.0)[..., 5:30, 5:35]
    flow[:, :, 35:60, 40:75] = -1.0
    found = rigid(flow, regions)
    assert largest((found - flow)[..., regions == 0]) == 0.0
    assert largest((found - flow)[..., regions > 0]) < 1e-3
    noisy = flow + random_field(1, SHAPE, 0.3)
    left = (rigid(noisy, regions) - flow)[..., regions > 0]
    assert largest(left) < 0.1
    assert largest(rigid(flow, 0 * regions) - flow) == 0.0


@pytest.mark.parametrize(("project", "measure"), HODGE)
def test_blocked_pixels_keep_their_velocity_and_have_no_condition(
    project: Callable[[Tensor, Tensor], Tensor], measure: Measure
) -> None:
    blocked = torch.zeros(SHAPE, dtype=torch.bool)
    blocked[20:40, 30:60] = blocked[:10] = blocked[50::5, ::3] = True
    flow = random_field(2, SHAPE)
    flow[..., blocked] = 0.0
    found = project(flow, blocked)
    assert largest(found[..., blocked]) == 0.0
    free = ~blocked[1:-1, 1:-1]
    assert largest(measure(found)[..., free]) < ROUNDING
    assert largest(project(found, blocked) - found) < ROUNDING


@pytest.mark.parametrize(("project", "measure"), HODGE)
@given(
    seed=st.integers(0, 1000),
    shape=st.tuples(st.integers(3, 40), st.integers(3, 40)),
    factor=st.floats(-3.0, 3.0),
)
@settings(max_examples=25, deadline=None)
def test_projections_are_linear_idempotent_and_orthogonal(
    project: Projection,
    measure: Measure,
    seed: int,
    shape: tuple[int, int],
    factor: float,
) -> None:
    flow, other = random_field(seed, shape), random_field(seed + 1, shape)
    found = project(flow)
    assert largest(measure(found)) < ROUNDING
    assert largest(project(found) - found) < ROUNDING
    assert largest(project(factor * flow + other) - factor * found - project(other)) < 1e-4
    # Orthogonal to all velocities that satisfy the condition: nothing is nearer.
    assert abs(float(((flow - found) * project(other)).mean())) < 1e-4


@given(seed=st.integers(0, 1000), shape=st.tuples(st.integers(1, 30), st.integers(1, 30)))
@settings(max_examples=25, deadline=None)
def test_bodies_stay_bodies_and_other_fields_stay_finite(seed: int, shape: tuple[int, int]) -> None:
    found = rigid(random_field(seed, shape))
    assert bool(torch.isfinite(found).all())
    assert largest(rigid(found) - found) < 1e-3
    for project in (divergence_free, irrotational):
        assert bool(torch.isfinite(project(random_field(seed, shape))).all())


def test_a_soft_constraint_removes_a_part_of_the_violation() -> None:
    flow = random_field(3, SHAPE)
    soft, exact = (Constraint("divergence_free", part).apply(flow) for part in (0.25, 1.0))
    assert largest(soft - (flow + 0.25 * (exact - flow))) < ROUNDING
    assert largest(divergence(soft)) > 1.0


def test_regions_of_full_size_serve_smaller_levels_and_windows() -> None:
    regions = np.zeros((64, 96), np.uint16)
    regions[:32] = 7
    constraint = Constraint("rigid", regions=regions)
    # Bodies are shifted half way by whole pixels, here by none.
    flow = 0.01 * random_field(4, (32, 48))
    found = constraint.apply(flow)
    assert largest((found - flow)[..., 16:, :]) == 0.0
    torch.testing.assert_close(found[..., :16, :], rigid(flow[..., :16, :]))
    window = Window(8, 4, 16, 20)
    part = constraint.crop(window, (32, 48)).apply(flow[(..., *window.slices)])
    assert largest((part - flow[(..., *window.slices)])[..., 8:, :]) == 0.0
    blocked = np.zeros((64, 96), bool)
    blocked[:, :48] = True
    kept = Constraint("rigid", regions=regions, blocked=blocked).apply(flow)
    assert largest((kept - flow)[..., :24]) == 0.0
    assert largest((kept - flow)[..., :16, 24:]) > 0.01


def test_settings_without_effect_give_no_constraint() -> None:
    none = Regions()
    assert Constraint.of(PhysicsSettings(), none) is None
    chosen = PhysicsSettings(constraint="rigid", constraint_strength=0.0)
    assert Constraint.of(chosen, none) is None
    found = Constraint.of(PhysicsSettings(constraint="irrotational"), none)
    assert found is not None
    assert found.exact


def test_rigid_regions_are_a_constraint_of_their_own() -> None:
    labels = np.arange(64).reshape(8, 8) // 32
    known = Regions.from_masks(rigid=labels, still=labels == 0)
    found = Constraint.of(PhysicsSettings(), known)
    assert found is not None
    assert found.kind == "rigid"
    np.testing.assert_array_equal(found.regions, labels)
    np.testing.assert_array_equal(found.blocked, labels == 0)
    with pytest.raises(SettingsError, match="must have the constraint rigid or none"):
        Constraint.of(PhysicsSettings(constraint="divergence_free"), known)
