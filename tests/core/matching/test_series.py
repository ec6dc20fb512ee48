"""Courses of a series from the velocities of its intervals."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.core.helpers import texture

from napari_latentdyn.core.matching.ensemble import Ensemble
from napari_latentdyn.core.matching.series import follow_courses, measured_share
from napari_latentdyn.core.physics.course import displacement, motion_terms
from napari_latentdyn.core.physics.operators import smooth

SHAPE = (40, 48)


def steps(positions: NDArray[np.float64]) -> list[Ensemble]:
    """The velocities of a scene that moves as a whole along positions, (K, 2)."""
    fields = np.broadcast_to(
        np.diff(positions, axis=0)[:, :, None, None], (len(positions) - 1, 2, *SHAPE)
    )
    return [Ensemble.equal(field[None].astype(np.float32)) for field in fields]


def images(count: int) -> NDArray[np.float32]:
    return np.stack([texture(SHAPE, 3)] * count).astype(np.float32) / 255


def along(ensemble: Ensemble, part: float) -> NDArray[np.float32]:
    """Way of the point in the middle from the beginning of an interval to a part of it."""
    terms = motion_terms(torch.from_numpy(ensemble.centre)[None], "local", ensemble.course)
    return displacement(terms, -0.5, part - 0.5)[0, :, 20, 24].numpy()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(0.2, 4.0), min_size=3, max_size=5),
    st.tuples(*[st.floats(-3, 3)] * 4),
)
def test_a_uniform_acceleration_is_found_whatever_the_times(
    lengths: list[float], numbers: tuple[float, float, float, float]
) -> None:
    """The path of a thrown stone, between images at uneven times."""
    times = np.concatenate([[0.0], np.cumsum(lengths)])

    def at(when: NDArray[np.float64]) -> NDArray[np.float64]:
        v, a = np.array(numbers[:2]), np.array(numbers[2:])
        return when[..., None] * v / 4 + when[..., None] ** 2 * a / 32

    found = follow_courses(steps(at(times)), times, images(len(times)), "local")
    assert found[0].course is not None
    assert found[0].course.share > 0.99
    for k, ensemble in enumerate(found):
        for part in (0.25, 0.5, 1.0):
            start, when = times[k], times[k] + part * lengths[k]
            truth = at(np.array(when)) - at(np.array(start))
            np.testing.assert_allclose(along(ensemble, part), truth, atol=2e-4)


def test_a_turn_is_found_and_has_no_kink() -> None:
    """Out and back again, as a tide: pairs would miss the turn by its whole height."""
    times = np.linspace(0.0, 1.0, 7)

    def at(when: NDArray[np.float64] | float) -> NDArray[np.float64]:
        course = 12 * np.sin(np.pi * np.asarray(when))
        return np.stack([course, 0.5 * course], axis=-1)

    found = follow_courses(steps(at(times)), times, images(7), "local")
    for k, ensemble in enumerate(found):
        for part in (0.25, 0.5, 0.75):
            truth = at(times[k] + part / 6) - at(times[k])
            straight = part * (at(times[k + 1]) - at(times[k]))
            missed = np.abs(along(ensemble, part) - truth).max()
            assert missed < 0.2
            if k in (2, 3) and part == 0.5:
                assert missed < 0.2 * np.abs(straight - truth).max()
    for before, after in itertools.pairwise(found):
        left, right = (1 - 1e-3, 1e-3)
        slopes = along(before, 1.0) - along(before, left), along(after, right)
        np.testing.assert_allclose(slopes[0] / 1e-3, slopes[1] / 1e-3, atol=0.05)


def test_a_pair_has_no_course() -> None:
    pair = steps(np.array([[0.0, 0.0], [3.0, 1.0]]))
    assert follow_courses(pair, np.array([0.0, 1.0]), images(2), "local") == tuple(pair)


def test_two_intervals_are_believed_by_half() -> None:
    """Their only change cannot be compared with another one."""
    times = np.array([0.0, 1.0, 2.0])
    found = follow_courses(
        steps(np.array([[0.0, 0.0], [1.0, 0.0], [4.0, 0.0]])), times, images(3), "local"
    )
    for ensemble in found:
        assert ensemble.course is not None
        assert ensemble.course.share == 0.5
        np.testing.assert_allclose(ensemble.course.acceleration[0], 2.0, atol=1e-5)
        np.testing.assert_allclose(ensemble.course.jerk, 0.0, atol=1e-5)


@pytest.mark.parametrize(("signal", "share"), [(0.0, (0.0, 0.25)), (4.0, (0.9, 1.0))])
def test_errors_of_the_matching_are_told_from_accelerations(
    signal: float, share: tuple[float, float]
) -> None:
    """Independent errors of three velocities, with and without a lasting acceleration."""
    random = torch.Generator().manual_seed(0)
    errors = [torch.randn(1, 2, 128, 128, generator=random) for _ in range(3)]
    field = signal * smooth(torch.randn(1, 2, 128, 128, generator=random), 4.0) * 8
    changes = (errors[1] - errors[0] + field, errors[2] - errors[1] + field)
    scene = np.stack([texture((128, 128), 1)] * 4).astype(np.float32) / 2550
    assert share[0] <= measured_share([changes], scene) <= share[1]


def test_the_ends_of_the_paths_stay_where_they_were_matched() -> None:
    """The acceleration of a rotation moves the middle of a path, and not its ends."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float64)
    turning = np.stack([columns - 24, 20 - rows]).astype(np.float32)
    known = [Ensemble.equal((turn * turning)[None]) for turn in (0.02, 0.06, 0.12)]
    found = follow_courses(known, np.arange(4.0), images(4), "local")

    def ends(ensemble: Ensemble) -> NDArray[np.float64]:
        """First and last position of the points of the inner pixels, (P, 4)."""
        terms = motion_terms(torch.from_numpy(ensemble.centre)[None], "local", ensemble.course)
        ways = [displacement(terms, 0.0, end)[0].numpy() for end in (-0.5, 0.5)]
        inner = [(way + np.stack([rows, columns]))[:, 10:30, 12:36].reshape(2, -1) for way in ways]
        return np.concatenate(inner).T

    for before, after in zip(known, found, strict=True):
        # A rotation is affine: the last position is an affine map of the first one.
        old, new = (
            np.column_stack([np.ones(len(each)), each]) for each in (ends(before), ends(after))
        )
        carried = np.linalg.lstsq(old[:, :3], old[:, 3:], rcond=None)[0]
        np.testing.assert_allclose(new[:, 3:], new[:, :3] @ carried, atol=0.03)
    middle = along(found[1], 0.5) - along(known[1], 0.5)
    assert np.abs(middle).max() < 0.5


def test_a_course_is_kept_with_its_ensemble() -> None:
    times = np.arange(4.0)
    found = follow_courses(
        steps(np.array([[0.0, 0.0], [1.0, 0.0], [4.0, 0.0], [9.0, 0.0]])), times, images(4), "local"
    )
    again = Ensemble.many_from_arrays(Ensemble.many_to_arrays(found))
    for one, other in zip(found, again, strict=True):
        assert one.course is not None
        assert other.course is not None
        assert other.course.share == pytest.approx(one.course.share)
        np.testing.assert_array_equal(other.course.acceleration, one.course.acceleration)
        np.testing.assert_array_equal(other.course.jerk, one.course.jerk)
