"""All files of the user together."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.core.helpers import moved
from tests.core.observations.known.helpers import POLAR, SHAPE, TRANSFORM, geojson, table

from napari_latentdyn import ImageSpace, read_knowledge
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.errors import ObservationError, UserError
from napari_latentdyn.settings import ImageSettings


@pytest.fixture
def files(tmp_path: Path) -> dict[str, list[str]]:
    land = np.zeros(SHAPE, np.uint8)
    land[:5] = 1
    tifffile.imwrite(tmp_path / "land.tif", np.stack([land, land]), photometric="minisblack")
    rows = [f"{n},{t},{10 + 5 * n},{20 + t}" for n in range(4) for t in (0, 1, 2)]
    far = [f"9,{t},900,20" for t in (0, 1)]
    return {
        "still": [f"{tmp_path}/land.tif:0"],
        "tracks": [
            table(tmp_path / "a.csv", "id,t,y,x", *rows, *far),
            table(tmp_path / "b.csv", "id,t,y,x", *rows[:3]),
        ],
        "landmarks": [table(tmp_path / "c.csv", "y0,x0,y2,x2", "30,40,32,41")],
    }


def test_files_are_joined_and_described(series: ImageSpace, files: dict[str, list[str]]) -> None:
    known = read_knowledge(series, **files)
    assert known.sentence() == "1 mask, 5 tracks, 1 landmark"
    assert [source["role"] for source in known.sources] == [
        "still",
        "tracks",
        "tracks",
        "landmarks",
    ]
    land, first, *_ = known.sources
    assert land["name"] == "land.tif:0"
    assert land["path"] == files["still"][0]
    content = Path(files["tracks"][0]).read_bytes()
    assert first["sha256"] == hashlib.sha256(content).hexdigest()
    assert [source.get("left_out") for source in known.sources] == [None, 1, None, None]
    assert read_knowledge(series).is_empty


@pytest.mark.parametrize(("part", "count"), [(0.5, 3), (2, 2), (5, 5), (0.01, 1), (0.99, 5)])
def test_a_part_or_a_number_is_held_back(
    series: ImageSpace, files: dict[str, list[str]], part: float, count: int
) -> None:
    assert read_knowledge(series, **files, hold_back=part).counts()["held_back"] == count


@pytest.mark.parametrize("part", [-1, 6, 2.5, float("nan"), float("inf")])
def test_parts_that_cannot_be_held_back(
    series: ImageSpace, files: dict[str, list[str]], part: float
) -> None:
    with pytest.raises(ObservationError, match=r"a number below that of the tracks; got .* of 6"):
        read_knowledge(series, **files, hold_back=part)


def test_nothing_can_be_held_back_without_tracks(series: ImageSpace, tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="hold_back needs tracks or landmarks; got none"):
        read_knowledge(series, hold_back=0.5)
    one = table(tmp_path / "a.csv", "id,t,y,x", "1,0,20,20", "1,2,22,20")
    with pytest.raises(ObservationError, match=r"got 0\.5 of 1 track\."):
        read_knowledge(series, tracks=[one], hold_back=0.5)


def test_a_file_of_tracks_elsewhere_is_left_out(series: ImageSpace, tmp_path: Path) -> None:
    """Unless it is the only one."""
    rows = ("1,0,20,20", "1,2,22,20")
    here = table(tmp_path / "here.csv", "id,t,y,x", *rows)
    late = table(tmp_path / "late.csv", "id,t,y,x", *["1,7,20,20", "1,9,22,20"])
    far = table(tmp_path / "far.csv", "id,t,y,x", *["1,0,520,20", "1,2,522,20"])
    known = read_knowledge(series, tracks=[late, here, far])
    assert known.counts()["tracks"] == 1
    assert [source.get("left_out", 0) for source in known.sources] == [1, 0, 1]
    for file, told in (
        (late, r"late\.csv must have two .* at 0 to 5; got times from 7 to 9: check the unit"),
        (far, r"far\.csv must lie in the images, .* got 520 to 522 and 20 to 20: check the order"),
    ):
        with pytest.raises(ObservationError, match=told):
            read_knowledge(series, tracks=[file])


def test_a_file_without_a_pixel_is_named(series: ImageSpace, tmp_path: Path) -> None:
    names = [str(tmp_path / f"{k}.tif") for k in range(3)]
    for name in names:
        tifffile.imwrite(name, np.zeros(SHAPE, np.uint8))
    told = r"0\.tif{} must mark at least one pixel of the images; got none: draw it"
    with pytest.raises(ObservationError, match=told.format("")):
        read_knowledge(series, still=names[:1])
    with pytest.raises(ObservationError, match=told.format(" or another file of this region")):
        read_knowledge(series, rigid=names)


@pytest.mark.parametrize("east", [-45.0, 130.0])
@pytest.mark.parametrize("role", ["still", "tracks"])
def test_swapped_coordinates_are_told(
    polar: ImageSpace, tmp_path: Path, role: str, east: float
) -> None:
    """Also where a longitude beyond 90 degrees shows that it is no latitude."""
    crs = f"+proj=laea +lat_0=75 +lon_0={east} +x_0=500000"
    place = Geometry.from_map((1000.0, 0, 4.8e5, 0, -1000.0, 1.5e4), crs, "metre")
    space = replace(polar, place=place)
    ring = np.array([[0.0, 74.95], [0.2, 74.95], [0.2, 75.05], [0.0, 74.95]])
    ring[:, 0] += east
    if role == "still":
        parts = [("Polygon", [ring], {}), ("Polygon", [ring[:, ::-1]], {})]
    else:
        told = {"times": [0, 0.2, 0.5, 1]}
        parts = [("LineString", ring, told), ("LineString", ring[:, ::-1], told)]
    right, wrong = (geojson(tmp_path / f"{k}.geojson", part) for k, part in enumerate(parts))
    assert not read_knowledge(space, **{role: [right]}).is_empty
    with pytest.raises(ObservationError, match="order of longitude and latitude seems swapped"):
        read_knowledge(space, **{role: [wrong]})


@pytest.mark.parametrize("role", ["still", "tracks"])
def test_the_reference_systems_of_places_elsewhere_are_told(
    polar: ImageSpace, tmp_path: Path, role: str
) -> None:
    ring = np.array([[10.0, 50], [11, 50], [11, 51], [10, 50]])
    feature: Any = ("Polygon", [ring], {})
    if role == "tracks":
        feature = ("LineString", ring, {"times": [0, 0.2, 0.5, 1]})
    own = "WGS 84 / NSIDC Sea Ice Polar Stereographic North"
    for members, shift, told in (
        ({}, 0, f"read as longitude and latitude, and the images have the reference system {own}"),
        ({}, 1000, f"read in the reference system of the images, {own}"),
        ({"crs": {"properties": {"name": "EPSG:32633"}}}, 0, "system WGS 84 / UTM zone 33N, and"),
    ):
        moved_away = (*feature[:1], (np.array(feature[1]) + shift).tolist(), feature[2])
        name = geojson(tmp_path / "a.geojson", moved_away, **members)
        with pytest.raises(ObservationError, match=told):
            read_knowledge(polar, **{role: [name]})


@pytest.mark.parametrize(("day", "told"), [(5, "2024-03-05T06:00"), (28, "2024-03-28T06:00")])
def test_late_dates_are_told_as_dates(
    polar: ImageSpace, tmp_path: Path, day: int, told: str
) -> None:
    rows = [f"1,2024-03-{day:02d}T{hour:02d}:00,20,20" for hour in (6, 18)]
    name = table(tmp_path / "a.csv", "id,t,y,x", *rows)
    wanted = (
        f"at 2024-03-01T00:00 to 2024-03-01T12:00; got times from {told} to .*: check the times"
    )
    with pytest.raises(ObservationError, match=wanted):
        read_knowledge(polar, tracks=[name])
    numbers = table(tmp_path / "b.csv", "id,t,y,x", "1,8.33,20,20", "1,9,20,20")
    wanted = r"fractions of the interval, 0 to 1; got 8\.33 to 9: divide them"
    with pytest.raises(ObservationError, match=wanted):
        read_knowledge(polar, tracks=[numbers])


def test_images_with_the_same_pixels(polar: ImageSpace, series: ImageSpace) -> None:
    polar.check_same_pixels(replace(polar, times=series.times))
    # Of images without a place only the size is known.
    polar.check_same_pixels(series)
    series.check_same_pixels(polar)
    with pytest.raises(ObservationError, match="size 40 x 60 of those of the run; got 60 x 40"):
        polar.check_same_pixels(replace(polar, shape=SHAPE[::-1]))
    place = Geometry.from_map((*TRANSFORM[:5], TRANSFORM[5] + 40.0), POLAR, "metre")
    with pytest.raises(ObservationError, match="at the place of those of the run"):
        polar.check_same_pixels(replace(polar, place=place))


def test_the_space_of_observations() -> None:
    at, place = moved((5.0, -3.0)), Geometry.from_map(TRANSFORM, POLAR, "metre")
    images = Observations.from_arrays(at(0), at(1))
    start = datetime(2024, 3, 1, tzinfo=UTC)
    unit = ImageSettings(interval=2.0, interval_unit="day")
    space = ImageSpace.of(images, unit, start, place)
    moments: Any = space.moments(["2024-03-01", "2024-03-02T00:00", "2024-03-03T01:00+01:00"], "it")
    np.testing.assert_allclose(moments, [0, 0.5, 1])
    assert ImageSpace.of(images).place is None
    told = [{"geo": place.to_report()}] * 2
    found = ImageSpace.of(images.described(None, told)).place
    assert found is not None
    np.testing.assert_allclose(found.matrix, place.matrix)


KEYS = (
    "type features geometry geometries coordinates properties crs name id time times sigma "
    "coordinateProperties"
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(KEYS.split()),
            inner
            | st.sampled_from(["FeatureCollection", "Feature", "GeometryCollection", "Polygon"])
            | st.sampled_from(["Point", "LineString", "MultiPoint", "MultiPolygon"])
            | st.lists(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=3), max_size=5),
            max_size=5,
        )
    ),
    max_leaves=30,
)
NAMES = ("id", "t", "time", "date", "frame", "y", "x", "lat", "lon", "northing", "easting", "sigma")
HEADINGS = (*NAMES, "axis-0", "axis-1", "axis-2", "index", "shape-type", "y0", "x0", "y1", "x1")
CELLS = st.sampled_from(
    [
        "0",
        "1",
        "2",
        "7.5",
        "-1",
        "1e300",
        "1e999",
        "nan",
        "",
        "polygon",
        "ellipse",
        "2024-03-01",
        "🛟",
    ]
)


def try_all(name: str, space: ImageSpace) -> None:
    """Read a file as everything; each reader succeeds, or says one sentence."""
    for role in ("still", "tracks", "landmarks"):
        told = "."
        try:
            read_knowledge(space, **{role: [name]})
        except UserError as error:
            told = str(error)
        assert told.endswith(".")
        assert "\n" not in told


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(JSON)
def test_any_json_is_read_or_told(polar: ImageSpace, tmp_path: Path, data: Any) -> None:
    (tmp_path / "a.json").write_text(json.dumps(data))
    try_all(str(tmp_path / "a.json"), polar)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_any_table_is_read_or_told(polar: ImageSpace, tmp_path: Path, data: Any) -> None:
    heading = data.draw(st.lists(st.sampled_from(HEADINGS), min_size=1, max_size=6, unique=True))
    width = len(heading)
    rows = data.draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=5))
    text = "\n".join(",".join(row) for row in [heading, *rows])
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    try_all(str(tmp_path / "a.csv"), polar)
