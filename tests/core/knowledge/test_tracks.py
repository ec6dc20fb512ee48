"""Tracks of points: order, parts in time, held-back tracks, and what does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_latentdyn.core.knowledge.tracks import SIGMA, Tracks
from napari_latentdyn.errors import ObservationError

NAMES = ("track", "time", "place", "sigma", "held", "name", "marked")

#: Letters of names; NumPy drops NUL at the end of a text.
NAME = st.characters(codec="utf-8", exclude_characters="\0")


@st.composite
def tracks(draw: Any, most: int = 5) -> Tracks:
    """Tracks of two positions or more, at whole times from 0 to 20, in any order of rows."""
    numbers = draw(st.lists(st.integers(-50, 50), min_size=1, max_size=most, unique=True))
    rows: list[tuple[float, ...]] = []
    names: dict[int, str] = {}
    for number in numbers:
        times = draw(st.lists(st.integers(0, 20), min_size=2, max_size=6, unique=True))
        held, marked = draw(st.booleans()), draw(st.booleans())
        names[number] = draw(st.text(NAME, min_size=1, max_size=40))
        for time in times:
            place = [draw(st.floats(-100, 100)) for _ in "yx"]
            rows.append((number, time, *place, draw(st.floats(0.01, 10)), held, marked))
    table = np.array(draw(st.permutations(rows)))
    return Tracks.from_rows(
        table[:, 0],
        table[:, 1],
        table[:, 2:4],
        table[:, 4],
        table[:, 5] > 0,
        [names[int(number)] for number in table[:, 0]],
        table[:, 6] > 0,
    )


def same(one: Tracks, other: Tracks) -> None:
    for name in NAMES:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@given(tracks(), st.randoms())
def test_rows_are_sorted_whatever_their_order(known: Tracks, random: Any) -> None:
    assert (np.lexsort((known.time, known.track)) == np.arange(len(known.time))).all()
    order = list(range(len(known.time)))
    random.shuffle(order)
    same(known, Tracks.from_rows(*(getattr(known, name)[order] for name in NAMES)))


@given(tracks())
def test_arrays_make_the_same_tracks(known: Tracks) -> None:
    again = Tracks.from_arrays(known.to_arrays())
    assert again is not None
    same(known, again)
    assert Tracks.from_arrays({}) is None
    assert all(array.dtype.kind in "biuf" for array in known.to_arrays().values())


@given(tracks(), tracks())
def test_joined_tracks_stay_apart(one: Tracks, other: Tracks) -> None:
    both = one.joined(other)
    assert len(both) == len(one) + len(other)
    assert both.landmark_count == one.landmark_count + other.landmark_count
    same(both, Tracks.from_rows(*(getattr(both, name) for name in NAMES)))
    same(one, both.rows(np.arange(len(both.time)) < len(one.time)))


@given(tracks(most=12), st.floats(0, 1))
def test_a_part_is_held_back(known: Tracks, part: float) -> None:
    found = known.hold_back(part)
    used, back = found.used, found.kept_back
    assert used is not None
    count = 0 if back is None else len(back)
    assert len(used) + count == len(known)
    if part > 0 and len(known) > 1:
        assert count >= 1
        assert abs(count - part * len(known)) <= 1
    else:
        assert count == 0
    if back is not None:
        assert not set(used.track) & set(back.track)


def test_those_held_back_are_spread_over_all() -> None:
    number = np.repeat(np.arange(12), 2)
    time = np.tile([0.0, 1.0], 12)
    known = Tracks.from_rows(number, time, np.zeros((24, 2))).hold_back(0.25)
    assert known.kept_back is not None
    assert np.unique(known.kept_back.track).tolist() == [2, 6, 10]


@given(tracks(), st.floats(0, 20), st.floats(0, 20))
def test_a_part_in_time_lies_on_the_tracks(known: Tracks, one: float, other: float) -> None:
    start, end = sorted((one, other))
    part = known.within(start, end)
    for number in np.unique(known.track):
        own = known.rows(known.track == number)
        overlap = min(end, own.time[-1]) - max(start, own.time[0])
        if part is None or not (part.track == number).any():
            assert overlap <= 0
            continue
        cut = part.rows(part.track == number)
        assert (np.diff(cut.time) > 0).all()
        assert cut.time[[0, -1]].tolist() == [max(start, own.time[0]), min(end, own.time[-1])]
        assert set(own.time[(own.time >= start) & (own.time <= end)]) <= set(cut.time)
        for axis in (0, 1):
            there = np.interp(cut.time, own.time, own.place[:, axis])
            np.testing.assert_array_equal(cut.place[:, axis], there)
        for name in ("held", "name", "marked"):
            assert (getattr(cut, name) == getattr(own, name)[0]).all()


def test_what_was_marked_counts_as_a_landmark() -> None:
    rows = Tracks.from_rows([1, 1], [0, 1], [[0, 0], [1, 1]])
    assert rows.landmark_count == 0, "a track of two positions is a track"
    again = Tracks.from_rows([4] * 3, [0, 1, 2], [[0, 0]] * 3, marked=True)
    assert rows.joined(again).landmark_count == 1
    assert rows.joined(again).name.tolist() == ["1", "1", "4", "4", "4"]


def test_landmarks_are_tracks_of_two_positions() -> None:
    known = Tracks.landmarks([[1, 2], [3, 4]], [[5, 6], [7, 8]], (0.0, 2.0))
    assert (len(known), known.landmark_count) == (2, 2)
    assert known.time.tolist() == [0, 2, 0, 2]
    assert known.place.tolist() == [[1, 2], [5, 6], [3, 4], [7, 8]]
    assert (known.sigma == SIGMA).all()


def test_tracks_move_with_a_window() -> None:
    known = Tracks.landmarks([[1, 2]], [[5, 6]]).moved((-1.0, 3.0))
    assert known.place.tolist() == [[0, 5], [4, 9]]


ROWS = {"track": [1, 1], "time": [0, 1], "place": [[0, 0], [1, 1]]}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"time": [0, 0]}, "track 1 has two at 0"),
        ({"track": [1, 2]}, "got one in track"),
        ({"track": [1, 1.5]}, "must be whole numbers"),
        ({"track": [np.nan, np.nan]}, "must be whole numbers"),
        ({"track": ["a", "a"]}, "must be whole numbers"),
        ({"time": [0, np.inf]}, "the times of tracks must be finite"),
        ({"place": [[0, np.nan], [1, 1]]}, "the places of tracks must be finite"),
        ({"place": [[0, 0]]}, "got shapes"),
        ({"sigma": [1, 0]}, "must be positive"),
        ({"marked": [1, 1, 1]}, "one value, or one for each of 2 positions"),
        ({"name": ["a", "b", "c"]}, "one name for each of 2 positions"),
        ({"sigma": [1, 1, 1]}, "one value, or one for each of 2 positions"),
        ({"held": [True, False]}, "all its positions or with none"),
        ({"track": [], "time": [], "place": np.zeros((0, 2))}, "must have positions"),
    ],
)
def test_wrong_rows(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(ObservationError, match=told):
        Tracks.from_rows(**(ROWS | changed))


def test_landmarks_need_both_images() -> None:
    with pytest.raises(ObservationError, match="2 places in the first image and 1 in the last"):
        Tracks.landmarks([[1, 2], [3, 4]], [[5, 6]])


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ({"place": [[100, 3], [101, 3]]}, r"0 to 9 and 0 to 19 pixels.*order \(y, x\)"),
        ({"place": [[15, 3], [16, 4]]}, "y and x seems swapped"),
        ({"time": [3, 4]}, "got times from 3 to 4: check the unit"),
        ({"time": [-1, 0]}, "got times from -1 to 0"),
        ({"time": [2, 3]}, "got times from 2 to 3"),
        # Hours, where the images are one interval apart: only one position is between them.
        ({"time": [0, 24]}, "got times from 0 to 24: check the unit"),
        ({"time": [-24, 24]}, "got times from -24 to 24: check the unit"),
    ],
)
def test_tracks_outside_of_the_images(rows: dict[str, Any], told: str) -> None:
    with pytest.raises(ObservationError, match=told):
        Tracks.from_rows(**(ROWS | rows)).fits(np.array([0.0, 1.0, 2.0]), (10, 20))


def test_positions_just_beyond_the_images_are_interpolated() -> None:
    for time in ([0, 5.5], [-0.5, 2.5], [-3, 0.5], [-1, 3]):
        tracks = Tracks.from_rows(**(ROWS | {"time": time}))
        assert tracks.fits(np.array([0.0, 1.0, 2.0, 3.0]), (10, 20)) is tracks


@pytest.mark.parametrize("away", [(25, 3), (5, -4)])
def test_a_track_must_not_leave_the_images_and_return(away: tuple[int, int]) -> None:
    places = np.array([[5, 3], away, [6, 4]], float)
    tracks = Tracks.from_rows([7, 7, 7], [0, 0.5, 1], places)
    with pytest.raises(ObservationError, match="leave the images and return; track 7 is at"):
        tracks.fits(np.array([0.0, 1.0]), (10, 20))
    # It may end beyond them, or be there when there is no image.
    for time in ([0, 0.5, 3], [-2, -0.5, 1]):
        later = Tracks.from_rows([7, 7, 7], time, places)
        assert later.fits(np.array([0.0, 1.0]), (10, 20)) is later


def test_tracks_that_begin_together_must_move_together() -> None:
    first, last = [[5, 5], [5.5, 5]], [[6, 6], [5.5, 15]]
    times, shape = np.array([0.0, 1.0]), (10, 20)
    with pytest.raises(ObservationError, match="; landmark 0 and landmark 1 begin near"):
        Tracks.landmarks(first, last).fits(times, shape)
    Tracks.landmarks(first, last, sigma=2.0).fits(times, shape)
    Tracks.landmarks([first[0], [9, 9]], [last[0], [9.5, 19]]).fits(times, shape)
