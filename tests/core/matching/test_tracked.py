"""The course of points, measured on tracks between the images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from napari_latentdyn.core.knowledge.tracks import Tracks
from napari_latentdyn.core.matching.ensemble import Ensemble
from napari_latentdyn.core.matching.tracked import follow_tracks
from napari_latentdyn.core.physics.course import displacement, motion_terms, stage_fields

SIDE = 48
KNOTS = np.linspace(0, 1, 9)
WAY = np.array([6.0, -4.0])
STARTS = np.array([[15.0, 30.0], [25.0, 18.0], [30.0, 38.0]])


def drift(way: NDArray[np.float64] = WAY) -> Ensemble:
    velocity = np.broadcast_to(way[:, None, None], (2, SIDE, SIDE)).astype(np.float32)
    return Ensemble.equal(velocity[None].copy())


def tracks(course: NDArray[np.float64], sigma: float = 0.01) -> Tracks:
    """Three tracks that drift and deviate by a course (7, 2) at the inner knots."""
    whole = np.concatenate([[[0, 0]], course, [[0, 0]]])
    places = STARTS[:, None] + KNOTS[:, None] * WAY + whole
    number, index = np.indices(places.shape[:2]).reshape(2, -1)
    return Tracks.from_rows(number, KNOTS[index], places.reshape(-1, 2), sigma)


def middle(way: torch.Tensor) -> NDArray[np.float64]:
    return way[0, :, SIDE // 2, SIDE // 2].double().numpy()


@given(arrays.arrays(np.float64, (7, 2), elements=st.floats(-3, 3)))
@settings(max_examples=25, deadline=None)
def test_points_follow_any_course_and_arrive_as_before(course: NDArray[np.float64]) -> None:
    found = follow_tracks(drift(), tracks(course), "inertial")
    terms = motion_terms(torch.from_numpy(found.centre)[None], "inertial", found.course)
    np.testing.assert_allclose(middle(displacement(terms, -0.5, 0.5)), WAY, atol=1e-3)
    for time, deviation in zip(KNOTS[1:-1], course, strict=True):
        way = middle(displacement(terms, -0.5, time - 0.5))
        np.testing.assert_allclose(way, time * WAY + deviation, atol=0.05)


def test_stages_move_by_the_course_and_sum_to_the_displacement() -> None:
    course = np.stack([np.minimum(KNOTS, 1 - KNOTS), -np.minimum(KNOTS, 1 - KNOTS)], axis=1)[1:-1]
    found = follow_tracks(drift(), tracks(4 * course), "inertial")
    fields = stage_fields(torch.from_numpy(found.centre)[None], 4, "inertial", found.course)
    stages = fields[0, :, :, SIDE // 2, SIDE // 2].numpy()
    np.testing.assert_allclose(stages.sum(axis=0), WAY, atol=1e-3)
    np.testing.assert_allclose(stages[:2], np.tile(WAY / 4 + [1, -1], (2, 1)), atol=0.05)
    np.testing.assert_allclose(stages[2:], np.tile(WAY / 4 - [1, -1], (2, 1)), atol=0.05)


def test_bodies_that_stand_still_have_no_part_in_the_course() -> None:
    ensemble = drift()
    ensemble.velocities[..., :10] = 0
    ensemble.centre[..., :10] = 0
    course = np.tile([3.0, 3.0], (7, 1))
    found = follow_tracks(ensemble, tracks(course), "inertial").course
    assert found is not None
    assert found.deviation is not None
    assert not found.deviation[..., :10].any()
    np.testing.assert_allclose(found.deviation[3, :, 24, 24], [3, 3], atol=0.1)


def test_tracks_that_return_move_everything() -> None:
    course = np.tile([3.0, -2.0], (7, 1))
    rows = tracks(course)
    rows = Tracks.from_rows(
        rows.track, rows.time, rows.place - rows.time[:, None] * WAY, rows.sigma
    )
    found = follow_tracks(drift(np.zeros(2)), rows, "inertial").course
    assert found is not None
    assert found.deviation is not None
    np.testing.assert_allclose(found.deviation.mean(axis=(2, 3)), course, atol=0.1)


def test_landmarks_and_held_back_tracks_tell_no_course() -> None:
    ends = Tracks.landmarks(STARTS, STARTS + WAY)
    assert follow_tracks(drift(), ends, "inertial").course is None
    held = tracks(np.ones((7, 2)))
    held = replace(held, held=np.ones_like(held.held))
    assert follow_tracks(drift(), held, "inertial").course is None
    assert follow_tracks(drift(), None, "inertial").course is None


def test_an_ensemble_keeps_its_course_in_arrays() -> None:
    found = follow_tracks(drift(), tracks(np.ones((7, 2))), "inertial")
    again = Ensemble.from_arrays(found.to_arrays())
    assert found.course is not None
    assert again.course is not None
    np.testing.assert_array_equal(again.course.deviation, found.course.deviation)
    assert again.course.fits((2, SIDE, SIDE))
    assert not again.course.fits((2, SIDE + 1, SIDE))
