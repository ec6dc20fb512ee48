"""Times, places and units of what is exported."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.errors import ExportError
from napari_latentdyn.export import Source
from napari_latentdyn.export.paths import grid_tracks


def test_places_and_velocities_in_units(source):
    assert source.length_units == ("km", "km")
    assert source.time_unit == "h"
    np.testing.assert_allclose(source.moments, [0, 3, 6, 9, 12])
    np.testing.assert_allclose(source.field_moments, [1.5, 4.5, 7.5, 10.5])
    np.testing.assert_allclose(source.world([[0, 0], [2, 5]]), [[5, 7], [5.2, 8]])
    y, x = source.coordinates()
    np.testing.assert_allclose(y[[0, -1]], [5, 5 + 0.1 * 23])
    np.testing.assert_allclose(x[[0, -1]], [7, 7 + 0.2 * 35])
    # 2 px down and 3 px to the left in a stage of 3 h.
    np.testing.assert_allclose(source.physical([2, -3]), [0.2 / 3, -0.6 / 3])
    np.testing.assert_allclose(
        source.physical_velocity()[1, :, 4, 5], source.physical(source.velocity[1, :, 4, 5])
    )


def test_on_the_earth_y_points_north(geo_source):
    # The middle of the first pixel, not its corner.
    np.testing.assert_allclose(geo_source.world([0, 0]), [-1200050, 500050])
    assert geo_source.length_units == ("m", "m")
    np.testing.assert_allclose(geo_source.physical([2, -3]), [-200 / 3, -100])
    assert geo_source.upright
    assert geo_source.pixel_size == (100, 100)


def test_without_interval_and_placement(source):
    bare = replace(source, interval=None, placement=Geometry())
    assert bare.time_unit is None
    np.testing.assert_allclose(bare.moments, bare.times)
    np.testing.assert_allclose(bare.physical([2, -3]), [8, -12])
    assert bare.length_units == ("pixel", "pixel")


@given(
    angle=st.floats(-3, 3),
    scale=st.tuples(st.floats(0.1, 10), st.floats(0.1, 10)),
    place=st.tuples(st.floats(-50, 50), st.floats(-50, 50)),
)
def test_motion_in_the_world_leads_to_the_place_in_the_world(angle, scale, place):
    c, s = np.cos(angle), np.sin(angle)
    turned = Source(
        frames=np.zeros((2, 4, 5), np.float32),
        times=np.array([0.0, 1.0]),
        velocity=np.zeros((3, 2, 4, 5), np.float32),
        placement=Geometry.from_report(
            {"scale": scale, "rotate": ((c, -s), (s, c)), "translate": (1.0, 2.0)}
        ),
        interval=(6.0, "hour"),
    )
    moved = turned.world(np.add(place, (1.5, -2))) - turned.world(place)
    # Three stages in six hours.
    np.testing.assert_allclose(turned.physical([1.5, -2]) * 2, moved, atol=1e-9)
    np.testing.assert_allclose(turned.pixel_size, scale)


def test_frames_that_are_not_there_are_refused(source):
    assert source.at([0.5, 1.0]).frames.shape[0] == 2
    with pytest.raises(ExportError, match=r"no frame at 0\.3 of the interval"):
        source.at([0.3])
    with pytest.raises(ValueError, match="do not fit"):
        replace(source, times=np.zeros(3))


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
    assert Geometry.on_map({"inputs": {"first": {"geo": geo}}}) is None


def test_paths_follow_a_rotation():
    y, x = np.mgrid[:65, :65] - 32.0
    omega = np.pi / 2 / 8
    velocity = np.stack([omega * x, -omega * y])[None].repeat(8, axis=0).astype(np.float32)
    tracks = grid_tracks(velocity, np.array([32]), np.array([52]))
    angle = 2 * np.pi * tracks[:, 1] / 4
    np.testing.assert_allclose(tracks[:, 2], 32 + 20 * np.sin(angle), atol=1e-4)
    np.testing.assert_allclose(tracks[:, 3], 32 + 20 * np.cos(angle), atol=1e-4)


def test_paths_end_at_the_border():
    velocity = np.zeros((4, 2, 20, 20), np.float32)
    velocity[:, 1] = 3.0
    tracks = grid_tracks(velocity, np.array([5, 15]), np.array([2, 16]))
    ends = [tracks[tracks[:, 0] == i][-1, 1] for i in range(4)]
    assert ends == [1.0, 0.25, 1.0, 0.25]


def test_nothing_heavy_is_imported():
    code = (
        "import sys, napari_latentdyn.export, napari_latentdyn.cli.parser as p; p.build_parser(); "
        "heavy = {'torch', 'napari', 'qtpy', 'matplotlib', 'av', 'zarr', 'xarray', 'rasterio', "
        "'netCDF4', 'pyproj'} & set(sys.modules); sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
