"""Sizes, units and velocities in pixels, read from a dataset."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.export.helpers import changed

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.export import grid, make_dataset


def test_places_and_units(data):
    assert grid.length_units(data) == ("km", "km")
    assert grid.time_unit(data) == "h"
    assert grid.duration(data) == 12
    assert grid.pixel_size(data) == pytest.approx((0.1, 0.2))
    np.testing.assert_allclose(grid.world(data, [[0, 0], [2, 5]]), [[5, 7], [5.2, 8]])
    assert [grid.stage_at(data, moment) for moment in (0, 2.9, 3, 11.9, 12)] == [0, 0, 1, 3, 3]


def test_velocities_return_to_pixels(data, geo_data, parts):
    for one in (data, geo_data):
        moved = grid.pixel_velocity(one)
        assert moved.dtype == np.float32
        np.testing.assert_allclose(moved, parts["velocity"], rtol=1e-5)
    assert grid.pixel_velocity(changed(parts, velocity=None)).shape == (0, 2, 24, 36)


def test_on_the_earth_y_points_north(geo_data):
    # The middle of the first pixel, not its corner.
    np.testing.assert_allclose(grid.world(geo_data, [0, 0]), [-1200050, 500050])
    assert grid.length_units(geo_data) == ("m", "m")
    assert grid.pixel_size(geo_data) == (100, 100)
    assert grid.transform(geo_data) == (100, 0, 500000, 0, -100, -1200000)


def test_without_interval_and_placement(parts):
    bare = changed(parts, interval=None, placement=None)
    assert grid.time_unit(bare) is None
    np.testing.assert_allclose(bare.time, bare.fraction)
    assert grid.length_units(bare) == ("pixel", "pixel")
    np.testing.assert_allclose(grid.pixel_velocity(bare), parts["velocity"], rtol=1e-5)


@given(
    angle=st.floats(-3, 3),
    scale=st.tuples(st.floats(0.1, 10), st.floats(0.1, 10)),
    place=st.tuples(st.floats(-50, 50), st.floats(-50, 50)),
)
def test_motion_in_the_world_leads_to_the_place_in_the_world(angle, scale, place):
    c, s = np.cos(angle), np.sin(angle)
    velocity = np.zeros((3, 2, 4, 5), np.float32)
    velocity[:, 0], velocity[:, 1] = 1.5, -2.0
    height, width = scale
    matrix = ((height * c, -width * s, 1), (height * s, width * c, 2), (0, 0, 1))
    turned = make_dataset(
        frames=np.zeros((2, 4, 5), np.float32),
        times=np.array([0.0, 1.0]),
        velocity=velocity,
        placement=Geometry(matrix),
        interval=(6.0, "hour"),
    )
    moved = grid.world(turned, np.add(place, (1.5, -2))) - grid.world(turned, place)
    # Three stages in six hours.
    physical = [float(turned[name][1, 2, 3]) for name in ("velocity_y", "velocity_x")]
    np.testing.assert_allclose(np.multiply(physical, 2), moved, atol=1e-5)
    np.testing.assert_allclose(grid.pixel_velocity(turned), velocity, atol=1e-5)
    np.testing.assert_allclose(grid.pixel_size(turned), scale)


def test_units_that_have_other_names_in_files(parts):
    for unit, symbol in (("micrometer", "µm"), ("inch", "in"), ("angstrom", "Å"), ("mile", "mi")):
        there = changed(parts, placement=Geometry(units=(unit, unit)))
        assert grid.length_units(there) == (symbol, symbol)
    for unit, symbol in (("year", "a"), ("microsecond", "µs"), ("minute", "min")):
        assert grid.time_unit(changed(parts, interval=(1.0, unit))) == symbol


@pytest.mark.parametrize(
    "geo",
    [
        None,
        {"crs_wkt": "X"},
        {"crs_wkt": "X", "transform": [1, 2]},
        {"crs_wkt": "X", "transform": [1, 0, 0, 1, 0, 0]},
        {"crs_wkt": "X", "transform": [float("nan")] * 6},
        {"crs_wkt": "", "transform": [1, 0, 0, 0, 1, 0]},
        {"crs_wkt": 3, "transform": [1, 0, 0, 0, 1, 0]},
    ],
)
def test_a_georeference_that_is_none(geo):
    assert Geometry.on_map(geo) is None


def test_nothing_heavy_is_imported():
    code = (
        "import sys, napari_latentdyn.export, napari_latentdyn.cli.parser as p; p.build_parser(); "
        "heavy = {'torch', 'napari', 'qtpy', 'matplotlib', 'av', 'zarr', 'xarray', 'rasterio', "
        "'netCDF4', 'pyproj'} & set(sys.modules); sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
