"""Known tracks beside the result of a fit: which agree, which do not, which cannot be compared."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from benchmarks.known.scenes import drifting, past_land
from hypothesis import given
from hypothesis import strategies as st
from tests.core.known.helpers import QUICK, fitted, knowing

from napari_latentdyn.core.dynamics.compared import compare_tracks, predict_tracks
from napari_latentdyn.core.dynamics.motion import Motion
from napari_latentdyn.core.knowledge.knowledge import Knowledge
from napari_latentdyn.core.knowledge.tracks import Tracks
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.runfolder.evidence import doubts, gains
from napari_latentdyn.core.runfolder.schema import RunReport
from napari_latentdyn.core.runfolder.schema_known import ComparedReport, TrackReport
from napari_latentdyn.core.runfolder.track_sentences import compared_sentence, held_back_sentence
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.generators import drain
from napari_latentdyn.settings import Settings

SCENE = drifting(96)
IMAGES = [SCENE.image(0), SCENE.image(1)]
WAY = np.array([9.0, 6.0])
FIRST = np.array([[20.0, 25.0], [60.0, 30.0], [40.0, 70.0], [75.0, 75.0]])
LAST = SCENE.there(FIRST, 1.0) + np.random.default_rng(1).normal(scale=0.5, size=(4, 2))


def compared(images: list[Any], known: Knowledge, **changes: object) -> tuple[RunReport, list[Any]]:
    report = fitted(images, known, **changes).report
    assert report.compared is not None
    return report, report.compared.tracks


def agree(tracks: list[TrackReport]) -> list[bool | None]:
    return [one.agrees for one in tracks]


def test_good_landmarks_agree_and_are_told_in_one_sentence() -> None:
    report, found = compared(IMAGES, knowing(Tracks.landmarks(FIRST, LAST)))
    assert agree(found) == [True] * 4
    assert [one.place for one in found] == FIRST.tolist()
    assert all(one.landmark and one.positions == 1 and one.stated == 1.0 for one in found)
    assert doubts(report) == []
    told = [sentence for sentence in gains(report) if "landmarks" in sentence]
    assert len(told) == 1
    assert told[0].startswith("4 landmarks agree with the result: the error is 0.")
    assert told[0].endswith("the stated uncertainty 1.00 pixels.")


def test_a_landmark_that_is_15_pixels_wrong_is_named() -> None:
    last = LAST.copy()
    last[1] += [12.0, -9.0]
    report, found = compared(IMAGES, knowing(Tracks.landmarks(FIRST, last)))
    assert agree(found) == [True, False, True, True]
    assert found[1].error == pytest.approx(15, abs=1.5)
    (told,) = doubts(report)
    assert told.startswith("1 of 4 landmarks disagrees with the result: landmark 1 at (60.0, 30.0)")
    assert told.endswith(
        f"by {found[1].error:.1f} pixels for a stated uncertainty of 1.0. Check the positions, the "
        "order of y and x, and the uncertainties."
    )


def test_swapped_coordinates_are_noticed() -> None:
    swapped = Tracks.landmarks(FIRST[:, ::-1], LAST[:, ::-1])
    report, found = compared(IMAGES, knowing(swapped))
    assert agree(found) == [False] * 4
    (told,) = doubts(report)
    assert told.startswith("4 landmarks disagree with the result: ")
    assert "; and 1 more. Check the positions, the order of y and x" in told
    assert not any("agree with the result" in sentence for sentence in gains(report))


def test_a_landmark_on_land_that_stands_still() -> None:
    images, land = past_land()
    first = np.array([[50.0, 10.0], [60.0, 75.0], [20.0, 60.0]])
    known = knowing(Tracks.landmarks(first, first + WAY))
    assert agree(compared([images[0], images[2]], known)[1]) == [False, True, True]
    # It begins on the land that the user knows, and leaves it.
    first[0], last = [50.0, 18.0], first + WAY
    last[0] = [50.0, 50.0]
    report, found = compared(
        [images[0], images[2]], knowing(Tracks.landmarks(first, last), still=land)
    )
    assert found[0].lies == "still"
    assert found[0].agrees is False
    assert "landmark 0 at (50.0, 18.0), in a still region by 32.0 pixels" in doubts(report)[0]


def test_tracks_outside_of_the_region_of_interest_are_not_compared() -> None:
    chosen = np.zeros((96, 96), bool)
    chosen[:50, :50] = True
    report, found = compared(IMAGES, knowing(Tracks.landmarks(FIRST, LAST), interest=chosen))
    assert agree(found) == [True, None, None, None]
    assert [one.lies for one in found] == [None, "outside", "outside", "outside"]
    assert doubts(report) == []
    told = " ".join(gains(report))
    assert "1 of 4 landmarks agrees with the result" in told
    assert "3 landmarks lie outside of the images or of the region of interest, and are" in told
    away = Tracks.landmarks(FIRST[1:2], LAST[1:2])
    report, _ = compared(IMAGES, knowing(away, interest=chosen))
    (doubt,) = doubts(report)
    assert doubt.startswith("1 landmark lies outside of the images or of the region of interest")
    assert doubt.endswith(
        "landmark 0 at (60.0, 30.0). Check the positions, and the order of y and x."
    )


def test_tracks_on_missing_pixels_are_told() -> None:
    missing = np.zeros((96, 96), bool)
    missing[10:40, 15:45] = True
    observations = Observations.from_arrays(*IMAGES, masks=[missing, missing])
    known = observations.with_knowledge(knowing(Tracks.landmarks(FIRST, LAST)))
    report = drain(fit(known, QUICK)).report
    assert report.compared is not None
    assert [one.lies for one in report.compared.tracks] == ["missing", None, None, None]
    assert "1 landmark lies on missing pixels, where no image confirms it." in " ".join(
        gains(report)
    )


def test_tracks_of_a_series_are_followed_through_all_images() -> None:
    times = [0.0, 0.5, 1.0]
    rows = np.concatenate([SCENE.there(FIRST, time) for time in times])
    rows[-1] += [0.0, 14.0]
    number, names = np.tile(np.arange(4), 3), np.tile(["A", "B", "C", "D"], 3)
    tracks = Tracks.from_rows(number, np.repeat([0.0, 1.0, 2.0], 4), rows, name=names)
    report, found = compared([SCENE.image(time) for time in times], knowing(tracks))
    assert agree(found) == [True, True, True, False]
    assert [one.positions for one in found] == [2] * 4
    # The root mean square of no error and of 14 pixels.
    assert found[3].error == pytest.approx(14 / math.sqrt(2), abs=1.0)
    assert "track D at (75.0, 75.0)" in doubts(report)[0]


def test_tracks_have_no_part_in_fits_that_do_not_match() -> None:
    rows = np.concatenate([FIRST, FIRST + WAY / 3, LAST])
    known = knowing(Tracks.from_rows(np.tile(np.arange(4), 3), np.repeat([0, 0.5, 1], 4), rows))
    settings = Settings.preset("paper").updated({"training.steps": 0})
    notes: list[str] = []
    observations = Observations.from_arrays(*IMAGES)
    dynamics = drain(
        fit(observations.with_knowledge(known), settings), lambda step: notes.append(step.note)
    )
    assert any(note.startswith("Tracks and landmarks have no part in the result") for note in notes)
    without = drain(fit(observations, settings))
    np.testing.assert_array_equal(dynamics.fields, without.fields)
    report = dynamics.report
    assert report.compared is not None
    assert not report.compared.takes_part
    assert any("have no part in the result" in sentence for sentence in gains(report))
    assert doubts(report)[-1].endswith(
        "Choose a preset that matches the images, so that tracks have a part."
    )


def test_without_tracks_nothing_is_compared() -> None:
    report = fitted(IMAGES).report
    assert report.compared is None
    assert "compared" not in report.model_dump(exclude_none=True)


def steady(way: tuple[float, float]) -> Motion:
    """A uniform motion in two intervals of different length."""
    fields = np.empty((4, 2, 20, 30), np.float32)
    fields[:] = np.reshape(way, (2, 1, 1))
    return Motion(fields, RunReport(observation_times=[0.0, 1.0, 3.0]))


IMAGES_OF_STEADY = Observations.from_arrays(
    *np.random.default_rng(0).random((3, 20, 30)), times=[0, 1, 3]
)


@given(
    st.lists(
        st.tuples(
            st.floats(0, 1.4),
            st.floats(1.6, 3),
            st.floats(0, 19),
            st.floats(0, 29),
            st.floats(-9, 9),
        ),
        min_size=1,
        max_size=6,
    ),
    st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    st.floats(0.05, 3),
    st.booleans(),
)
def test_the_error_is_the_distance_to_the_prediction(
    rows: list[Any], way: tuple[float, float], sigma: float, small: bool
) -> None:
    """Two stages an interval: a point moves by twice the way in each."""
    begin, end, y, x, off = np.array(rows).T
    first = np.stack([y, x], axis=1)
    spent = np.interp(end, [0, 1, 3], [0, 2, 4]) - np.interp(begin, [0, 1, 3], [0, 2, 4])
    last = np.clip(first + spent[:, None] * way + off[:, None] * [0.6, 0.8], 0, [19, 29])
    error = np.hypot(*(last - first - spent[:, None] * way).T)
    number = np.tile(np.arange(len(rows)), 2)
    tracks = Tracks.from_rows(number, np.append(begin, end), np.append(first, last, axis=0), sigma)
    # Tracks may contradict each other here.
    observations = replace(IMAGES_OF_STEADY, known=Knowledge(tracks=tracks))
    with pytest.MonkeyPatch.context() as patch:
        if small:
            patch.setattr("napari_latentdyn.core.dynamics.compared._TOGETHER", 7)
        report = compare_tracks(steady(way), observations, takes_part=True)
        held = predict_tracks(steady(way), tracks.hold_back(0.0))
    assert held is None
    assert report is not None
    found = report.tracks
    np.testing.assert_allclose([one.error for one in found], error, atol=1e-3)
    np.testing.assert_allclose([one.stated for one in found], 2 * sigma)
    for one, wrong in zip(found, error, strict=True):
        assert one.error is not None
        assert one.allowed is not None
        assert one.agrees == (one.error <= one.allowed)
        if wrong < 3.5 * sigma:
            assert one.agrees
        if wrong > 6 * sigma + 5:
            assert one.agrees is False


@pytest.mark.parametrize(
    ("marked", "what"),
    [
        ([False] * 3, "3 tracks were"),
        ([True] * 3, "3 landmarks were"),
        ([False, False, True], "3 tracks and landmarks were"),
    ],
)
def test_what_is_held_back_is_named(marked: list[bool], what: str) -> None:
    """The third one is wrong by 8 pixels, and the others by less than the matching."""
    first = np.array([[5.0, 5.0], [9.0, 9.0], [5.0, 15.0]])
    last = first + np.array([[0.1, 0.0], [0.0, 0.2], [0.0, 8.0]])
    tracks = Tracks.from_rows(
        np.tile(np.arange(3), 2),
        np.repeat([0.0, 1.0], 3),
        np.append(first, last, axis=0),
        name=np.tile(["A", "B", "C"], 2),
        marked=np.tile(marked, 2),
        held=True,
    )
    held = predict_tracks(steady((0.0, 0.0)), tracks)
    assert held is not None
    told = held_back_sentence(RunReport(held_back=held))
    assert told.startswith(f"{what} held back and predicted from the first position: ")
    kind = "landmark" if marked[2] else "track"
    assert told.endswith(f" The largest error is that of {kind} C at (5.0, 15.0), 8.0 pixels.")
    good = predict_tracks(steady((0.0, 0.0)), tracks.rows(tracks.track < 2))
    assert "largest" not in held_back_sentence(RunReport(held_back=good))


def test_an_error_beyond_the_stated_one_that_agrees_is_explained() -> None:
    one = {"name": "1", "place": [1.0, 2.0], "positions": 1, "agrees": True, "stated": 1.0}
    near, far = ({**one, "error": error, "allowed": 4.26} for error in (0.5, 3.05))
    reports = [RunReport(compared=ComparedReport(tracks=[each])) for each in (near, far)]
    told = [compared_sentence(report).partition("is ")[2] for report in reports]
    stated = "pixels, the stated uncertainty 1.00 pixels"
    assert told[0] == f"0.50 {stated}."
    assert told[1] == f"3.05 {stated}; with that of matching, up to 4.3 pixels are allowed."


@given(st.lists(st.sampled_from([None, True, False]), min_size=1, max_size=8))
def test_sentences_count_all_tracks(kinds: list[bool | None]) -> None:
    tracks = [
        TrackReport(
            name=str(number),
            place=[1.0, 2.0],
            positions=0 if good is None else 1,
            error=None if good is None else 9.0,
            stated=None if good is None else 1.0,
            agrees=good,
            lies="outside" if good is None else None,
        )
        for number, good in enumerate(kinds)
    ]
    report = RunReport(compared=ComparedReport(tracks=tracks))
    told = " ".join(gains(report) + doubts(report))
    for sentence, kind in (("agree", True), ("disagree", False)):
        count = kinds.count(kind)
        verb = f"{sentence}s" if count == 1 else sentence
        plural = "s" if len(kinds) > 1 else ""
        part = (
            f"{count} track{plural}" if count == len(kinds) else f"{count} of {len(kinds)} tracks"
        )
        assert (f"{part} {verb} with the result" in told) == (count > 0)
    away = kinds.count(None)
    assert ("outside of the images" in told) == (away > 0)
    assert bool(doubts(report)) == (False in kinds or away == len(kinds))
