"""Tracers against flows whose paths are known."""

from __future__ import annotations

from time import perf_counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.integrate import solve_ivp
from tests.core.helpers import spin

from napari_latentdyn.core.dynamics.trajectories import trajectories
from napari_latentdyn.core.physics.characteristics import Characteristics
from napari_latentdyn.errors import DerivedError, SettingsError

SIZE, CENTRE = 128, 63.5
STAGES = 64


@pytest.fixture(scope="module")
def turn():
    """One whole turn about the centre in 64 stages."""
    field = spin(2 * np.pi / STAGES, (SIZE, SIZE)).astype(np.float32)
    return np.repeat(field[None], STAGES, axis=0)


def ring(radius, count=12):
    angles = np.arange(count) * 2 * np.pi / count
    return CENTRE + radius * np.stack([np.sin(angles), np.cos(angles)], axis=1)


def distance(a, b):
    return np.hypot(*np.moveaxis(np.asarray(a) - b, -1, 0))


# Known paths --------------------------------------------------------------------------------


@pytest.mark.parametrize("interpolation", ["cubic", "linear"])
@pytest.mark.parametrize("radius", [0.0, 5.0, 30.0, 60.0, 63.5])
def test_a_turn_closes(turn, radius, interpolation):
    points = ring(radius)
    times = np.linspace(0, 1, 33)
    paths = trajectories(turn, points, times, interpolation=interpolation)
    assert distance(paths[:, -1], points).max() < 0.002
    assert np.abs(distance(paths, CENTRE) - radius).max() < 0.002
    # Half way each is on the other side.
    assert distance(paths[:, 16], 2 * CENTRE - points).max() < 0.002


def test_a_turn_closes_also_with_few_stages():
    fields = np.repeat(spin(2 * np.pi / 4, (SIZE, SIZE))[None], 4, axis=0)
    assert distance(trajectories(fields, ring(50.0), [1.0])[:, 0], ring(50.0)).max() < 0.1


def test_between_the_middles_of_stages_the_velocity_changes_evenly():
    """Velocities 0, 4 and 2 hold at 1/6, 1/2 and 5/6; their integral is known."""
    fields = np.zeros((3, 2, 16, 32))
    fields[:, 1] = np.reshape([0.0, 4.0, 2.0], (3, 1, 1))
    times = [0.0, 1 / 6, 1 / 3, 1 / 2, 5 / 6, 1.0]
    paths = trajectories(fields, [[8.0, 5.0]], times)
    np.testing.assert_allclose(paths[0, :, 1], 5 + np.array([0, 0, 0.5, 2, 5, 6]), atol=1e-12)
    np.testing.assert_allclose(paths[0, :, 0], 8.0, atol=1e-12)


def test_curved_paths_of_a_flow_that_changes():
    """Vortices that wander and grow, against a solver that knows the formula."""
    stages, k = 48, 2 * np.pi / 32
    y, x = np.mgrid[:96, :96].astype(float)

    def flow(place, time):
        # Per interval; slow in time, so that stages can follow it.
        rows, columns = k * (place[0] - 5 * time), k * place[1]
        grown = 12 * (1 + time)
        return grown * np.stack([-np.cos(columns) * np.sin(rows), np.sin(columns) * np.cos(rows)])

    middles = (np.arange(stages) + 0.5) / stages
    fields = np.stack([flow((y, x), t) for t in middles]) / stages
    points = np.random.default_rng(0).uniform(24, 72, (100, 2))
    solved = solve_ivp(
        lambda t, z: flow(z.reshape(2, -1), t).ravel(),
        (0.2, 1.0),
        points.T.ravel(),
        rtol=1e-9,
        atol=1e-9,
    )
    expected = solved.y[:, -1].reshape(2, -1).T
    assert distance(points, expected).max() > 10
    errors = {
        name: distance(trajectories(fields, points, [1.0], 0.2, interpolation=name)[:, 0], expected)
        for name in ("cubic", "linear")
    }
    assert errors["cubic"].max() < 0.03
    assert errors["cubic"].mean() < 0.1 * errors["linear"].mean()


def test_linear_reading_does_not_overshoot_a_jump():
    fields = np.zeros((8, 2, 64, 64))
    fields[:, 1, 20:] = 2.0
    points = np.stack([np.arange(14, 28, 0.25), np.full(56, 10.0)], axis=1)
    moved = trajectories(fields, points, [1.0], interpolation="linear")[:, 0, 1] - 10
    assert -1e-9 < moved.min() < moved.max() < 16 + 1e-9


def test_tracers_go_where_frames_carry_what_is_seen():
    """The characteristics that frames are drawn with end at the same places."""
    stages = 8
    k = 2 * np.pi / 48
    y, x = np.mgrid[:96, :96].astype(float)
    grown = np.linspace(0.8, 1.2, stages)[:, None, None, None]
    fields = grown * np.stack([-np.cos(k * x) * np.sin(k * y), np.sin(k * x) * np.cos(k * y)])
    points = np.stack(np.mgrid[16:80:8, 16:80:8], axis=-1).reshape(-1, 2).astype(float)
    paths = trajectories(fields, points, [1.0], 0.25)[:, 0]
    there = torch.from_numpy(points.T.reshape(1, 2, 1, -1)).float()
    characteristics = Characteristics()
    on = characteristics.trace(1, torch.from_numpy(fields).float()[None], there, 0.25)
    assert distance(paths, points).max() > 5
    assert distance(paths, on.numpy().reshape(2, -1).T).max() < 0.1


# Starts, ends and borders -------------------------------------------------------------------


def test_points_are_followed_both_ways(turn):
    """Wherever on its circle a point is caught, its path is the same."""
    times = np.linspace(0, 1, 17)
    whole = trajectories(turn, ring(40.0), times)
    for i in (4, 9, 16):
        caught = trajectories(turn, whole[:, i], times, start_time=times[i])
        assert distance(caught, whole).max() < 0.002


