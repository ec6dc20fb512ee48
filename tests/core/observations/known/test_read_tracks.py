"""Tracks and landmarks in tables and GeoJSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.core.observations.known.helpers import degrees, geojson, on_map, table

from napari_latentdyn.core.knowledge.tracks import SIGMA
from napari_latentdyn.core.observations.known import ImageSpace, read_landmarks, read_tracks
from napari_latentdyn.errors import ObservationError

#: Two buoys at 0, 6 and 12 hours.
PIXELS = [[10, 10], [12, 11], [15, 12], [30, 50], [31, 48], [33, 45]]
HOURS = [0, 6, 12] * 2


def check(found: Any, places: Any = PIXELS, times: Any = (0, 0.5, 1, 0, 0.5, 1)) -> None:
    np.testing.assert_allclose(found.place, places, atol=1e-4)
    np.testing.assert_allclose(found.time, times)


def test_tracks_of_napari(series: ImageSpace, tmp_path: Path) -> None:
    rows = [
        f"{n},{t},{y},{x}"
        for n, t, y, x in [(7, 2, 3, 4), (7, 0, 1, 2), (3, 0, 9, 9), (3, 5, 9, 8)]
    ]
    found, left_out = read_tracks(table(tmp_path / "a.csv", "ID,t,y,x", *rows), series)
    assert (len(found), left_out) == (2, 0)
    assert found.track.tolist() == [3, 3, 7, 7]
    assert found.time.tolist() == [0, 5, 0, 2]
    assert found.place[2:].tolist() == [[1, 2], [3, 4]]
    assert (found.sigma == SIGMA).all()


@pytest.mark.parametrize("heading", ["track,frame,y,x", "ID,axis-0,axis-1,axis-2"])
def test_the_index_of_an_image_is_its_time(
    series: ImageSpace, tmp_path: Path, heading: str
) -> None:
    found, _ = read_tracks(table(tmp_path / "a.csv", heading, "1,0,5,6", "1,2,7,8"), series)
    check(found, [[5, 6], [7, 8]], [0, 5])


@pytest.mark.parametrize("crs", ["degrees", "map"])
def test_buoys_on_the_earth(polar: ImageSpace, tmp_path: Path, crs: str) -> None:
    names, there = {
        "degrees": ("longitude,latitude", degrees(PIXELS)),
        "map": ("easting,northing", on_map(PIXELS)),
    }[crs]
    rows = [
        f"{n},{'AB'[n // 3]},2024-03-01T{hour:02d}:00Z,{x:.9f},{y:.9f},{20 + n}"
        for n, (hour, (x, y)) in enumerate(zip(HOURS, there, strict=True))
    ]
    name = table(tmp_path / "a.csv", f"id,buoy,date,{names},uncertainty", *rows)
    found, _ = read_tracks(name, polar)
    check(found)
    assert found.track.tolist() == [0, 0, 0, 1, 1, 1]
    # Standard deviations in metres; a pixel of the map has 40 m at the true latitude of 70 degrees.
    assert polar.metres == pytest.approx(40, rel=0.03)
    np.testing.assert_allclose(found.sigma, (20 + np.arange(6)) / polar.metres)


def test_a_pixel_has_its_length_on_the_ground(polar: ImageSpace) -> None:
    """The scale of the polar stereographic projection with a true latitude of 70 degrees north."""
    import pyproj

    longitude, latitude = degrees([[19.5, 29.5]])[0]
    scale = pyproj.Proj("EPSG:3413").get_factors(longitude, latitude).areal_scale ** 0.5
    assert polar.metres == pytest.approx(40 / scale, rel=1e-5)


def test_pixels_are_taken_where_images_have_no_place(series: ImageSpace, tmp_path: Path) -> None:
    name = table(
        tmp_path / "a.csv", "id,t,lat,lon,y,x,sigma", "1,0,80,-30,5,6,2", "1,5,81,-30,7,8,3"
    )
    found, _ = read_tracks(name, series)
    check(found, [[5, 6], [7, 8]], [0, 5])
    assert found.sigma.tolist() == [2, 3]


def test_tracks_that_do_not_meet_the_images_are_left_out(
    series: ImageSpace, tmp_path: Path
) -> None:
    rows = [
        *("near,0,5,6", "near,4,7,8"),
        *("passing,-5,-30,6", "passing,1,7,8"),
        *("later,5,5,6", "later,9,5,6"),
        *("far,0,500,6", "far,4,500,6"),
        "once,1,5,6",
    ]
    found, left_out = read_tracks(table(tmp_path / "a.csv", "station,time,y,x", *rows), series)
    assert (len(found), left_out) == (2, 3)
    assert found.time.tolist() == [0, 4, -5, 1]


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("LineString", {"times": ["2024-03-01", "2024-03-01T06:00", "2024-03-01T12:00"]}),
        ("MultiPoint", {"coordTimes": [0, 0.5, 1], "name": "A", "sigma": 80}),
        ("LineString", {"coordinateProperties": {"times": [0, 0.5, 1]}}),
    ],
)
def test_lines_with_times(
    polar: ImageSpace, tmp_path: Path, kind: str, properties: dict[str, Any]
) -> None:
    places = degrees(PIXELS)
    features = [(kind, part, dict(properties)) for part in (places[:3], places[3:])]
    if "name" in properties:
        features[1][2]["name"] = "B"
    found, _ = read_tracks(geojson(tmp_path / "a.geojson", *features), polar)
    check(found)
    sigma = 80 / polar.metres if "sigma" in properties else SIGMA
    np.testing.assert_allclose(found.sigma, sigma)


def test_points_with_ids_and_times(polar: ImageSpace, tmp_path: Path) -> None:
    features = [
        ("Point", place, {"id": 300 + n // 3, "time": time})
        for n, (place, time) in enumerate(zip(degrees(PIXELS), [0, 0.5, 1] * 2, strict=True))
    ]
    found, _ = read_tracks(geojson(tmp_path / "a.geojson", *reversed(features)), polar)
    check(found)
    assert found.track.tolist() == [300] * 3 + [301] * 3


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (("t,y,x", "0,1,2"), "must have the columns id, time and the place"),
        (("id,y,x", "0,1,2"), "must have the columns id, time and the place"),
        (("id,t,y", "0,1,2"), "must have the columns y and x"),
        (("id,t,y,x", "0,0,1,2", "0,1,1,a"), "x in row 3 of .* must be a number; got 'a'"),
        (("id,t,y,x", "0,0,1,2", "0,soon,1,2"), "all numbers, or all dates .*; got 'soon'"),
        (("id,t,y,x", "0,0,1,2", "0,2024-03-01,1,2"), "all numbers, or all dates"),
        (("id,t,y,x", "0,2024-03-01,1,2", "0,2024-03-02,1,2"), "give the images dates"),
        (("id,t,y,x", "0,0,1,2"), "got one in track 0"),
        (("id,t,y,x", "0,0,1,2", "0,0,1,3"), "track 0 has two at 0"),
        (("id,t,y,x,sigma", "0,0,1,2,1", "0,1,1,3,-1"), "must be positive"),
        (("id,t,lat,lon", "0,0,80,2", "0,1,80,3"), "the images have no reference system"),
    ],
)
def test_bad_tables(series: ImageSpace, tmp_path: Path, rows: tuple[str, ...], told: str) -> None:
    with pytest.raises(ObservationError, match=told):
        read_tracks(table(tmp_path / "a.csv", *rows), series)


def test_metres_are_no_degrees(polar: ImageSpace, tmp_path: Path) -> None:
    name = table(tmp_path / "a.csv", "id,t,lat,lon", "0,0,-1200000,5e5", "0,1,-1200000,5e5")
    with pytest.raises(ObservationError, match="name coordinates of a map northing and easting"):
        read_tracks(name, polar)


@pytest.mark.parametrize(
    ("kind", "coordinates", "properties", "told"),
    [
        ("Polygon", [[[1, 2], [3, 4], [1, 2]]], {}, "must have points, or lines with times"),
        ("Point", [1, 2], {"time": 0}, "must have the property id"),
        ("Point", [1, 2], {"id": 0}, "must have the property time"),
        ("LineString", [[1, 2], [3, 4]], {"times": [0]}, "times with a time of each of 2 places"),
        ("LineString", [[1, 2], [3, 4]], {"times": [0, None]}, "a time of each of 2 places"),
        ("LineString", [[1, 2], [3, 4]], {"times": [0, {}]}, "all numbers, or all dates"),
        ("LineString", [[1, 2], [3, 4]], {"times": [0, 1], "sigma": "a"}, "a number of metres"),
    ],
)
def test_bad_geojson(
    polar: ImageSpace, tmp_path: Path, kind: str, coordinates: Any, properties: Any, told: str
) -> None:
    name = geojson(tmp_path / "a.json", (kind, coordinates, properties))
    with pytest.raises(ObservationError, match=told):
        read_tracks(name, polar)


# Landmarks -----------------------------------------------------------------------------------


def test_pairs_in_columns(series: ImageSpace, tmp_path: Path) -> None:
    """The number is the index of the image, and an empty cell a point that was not marked."""
    rows = ("1,2,,,5,6,1", "3,4,7,8,9,10,2")
    found = read_landmarks([table(tmp_path / "a.csv", "y0,x0,y1,x1,y2,x2,sigma", *rows)], series)
    check(found, [[1, 2], [5, 6], [3, 4], [7, 8], [9, 10]], [0, 5, 0, 2, 5])
    assert found.sigma.tolist() == [1, 1, 2, 2, 2]


def test_points_of_napari_on_a_stack(series: ImageSpace, tmp_path: Path) -> None:
    rows = ("0,0,1,2", "1,2,5,6", "2,0,3,4", "3,2,7,8")
    found = read_landmarks([table(tmp_path / "a.csv", "index,axis-0,axis-1,axis-2", *rows)], series)
    check(found, [[1, 2], [5, 6], [3, 4], [7, 8]], [0, 5, 0, 5])


def test_a_table_for_each_image(polar: ImageSpace, tmp_path: Path) -> None:
    east = degrees([[5, 6], [7, 8]])
    first = table(tmp_path / "a.csv", "y,x", "1,2", "3,4")
    last = table(tmp_path / "b.csv", "lon,lat", *[f"{x:.9f},{y:.9f}" for x, y in east])
    check(read_landmarks([first, last], polar), [[1, 2], [5, 6], [3, 4], [7, 8]], [0, 1, 0, 1])


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (("y0,x0,y1", "1,2,3"), "must have the columns y and x with the index of an image"),
        (("y0,x0,y3,x3", "1,2,3,4"), "the index of an image, 0 to 2"),
        (("y0,x0", "1,2"), "y and x in two images or more"),
        (("y0,x0,y1,x1", "1,2,3,"), "got empty cells"),
        (("y0,x0,y1,x1", "1,2,,"), "got empty cells"),
        (("y0,x0,y1,x1", "1,2,a,3"), "must be a number; got 'a'"),
        (("y,x", "1,2"), "must have the columns y0, x0, y1 and x1"),
        (("frame,y,x", "0,1,2", "0,2,2", "1,2,3"), "got 2 in image 0 .* and 1 in image 1"),
        (("frame,y,x", "0,1,2", "0,2,2"), "got one in track"),
    ],
)
def test_bad_landmarks(
    series: ImageSpace, tmp_path: Path, rows: tuple[str, ...], told: str
) -> None:
    with pytest.raises(ObservationError, match=told):
        read_landmarks([table(tmp_path / "a.csv", *rows)], series)


def test_landmarks_need_a_table_for_each_image(series: ImageSpace, tmp_path: Path) -> None:
    name = table(tmp_path / "a.csv", "y,x", "1,2")
    with pytest.raises(ObservationError, match="one for each of 3 images; got 2"):
        read_landmarks([name, name], series)


@pytest.mark.parametrize("heading", ["landmark", "name", "id"])
def test_landmarks_have_the_names_of_the_table(
    series: ImageSpace, tmp_path: Path, heading: str
) -> None:
    rows = ("cape,1,2,3,4", ",5,6,7,8")
    found = read_landmarks([table(tmp_path / "a.csv", f"{heading},y0,x0,y1,x1", *rows)], series)
    assert found.name.tolist() == ["cape", "cape", "1", "1"]
    # Of marks in any order, and with the index of each row as a name.
    marks = ("p,1,5,6", "p,0,1,2", "q,0,3,4", "q,2,7,8", "p,2,5,5", "q,1,6,6")
    found = read_landmarks([table(tmp_path / "b.csv", f"{heading},frame,y,x", *marks)], series)
    assert found.name.tolist() == ["p"] * 3 + ["q"] * 3
    check(found, [[1, 2], [5, 6], [5, 5], [3, 4], [6, 6], [7, 8]], [0, 2, 5] * 2)
    rows = tuple(f"{n},{n // 2},{n},{n}" for n in range(4))
    found = read_landmarks([table(tmp_path / "c.csv", f"{heading},frame,y,x", *rows)], series)
    check(found, [[0, 0], [2, 2], [1, 1], [3, 3]], [0, 2, 0, 2])


def test_names_order_the_landmarks_of_tables_for_each_image(
    polar: ImageSpace, tmp_path: Path
) -> None:
    first = table(tmp_path / "a.csv", "name,y,x,sigma", "b,1,2,1", "a,3,4,2")
    last = table(tmp_path / "b.csv", "name,y,x", "a,7,8", "b,5,6")
    found = read_landmarks([first, last], polar)
    check(found, [[1, 2], [5, 6], [3, 4], [7, 8]], [0, 1, 0, 1])
    assert found.name.tolist() == ["b", "b", "a", "a"]
    assert found.sigma.tolist() == [1, SIGMA, 2, SIGMA]
