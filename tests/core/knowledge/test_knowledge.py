"""Regions and tracks together, with observations."""

from __future__ import annotations

import numpy as np
import pytest
from tests.core.helpers import moved

from napari_latentdyn.core.knowledge.knowledge import Knowledge, in_words
from napari_latentdyn.core.knowledge.regions import Regions
from napari_latentdyn.core.knowledge.tracks import Tracks
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.observations.patches import Window
from napari_latentdyn.errors import ObservationError

LAND = np.zeros((64, 64), bool)
LAND[:10] = True
BUOYS = Tracks.from_rows(
    [1, 1, 1, 2, 2],
    [0, 2, 4, 1, 4],
    [[20, 20], [24, 20], [26, 26], *[[40, 9]] * 2],
    marked=[False, False, False, True, True],
)
KNOWN = Knowledge(Regions.from_masks(still=LAND), BUOYS, ({"role": "still", "name": "land.tif"},))


@pytest.fixture(scope="module")
def series() -> Observations:
    at = moved((5.0, -3.0))
    return Observations.from_arrays(at(0), at(0.5), at(1), times=[0, 1, 4])


def test_it_is_counted_in_words() -> None:
    assert KNOWN.sentence() == "1 mask, 1 track, 1 landmark"
    back = Knowledge(tracks=BUOYS.hold_back(0.5))
    assert back.sentence() == "1 track, 1 landmark, 1 held back"
    files = [{"role": role, "name": role} for role in ("still", "still", "missing", "tracks")]
    assert Knowledge(KNOWN.regions, None, tuple(files)).sentence() == "3 masks"
    paths = [{"role": role, "path": f"/{k}"} for k, role in enumerate(("missing",) * 2 + ("wall",))]
    assert Knowledge(sources=tuple(paths)).sentence() == "2 masks", "one file for each image"
    assert Knowledge(sources=tuple(files[2:3])).sentences() == ["Known: 1 mask."]
    assert in_words({"masks": 2, "tracks": 3}) == "2 masks, 3 tracks"
    assert Knowledge().sentence() == ""
    assert Knowledge().is_empty
    assert Knowledge().sentences() == []


def test_tracks_that_are_left_out_are_told() -> None:
    files = ({"role": "tracks", "name": "a.csv", "left_out": 2},)
    known = Knowledge(tracks=BUOYS, sources=files)
    assert known.sentences() == [
        "Known: 1 track, 1 landmark.",
        "2 tracks of a.csv do not meet the images in place and time, and are left out.",
    ]


def test_an_interval_counts_its_own_time(series: Observations) -> None:
    part = series.with_knowledge(KNOWN).interval(1).known
    assert part.tracks is not None
    np.testing.assert_allclose(part.tracks.time, [0, 1 / 3, 1, 0, 1])
    assert part.tracks.place[0].tolist() == [22, 20]
    assert part.sources == KNOWN.sources


def test_an_interval_without_a_track(series: Observations) -> None:
    known = Knowledge(tracks=BUOYS.rows(BUOYS.track == 2))
    assert series.with_knowledge(known).interval(0).known.tracks is None


def test_a_window_counts_its_own_pixels(series: Observations) -> None:
    part = series.with_knowledge(KNOWN).crop(Window(8, 16, 40, 40)).known
    assert part.tracks is not None
    np.testing.assert_array_equal(part.tracks.place, BUOYS.place - [8, 16])
    assert part.regions.still is not None
    assert part.regions.still.sum() == 2 * 40


def test_observations_keep_it_in_arrays(series: Observations) -> None:
    known = Observations.from_saved(series.with_knowledge(KNOWN).to_arrays()).known
    assert known.counts() == KNOWN.counts()
    np.testing.assert_array_equal(known.regions.still, KNOWN.regions.still)
    assert Observations.from_saved(series.to_arrays()).known.is_empty


def test_the_report_has_counts_and_parts() -> None:
    report = KNOWN.to_report()
    assert report is not None
    assert report["regions"] == {"still": LAND.mean()}
    assert (report["tracks"], report["landmarks"], report["held_back"]) == (1, 1, 0)
    assert report["sources"] == list(KNOWN.sources)
    assert Knowledge().to_report() is None


def test_it_must_fit_the_images(series: Observations) -> None:
    with pytest.raises(ObservationError, match="got 10 x 64"):
        series.with_knowledge(Knowledge(Regions.from_masks(still=LAND[:10])))
    with pytest.raises(ObservationError, match="tracks must lie in the images"):
        series.with_knowledge(Knowledge(tracks=BUOYS.moved((500, 0))))


def test_a_region_of_interest_that_no_image_shows_is_refused() -> None:
    at = moved((5.0, -3.0))
    images = Observations.from_arrays(at(0), at(1), masks=[LAND, None])
    seen = Knowledge(Regions.from_masks(interest=~LAND))
    assert images.with_knowledge(seen).known is seen
    with pytest.raises(ObservationError, match="got none in image 1 of 2"):
        images.with_knowledge(Knowledge(Regions.from_masks(interest=LAND)))


def test_a_training_continues_with_the_same_knowledge_alone(series: Observations) -> None:
    known = series.with_knowledge(KNOWN)
    assert known.same_as(series.with_knowledge(Knowledge(KNOWN.regions, KNOWN.tracks)))
    assert not known.same_as(series)
    assert not known.same_as(series.with_knowledge(Knowledge(KNOWN.regions)))
    other = Knowledge(Regions.from_masks(still=np.roll(LAND, 3, axis=0)), KNOWN.tracks)
    assert not known.same_as(series.with_knowledge(other))


def test_a_track_that_moves_on_land_contradicts_the_mask(series: Observations) -> None:
    regions = Regions.from_masks(still=LAND)
    moving = Tracks.landmarks([[2, 10]], [[7, 30]], (0, 4))
    with pytest.raises(ObservationError, match=r"landmark 0 moves by 20\.6 pixels in it"):
        series.with_knowledge(Knowledge(regions, moving))
    resting = Tracks.landmarks([[2, 10]], [[2.5, 10]], (0, 4))
    leaving = Tracks.landmarks([[8, 10]], [[18, 30]], (0, 4))
    series.with_knowledge(Knowledge(regions, resting.joined(leaving)))
