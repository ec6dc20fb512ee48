"""Regions in images, tables of napari and GeoJSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage
from scipy.spatial import cKDTree
from tests.core.observations.known.helpers import SHAPE, degrees, geojson, on_map, table

from napari_latentdyn.core.observations.known import ImageSpace, read_region
from napari_latentdyn.core.observations.known.outlines import draw_lines, draw_polygons
from napari_latentdyn.errors import ImageFileError, ObservationError

LAND = np.zeros(SHAPE, np.uint8)
LAND[5:15, 10:30] = 3
LAND[20:, 40:] = 1
#: Corners of a rectangle around the centres of the rows 5 to 14 and the columns 10 to 29.
BOX = [[4.5, 9.5], [4.5, 29.5], [14.5, 29.5], [14.5, 9.5]]
INSIDE = LAND == 3


def write(path: Path, array: Any) -> str:
    tifffile.imwrite(path, np.asarray(array), photometric="minisblack")
    return str(path)


def test_labels_of_all_images(series: ImageSpace, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "land.tif", LAND)
    found = read_region([str(tmp_path / "land.tif")], series)
    np.testing.assert_array_equal(found, (LAND > 0)[None])


def test_a_stack_and_files_have_a_mask_for_each_image(series: ImageSpace, tmp_path: Path) -> None:
    planes = np.stack([LAND, LAND[::-1], LAND[:, ::-1]])
    write(tmp_path / "stack.tif", planes)
    names = [str(tmp_path / f"{k}.tif") for k in range(3)]
    for name, plane in zip(names, planes, strict=True):
        tifffile.imwrite(name, plane)
    for given_files in ([str(tmp_path / "stack.tif")], names):
        np.testing.assert_array_equal(read_region(given_files, series), planes > 0)
    one = read_region([f"{tmp_path}/stack.tif:1"], series)
    np.testing.assert_array_equal(one, planes[1:2] > 0)


def test_labels_keep_their_numbers(series: ImageSpace, polar: ImageSpace, tmp_path: Path) -> None:
    name = write(tmp_path / "a.tif", LAND)
    np.testing.assert_array_equal(read_region([name], series, labels=True)[0], LAND)
    drawn = shapes(tmp_path / "a.csv", (4, "rectangle", BOX), (7, "line", [[0, 0], [0, 59]]))
    wanted = 1 * INSIDE
    wanted[0] = 2
    np.testing.assert_array_equal(read_region([drawn], series, labels=True)[0], wanted)
    row = degrees([[0, 0], [0, 59]])
    ring = degrees([*BOX, BOX[0]])
    file = geojson(tmp_path / "a.json", ("Polygon", [ring], {}), ("LineString", row, {}))
    np.testing.assert_array_equal(read_region([file], polar, labels=True)[0], wanted)
    for wrong in (LAND + 0.5, LAND * 2.0**31, np.stack([LAND] * 3, axis=-1)):
        with pytest.raises(ObservationError, match="labels"):
            read_region([write(tmp_path / "b.tif", wrong)], series, labels=True)


def test_what_is_drawn_on_a_transparent_picture(series: ImageSpace, tmp_path: Path) -> None:
    picture = np.full((*SHAPE, 4), 255, np.uint8)
    picture[..., 3] = 255 * INSIDE
    Image.fromarray(picture).save(tmp_path / "land.png")
    np.testing.assert_array_equal(read_region([str(tmp_path / "land.png")], series)[0], INSIDE)


def test_missing_values_are_outside(series: ImageSpace, tmp_path: Path) -> None:
    values = np.where(INSIDE, 1.0, np.nan).astype(np.float32)
    tifffile.imwrite(tmp_path / "land.tif", values)
    np.testing.assert_array_equal(read_region([str(tmp_path / "land.tif")], series)[0], INSIDE)


def test_a_coarse_mask_on_the_map_is_resampled(polar: ImageSpace, tmp_path: Path) -> None:
    """Pixels of 200 m whose edges lie on those of the images, and which begin further north."""
    coarse = np.zeros((10, 12), np.uint8)
    coarse[3:5, 2:6] = 1
    grid = rasterio.Affine(200, 0, 5e5, 0, -200, -1.2e6 + 400)
    shape = {"height": 10, "width": 12, "count": 1, "dtype": "uint8", "crs": "EPSG:3413"}
    with rasterio.open(tmp_path / "land.tif", "w", driver="GTiff", transform=grid, **shape) as file:
        file.write(coarse, 1)
    np.testing.assert_array_equal(read_region([str(tmp_path / "land.tif")], polar)[0], INSIDE)


def shapes(path: Path, *rows: tuple[int, str, list[list[float]]]) -> str:
    axes = len(rows[0][2][0])
    lines = [
        f"{number},{kind},{k},{','.join(map(str, vertex))}"
        for number, kind, vertices in rows
        for k, vertex in enumerate(vertices)
    ]
    heading = ",".join(f"axis-{axis}" for axis in range(axes))
    return table(path, f"index,shape-type,vertex-index,{heading}", *lines)


def test_shapes_of_napari(series: ImageSpace, tmp_path: Path) -> None:
    ring = [[20, 40], [20, 50], [30, 50], [30, 40]]
    name = shapes(tmp_path / "a.csv", (0, "rectangle", BOX), (1, "ellipse", ring))
    found = read_region([name], series)
    y, x = np.indices(SHAPE)
    disc = np.hypot(y - 25, x - 45) < 5
    # On the circle itself, the polygon of an ellipse is a little smaller.
    edge = np.abs(np.hypot(y - 25, x - 45) - 5) < 0.01
    np.testing.assert_array_equal(found[0] | edge, INSIDE | disc | edge)


def test_shapes_on_a_stack_belong_to_their_image(series: ImageSpace, tmp_path: Path) -> None:
    """A region on a single image holds for all, unless it is not to spread."""
    one = (0, "polygon", [[2, *vertex] for vertex in BOX])
    name = shapes(tmp_path / "a.csv", one)
    np.testing.assert_array_equal(read_region([name], series), INSIDE[None])
    found = read_region([name], series, spreads=False)
    np.testing.assert_array_equal(found, np.stack([0 * INSIDE, 0 * INSIDE, INSIDE]) > 0)
    other = (1, "line", [[0, 0, 0], [0, 0, 59]])
    both = read_region([shapes(tmp_path / "b.csv", one, other)], series)
    line = np.arange(SHAPE[0])[:, None] == np.zeros(SHAPE)
    np.testing.assert_array_equal(both, np.stack([line, 0 * INSIDE > 0, INSIDE]))


def test_a_line_has_no_gaps(series: ImageSpace, tmp_path: Path) -> None:
    name = shapes(tmp_path / "a.csv", (0, "path", [[0, 0], [20, 30.3], [39, 59]]))
    wall = read_region([name], series)[0]
    assert ndimage.label(wall)[1] == 1
    assert ndimage.label(~wall)[1] == 2
    assert wall.sum() < 2.2 * sum(SHAPE)


@given(*(st.tuples(st.floats(-10, 50), st.floats(-10, 70)) for _ in range(2)), st.floats(1.01, 12))
def test_a_wide_line_has_the_pixels_near_it(
    start: tuple[float, float], end: tuple[float, float], width: float
) -> None:
    line = np.array([start, end])
    found = draw_lines([line], SHAPE, width)
    there = np.linspace(line[0], line[1], 2000)
    centres = np.argwhere(np.ones(SHAPE, bool))
    apart = cKDTree(there).query(centres)[0].reshape(SHAPE)
    # Steps of the points on the line are shorter than 0.05 pixels.
    assert found[apart < width / 2 - 1e-2].all()
    assert not found[apart > max(width / 2, 0.5**0.5) + 1e-2].any()


@given(st.floats(-3, 43), st.floats(-3, 63), st.floats(1, 30), st.floats(1, 30))
def test_a_polygon_has_the_pixels_whose_centres_it_contains(
    y: float, x: float, height: float, width: float
) -> None:
    diamond = np.array([[y - height, x], [y, x + width], [y + height, x], [y, x - width]])
    found = draw_polygons([[diamond]], SHAPE)
    rows, columns = np.indices(SHAPE)
    apart = np.abs(rows - y) / height + np.abs(columns - x) / width
    sure = np.abs(apart - 1) > 1e-6
    np.testing.assert_array_equal(found[sure], (apart < 1)[sure])


def test_polygons_with_holes_in_degrees(polar: ImageSpace, tmp_path: Path) -> None:
    hole = [[7.5, 12.5], [7.5, 15.5], [9.5, 15.5], [9.5, 12.5]]
    rings = [degrees([*ring, ring[0]]).tolist() for ring in (BOX, hole)]
    far = degrees([[19.5, 39.5], [19.5, 70], [70, 70], [70, 39.5], [19.5, 39.5]]).tolist()
    wanted = LAND > 0
    wanted[8:10, 13:16] = False
    file = tmp_path / "land.geojson"
    file.write_text(f'{{"type": "MultiPolygon", "coordinates": {[rings, [far]]}}}')
    np.testing.assert_array_equal(read_region([str(file)], polar)[0], wanted)


@pytest.mark.parametrize("members", [{}, {"crs": {"properties": {"name": "EPSG:3413"}}}])
def test_polygons_in_the_system_of_the_images(
    polar: ImageSpace, tmp_path: Path, members: dict[str, Any]
) -> None:
    name = geojson(tmp_path / "a.json", ("Polygon", [on_map([*BOX, BOX[0]])], {}), **members)
    np.testing.assert_array_equal(read_region([name], polar)[0], INSIDE)


def test_a_long_edge_follows_its_own_system(polar: ImageSpace, tmp_path: Path) -> None:
    """A circle of latitude bends in the image."""
    corner, other = degrees([[20, 0], [20, 59]])
    west, east = sorted([corner[0], other[0]])
    latitude = corner[1]
    ring = [[west - 20, latitude], [east + 20, latitude], [east + 20, 89], [west - 20, 89]]
    name = geojson(tmp_path / "a.json", ("Polygon", [[*ring, ring[0]]], {}))
    found = read_region([name], polar)[0]
    y, x = np.indices(SHAPE).reshape(2, -1)
    north = degrees(np.column_stack([y, x]))[:, 1].reshape(SHAPE)
    sure = np.abs(north - latitude) > 1e-4
    assert sure.mean() > 0.8
    np.testing.assert_array_equal(found[sure], (north > latitude)[sure])


def test_bad_images(series: ImageSpace, tmp_path: Path) -> None:
    small = write(tmp_path / "small.tif", LAND[:20])
    pair = write(tmp_path / "pair.tif", np.stack([LAND, LAND]))
    land = write(tmp_path / "land.tif", LAND)
    cases = [
        ([small], r"small\.tif must have the size of the images, 40 x 60; got 20 x 60"),
        ([pair], r"one for each of 3 images; got 2: .*pair\.tif:0 takes the first"),
        ([land, land], "one file, or one for each of 3 images; got 2"),
        ([land, land, str(tmp_path / "coast.shp")], "save it as GeoJSON"),
    ]
    for files, told in cases:
        with pytest.raises(ObservationError, match=told):
            read_region(files, series)
    with pytest.raises(ImageFileError, match="there is no file"):
        read_region([str(tmp_path / "no.tif")], series)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ((0, "polygon", [[0, 0], [1, 1]]), "a polygon must have 3 or more vertices; got 2"),
        ((0, "star", [[0, 0], [1, 1]]), "a type must be ellipse"),
        ((0, "path", [[0, 1, 2], [1, 3, 3]]), "must lie on one image"),
        ((0, "path", [[7, 1, 2], [7, 3, 3]]), "index of an image, 0 to 2; got 7"),
    ],
)
def test_bad_shapes(
    series: ImageSpace, tmp_path: Path, row: tuple[int, str, list[list[float]]], told: str
) -> None:
    with pytest.raises(ObservationError, match=told):
        read_region([shapes(tmp_path / "a.csv", row)], series)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is not a JSON file"),
        ("[]", "must have the type FeatureCollection"),
        ('{"type": "Polygon"}', "must be lists of two numbers; got None"),
        ('{"type": "Polygon", "coordinates": [[[1, 2], [3, "a"]]]}', "lists of two numbers"),
        ('{"type": "Polygon", "coordinates": [[[1, 2], [3, 4]]]}', "3 vertices or more; got 2"),
        ('{"type": "Polygon", "coordinates": []}', "must have a feature"),
        ('{"type": "Polygon", "coordinates": {"a": 1}}', "lists of two numbers"),
        ('{"type": "FeatureCollection", "features": 3}', "features in .* must be a list"),
        ('{"type": "FeatureCollection", "features": []}', "must have a feature"),
        ('{"type": "Feature", "properties": 3}', "must be a mapping"),
        ('{"type": "Point", "coordinates": [1, 2]}', "polygons or lines as a region; got a Point"),
        ('{"type": "Point", "coordinates": [1e999, 2]}', "must be"),
        ('{"type": "Point", "coordinates": [1, 2], "crs": 3}', "name of a reference system"),
        (
            '{"type":"LineString","coordinates":[[1,2],[3,4]],"crs":{"properties":{"name":"?"}}}',
            r"from the reference system '\?'",
        ),
    ],
)
def test_bad_geojson(polar: ImageSpace, tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "a.geojson").write_text(text)
    with pytest.raises(ObservationError, match=told):
        read_region([str(tmp_path / "a.geojson")], polar)


def test_images_without_a_place_take_no_geojson(series: ImageSpace, tmp_path: Path) -> None:
    name = geojson(tmp_path / "a.json", ("Polygon", [degrees([*BOX, BOX[0]])], {}))
    with pytest.raises(ObservationError, match="the images have no reference system"):
        read_region([name], series)


def test_an_outline_far_away_is_told(tmp_path: Path) -> None:
    """The transverse Mercator projection has no value on the other side of the Earth."""
    from napari_latentdyn.core.geometry.geometry import Geometry

    place = Geometry.from_map((10, 0, 4e5, 0, -10, 5e6), "EPSG:32633", "metre")
    space = ImageSpace(SHAPE, np.array([0.0, 1.0]), place)
    name = geojson(tmp_path / "a.json", ("Polygon", [[[0, -80], [100, 0], [179, 10]]], {}))
    with pytest.raises(ObservationError, match="clip them to the area of the images"):
        read_region([name], space)
