"""Tracks and landmarks in a fit: where points arrive, and when they moved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks.known.scenes import drifting, far, grid, past_land, turning_at_noon
from tests.core.known.helpers import fitted, knowing

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.knowledge.tracks import Tracks
from napari_latentdyn.core.runfolder.track_sentences import held_back_sentence

TEN = np.linspace(0, 1, 10)
#: Places of tracks, and of two that are held back.
BUOYS = [(25.0, 25.0), (70.0, 30.0), (40.0, 70.0)]
OTHERS = [(35.0, 45.0), (60.0, 60.0)]


@pytest.fixture(scope="module")
def with_buoys() -> Dynamics:
    scene = turning_at_noon()
    tracks = scene.tracks(BUOYS + OTHERS, TEN, 0.3)
    tracks = replace(tracks, held=tracks.track >= len(BUOYS))
    return fitted([scene.image(0), scene.image(1)], knowing(tracks), model__stages=8)


def test_three_buoys_tell_that_the_drift_turns_at_noon(with_buoys: Dynamics) -> None:
    scene, points, times = turning_at_noon(), grid(16, 72, 7), np.linspace(0, 1, 11)
    alone = fitted([scene.image(0), scene.image(1)], model__stages=8)
    before, after = (
        np.nanmean(scene.error(dynamics, points, times)) for dynamics in (alone, with_buoys)
    )
    assert before > 1.5
    assert after < before / 4
    error = np.sqrt(((with_buoys.frames([0.5])[0] - scene.image(0.5))[24:-24, 24:-24] ** 2).mean())
    wrong = np.sqrt(((alone.frames([0.5])[0] - scene.image(0.5))[24:-24, 24:-24] ** 2).mean())
    assert error < wrong / 3


def test_held_back_buoys_are_predicted_within_their_uncertainty(with_buoys: Dynamics) -> None:
    held = with_buoys.report.held_back
    assert held is not None
    assert (held.tracks, held.positions) == (2, 18)
    assert held.error < 1.5 * held.stated
    assert held.within >= 0.75
    assert held_back_sentence(with_buoys.report).startswith("2 tracks were held back and predicted")


def test_the_course_survives_the_run_folder(with_buoys: Dynamics, tmp_path: Path) -> None:
    with_buoys.save(tmp_path / "run")
    again = Dynamics.load(tmp_path / "run")
    times = [0.2, 0.5, 0.9]
    np.testing.assert_array_equal(again.frames(times), with_buoys.frames(times))
    assert again.report.held_back == with_buoys.report.held_back


def test_four_landmarks_find_sixty_pixels_in_fine_texture() -> None:
    scene = far()
    images, points = [scene.image(0), scene.image(1)], grid(50, 70, 4)
    inside = scene.there(points, 1.0)
    points = points[((inside > 3) & (inside < scene.side - 4)).all(axis=1)]
    assert len(points) > 5
    marks = [(20.0, 110.0), (60.0, 70.0), (70.0, 120.0), (30.0, 60.0)]
    tracks = scene.tracks(marks, np.array([0.0, 1.0]), 0.5)
    ends = np.array([1.0])
    assert np.median(scene.error(fitted(images), points, ends)) > 20
    assert np.nanmedian(scene.error(fitted(images, knowing(tracks)), points, ends)) < 0.3


@pytest.mark.parametrize("wrong", [slice(0, 4), slice(1, 2)], ids=["all", "one"])
def test_images_decide_where_they_contradict_landmarks(wrong: slice) -> None:
    """Marks whose images were exchanged pull nothing, and the right ones still count."""
    scene = turning_at_noon()
    images, points, end = [scene.image(0), scene.image(1)], grid(20, 70, 6), np.array([1.0])
    places = np.array([(20.0, 30.0), (40.0, 60.0), (60.0, 30.0), (70.0, 70.0)])
    first, last = places, scene.there(places, 1.0)
    first[wrong], last[wrong] = last[wrong].copy(), first[wrong].copy()
    alone = fitted(images)
    known = fitted(images, knowing(Tracks.landmarks(first, last)))
    error, before = (np.nanmean(scene.error(one, points, end)) for one in (known, alone))
    assert error < before + 0.05
    assert known.report.motion_evidence is not None
    assert known.report.motion_evidence.found
    compared = known.report.compared
    assert compared is not None
    expected = np.ones(4, bool)
    expected[wrong] = False
    assert [one.agrees for one in compared.tracks] == expected.tolist()


def test_landmarks_on_ice_do_not_move_land() -> None:
    images, land = past_land()
    places = np.array([[20.0, 60.0], [50.0, 45.0], [60.0, 75.0], [30.0, 80.0]])
    marks = Tracks.landmarks(places, places + np.array([9.0, 6.0]))
    moved = [
        np.hypot(*fitted([images[0], images[2]], knowing(known)).fields.sum(axis=0))[land].mean()
        for known in (None, marks)
    ]
    assert moved[1] < moved[0] + 0.2


def test_a_track_beyond_the_interval_counts_with_its_part_in_it() -> None:
    scene = turning_at_noon()
    longer = scene.tracks(BUOYS, np.linspace(0, 1, 11), 0.05)
    longer = replace(longer, time=3 * longer.time - 1)
    part = longer.within(0.0, 1.0)
    assert part is not None
    assert part.time.min() == 0
    assert part.time.max() == 1
    assert len(part) == 3


def test_a_wrong_landmark_does_not_move_what_the_images_show() -> None:
    images, land = past_land()
    first = np.array([[20.0, 60.0], [50.0, 45.0], [60.0, 75.0]])
    last = first + np.array([[-40.0, 30.0], [9.0, 6.0], [9.0, 6.0]])
    known = knowing(Tracks.landmarks(first, last))
    moved = np.hypot(*fitted([images[0], images[2]], known).fields.sum(axis=0))
    assert np.median(moved[land]) < 0.1


def test_a_track_may_lie_beyond_the_region_of_interest_or_enter_later() -> None:
    scene = drifting(200)
    chosen = np.zeros((200, 200), bool)
    chosen[10:30, 10:30] = True
    away = Tracks.landmarks([[150.0, 180.0]], [[159.0, 186.0]])
    dynamics = fitted([scene.image(0), scene.image(1)], knowing(away, interest=chosen))
    moved = dynamics.fields.sum(axis=0)[:, chosen].mean(axis=1)
    np.testing.assert_allclose(moved, [9, 6], atol=0.1)
    entering = Tracks.from_rows([1, 1, 1], [0, 1, 2], [[-11, 50], [-2, 56], [7, 62]])
    images = [scene.image(time) for time in (0.0, 1.0, 2.0)]
    found = fitted(images, knowing(entering)).fields.reshape(2, -1, 2, 200, 200).sum(axis=1)
    np.testing.assert_allclose(found[..., 30:-30, 30:-30].mean(axis=(2, 3)), [[9, 6]] * 2, atol=0.1)