def test_each_point_may_have_its_own_start(turn):
    points, starts = ring(40.0, 5), np.array([0.0, 0.13, 0.5, 0.77, 1.0])
    times = [0.0, 0.3, 0.5, 1.0]
    together = trajectories(turn, points, times, starts)
    for i, start in enumerate(starts):
        alone = trajectories(turn, points[i : i + 1], times, start)
        assert distance(together[i], alone[0]).max() < 0.002
    assert distance(together[2, 2], points[2]) < 1e-9


def test_times_may_have_any_order_and_repeat(turn):
    times = np.array([0.7, 0.0, 0.7, 1.0, 0.2])
    paths = trajectories(turn, ring(30.0), times, 0.4)
    ordered = trajectories(turn, ring(30.0), np.unique(times), 0.4)
    np.testing.assert_allclose(paths, ordered[:, np.searchsorted(np.unique(times), times)])


def test_what_has_left_the_image_is_nowhere():
    fields = np.zeros((4, 2, 32, 32), np.float32)
    fields[:, 1] = 5.0
    times = np.linspace(0, 1, 5)
    paths = trajectories(fields, [[16.0, 20.0], [16.0, 2.0], [40.0, 2.0]], times)
    np.testing.assert_allclose(paths[1, :, 1], 2 + 20 * times, atol=1e-9)
    np.testing.assert_array_equal(np.isfinite(paths[0, :, 0]), [True, True, True, False, False])
    assert np.isnan(paths[2]).all()
    # Going back, it has not come in yet.
    back = trajectories(fields, [[16.0, 8.0]], times, 1.0)
    np.testing.assert_array_equal(np.isfinite(back[0, :, 0]), [False, False, False, True, True])


def test_what_comes_back_stays_lost():
    fields = np.zeros((8, 2, 32, 32))
    fields[:4, 1], fields[4:, 1] = 3.0, -3.0
    paths = trajectories(fields, [[16.0, 25.0]], np.linspace(0, 1, 9))
    assert np.isnan(paths[0, 3:]).all()


def test_ten_thousand_points_take_seconds(turn):
    points = np.random.default_rng(0).uniform(0, SIZE - 1, (10_000, 2))
    began = perf_counter()
    paths = trajectories(turn, points, np.linspace(0, 1, STAGES + 1))
    assert perf_counter() - began < 15
    assert paths.shape == (10_000, STAGES + 1, 2)


def test_nothing_to_follow(turn):
    assert trajectories(turn, np.empty((0, 2)), [0.0, 1.0]).shape == (0, 2, 2)
    assert trajectories(turn, ring(3.0), []).shape == (12, 0, 2)
    assert trajectories(turn, [10.0, 10.0], 0.0).shape == (1, 1, 2)


@pytest.mark.parametrize(
    ("fields", "points", "start", "said"),
    [
        (np.zeros((2, 8, 8)), [[1, 1]], 0.0, "fields must have the shape"),
        (np.full((1, 2, 8, 8), np.nan), [[1, 1]], 0.0, "must be finite"),
        (np.zeros((1, 2, 8, 8)), [[1, 1, 1]], 0.0, "points must have the shape"),
        (np.zeros((1, 2, 8, 8)), "here", 0.0, "points must be numbers"),
        (np.zeros((1, 2, 8, 8)), [[1, 1]] * 3, [0.0, 0.5], "2 start times do not fit 3 points"),
    ],
)
def test_what_does_not_fit_is_refused(fields, points, start, said):
    with pytest.raises(DerivedError, match=said):
        trajectories(fields, points, [1.0], start)


def test_another_interpolation_is_refused():
    with pytest.raises(DerivedError, match="must be cubic or linear"):
        trajectories(np.zeros((1, 2, 8, 8)), [[1, 1]], [1.0], interpolation="spline")


@pytest.mark.parametrize(
    ("times", "start"), [([1.1], 0.0), ([1.0], -0.1), ([np.nan], 0.0), ("now", 0.0)]
)
def test_times_outside_of_the_interval_are_refused(times, start):
    with pytest.raises(SettingsError, match="between 0 and 1"):
        trajectories(np.zeros((1, 2, 8, 8)), [[1, 1]], times, start)


# Properties ---------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(
    arrays(np.float64, (3, 2, 6, 7), elements=st.floats(-1, 1)),
    arrays(np.float64, (4, 2), elements=st.floats(-2, 8)),
    st.floats(0, 1),
    st.sampled_from(["cubic", "linear"]),
)
def test_paths_lie_within_the_image_or_nowhere(fields, points, start, interpolation):
    paths = trajectories(fields, points, [0, 0.3, 1], start, interpolation=interpolation)
    known = paths[np.isfinite(paths[..., 0])]
    assert np.all((known >= -0.5) & (known <= np.array([5.5, 6.5])))
    np.testing.assert_array_equal(np.isnan(paths[..., 0]), np.isnan(paths[..., 1]))


@settings(max_examples=30, deadline=None)
@given(st.tuples(st.floats(-6, 6), st.floats(-6, 6)), st.floats(0, 1), st.integers(1, 5))
def test_an_even_drift_is_a_straight_line(drift, start, stages):
    fields = np.broadcast_to(np.reshape(drift, (1, 2, 1, 1)) / stages, (stages, 2, 24, 24))
    times = np.array([0.0, 0.25, 1.0])
    paths = trajectories(fields, [[11.0, 12.0]], times, start)
    expected = np.array([11.0, 12.0]) + (times - start)[:, None] * drift
    np.testing.assert_allclose(paths[0], expected, atol=1e-9)
