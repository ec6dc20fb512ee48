"""Prior knowledge in the normal equations: walls, still regions, known velocities."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from napari_latentdyn.core.knowledge.regions import extended
from napari_latentdyn.core.knowledge.tracks import Tracks
from napari_latentdyn.core.matching.guidance import (
    Guidance,
    KnownVelocity,
    along_walls,
    wall_normals,
)
from napari_latentdyn.core.matching.known import displacements, known_velocity
from napari_latentdyn.core.matching.normal_equations import NormalEquations
from napari_latentdyn.generators import drain

CPU = torch.device("cpu")
masks = arrays.arrays(bool, st.tuples(st.integers(4, 20), st.integers(4, 20)))


def solve(guidance: Guidance, start: torch.Tensor, stiffness: float = 1.0) -> NDArray[np.float32]:
    """Return the velocity that guidance and stiffness give where the images show nothing."""
    height, width = start.shape[-2:]
    nothing = torch.zeros(1, 1, height, width)
    equations = NormalEquations(
        nothing,
        torch.zeros(1, 2, 1, height, width),
        nothing,
        start,
        torch.zeros_like(start),
        stiffness,
        guidance.level((height, width)),
    )
    return (start + drain(equations.solve(torch.zeros_like(start), 400)))[0].numpy()


def test_a_known_velocity_pulls_with_its_precision() -> None:
    known = np.broadcast_to(np.array([3.0, -2.0], np.float32)[:, None, None], (2, 24, 24)).copy()
    certain = KnownVelocity(known, np.full((24, 24), 0.01, np.float32), np.ones((24, 24), "f4"))
    found = solve(Guidance((24, 24), CPU, known=certain), torch.zeros(1, 2, 24, 24), 1e-6)
    np.testing.assert_allclose(found, known, rtol=0.01)
    unsure = KnownVelocity(known, np.full((24, 24), 1e6, np.float32), np.zeros((24, 24), "f4"))
    found = solve(Guidance((24, 24), CPU, known=unsure), torch.zeros(1, 2, 24, 24), 1e-6)
    np.testing.assert_allclose(found, 0, atol=0.01)


def test_on_a_coarse_level_the_known_velocity_is_smaller() -> None:
    known = np.full((2, 32, 32), 4.0, np.float32)
    certain = KnownVelocity(known, np.full((32, 32), 0.01, np.float32), np.ones((32, 32), "f4"))
    offer = Guidance((32, 32), CPU, known=certain).offer((16, 8))
    assert offer is not None
    np.testing.assert_allclose(offer[0][0, 0], 2.0, rtol=1e-5)
    np.testing.assert_allclose(offer[0][0, 1], 1.0, rtol=1e-5)


@pytest.mark.parametrize("angle", [0.0, 0.6, 1.2, 2.5])
def test_the_velocity_next_to_a_wall_flows_along_it(angle: float) -> None:
    rows, columns = np.mgrid[:40, :40] - 19.5
    normal = np.array([np.cos(angle), np.sin(angle)])
    wall = rows * normal[0] + columns * normal[1] < -4
    start = torch.full((1, 2, 40, 40), 2.0)
    found = along_walls(solve(Guidance((40, 40), CPU, blocked=wall, wall=wall), start), wall)
    normals = wall_normals(wall)
    beside = (normals != 0).any(axis=0)
    beside[:4], beside[-4:], beside[:, :4], beside[:, -4:] = False, False, False, False
    assert beside.any()
    np.testing.assert_allclose(normals[:, beside].T, np.tile(normal, (beside.sum(), 1)), atol=0.12)
    assert np.abs((found * normals).sum(axis=0)).max() < 1e-5
    tangent = np.array([-normal[1], normal[0]])
    along = (found[:, beside].T @ tangent).mean()
    # The tangential part of the start stays.
    assert along == pytest.approx(2 * tangent.sum(), abs=0.2)


def test_stiffness_is_cut_at_a_still_region() -> None:
    blocked = np.zeros((20, 20), bool)
    blocked[:, 9:11] = True
    start = torch.zeros(1, 2, 20, 20)
    start[..., 11:] = 5.0
    cut = solve(Guidance((20, 20), CPU, blocked=blocked), start)
    np.testing.assert_allclose(cut[..., :9], 0, atol=1e-3)
    np.testing.assert_allclose(cut[..., 11:], 5, atol=1e-3)
    whole = solve(Guidance((20, 20), CPU), start)
    assert np.abs(whole[..., :9]).max() > 0.1


@given(masks, st.integers(0, 100))
@settings(max_examples=50, deadline=None)
def test_extended_values_come_from_free_pixels(blocked: NDArray[np.bool_], seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(2, *blocked.shape))
    found = extended(values, blocked)
    np.testing.assert_array_equal(found[:, ~blocked], values[:, ~blocked])
    if not blocked.all():
        assert np.isin(found[0], values[0][~blocked]).all()


@given(masks)
@settings(max_examples=50, deadline=None)
def test_wall_normals_are_units_beside_the_wall_alone(wall: NDArray[np.bool_]) -> None:
    normals = wall_normals(wall)
    length = np.hypot(*normals)
    assert not length[wall].any()
    assert (length < 1 + 1e-5).all()
    velocity = np.random.default_rng(0).normal(size=(2, *wall.shape)).astype(np.float32)
    along = along_walls(velocity, wall)
    np.testing.assert_allclose((along * normals).sum(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(along_walls(along, wall), along, atol=1e-5)


def test_displacements_of_tracks_that_cover_a_part_are_less_certain() -> None:
    whole = Tracks.landmarks([[10.0, 10.0]], [[14.0, 8.0]], sigma=0.5)
    half = Tracks.from_rows([0, 0], [0.5, 1.0], [[12.0, 9.0], [14.0, 8.0]], 0.5)
    places, ways, sigma = displacements(whole)
    np.testing.assert_allclose(places, [[12, 9]])
    np.testing.assert_allclose(ways, [[4, -2]])
    np.testing.assert_allclose(sigma, [np.sqrt(0.5)])
    places, ways, less = displacements(half)
    np.testing.assert_allclose(places, [[12, 9]])
    np.testing.assert_allclose(ways, [[4, -2]])
    assert less[0] > 2 * sigma[0]


@given(st.integers(16, 90), st.integers(16, 90), st.integers(1, 6), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_the_known_velocity_has_the_shape_of_the_images(
    height: int, width: int, count: int, seed: int
) -> None:
    first = np.random.default_rng(seed).uniform([0, 0], [height - 1, width - 1], (count, 2))
    known = known_velocity(Tracks.landmarks(first, first + np.array([3.0, 1.0])), (height, width))
    assert known.velocity.shape == (2, height, width)
    np.testing.assert_allclose(known.velocity[0].mean(), 3, atol=0.6)
    assert known.variance.min() > 0
    assert 0.9 < known.nearness.max() <= 1
