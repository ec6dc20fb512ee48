"""GeoTIFF, read back with rasterio and rioxarray."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import rioxarray
from tests.export.conftest import report_of
from tests.export.helpers import changed

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.errors import ExportError
from napari_latentdyn.export import export, find_format
from napari_latentdyn.export.grid import world


def test_frames_as_bands(geo_data, tmp_path):
    with rasterio.open(export(geo_data, tmp_path / "a.tif")) as file:
        assert file.crs.to_epsg() == 3413
        assert list(file.transform)[:6] == [100, 0, 500000, 0, -100, -1200000]
        assert file.count == 5
        np.testing.assert_array_equal(file.read(), geo_data.frames)
        assert file.descriptions == ("0 h", "3 h", "6 h", "9 h", "12 h")
        assert file.tags()["TIME_UNIT"] == "h"
        assert np.isnan(file.nodata)


def test_rioxarray_finds_the_same_places(geo_data, tmp_path):
    with rioxarray.open_rasterio(export(geo_data, tmp_path / "a.tif")) as raster:
        np.testing.assert_allclose(raster.x, geo_data.x)
        np.testing.assert_allclose(raster.y, geo_data.y)
    # And in the dataset itself.
    assert geo_data.rio.crs.to_epsg() == 3413
    assert geo_data.rio.transform() == rasterio.Affine(100, 0, 500000, 0, -100, -1200000)


def test_velocities_as_bands(geo_data, geo_parts, tmp_path):
    moved = geo_parts["velocity"]
    with rasterio.open(export(geo_data, tmp_path / "a.tif", velocity=True)) as file:
        assert file.crs.to_epsg() == 3413
        assert file.count == 2 * 4
        assert file.descriptions[2:4] == (
            "velocity_x at 4.5 h [m per h]",
            "velocity_y at 4.5 h [m per h]",
        )
        x, y = file.read((3, 4))
        np.testing.assert_allclose(x, moved[1, 1] * 100 / 3, rtol=1e-5)
        # Down in the image is south.
        np.testing.assert_allclose(y, -moved[1, 0] * 100 / 3, rtol=1e-5)


def test_without_a_reference_the_image_stays_upright(data, parts, tmp_path):
    with rasterio.open(export(data, tmp_path / "a.tif")) as file:
        assert file.crs is None
        assert file.transform.e == pytest.approx(-0.1)
        # The first pixel lies at y = 5 downwards and x = 7.
        np.testing.assert_allclose(file.xy(0, 0), (7, -5))
    with rasterio.open(export(data, tmp_path / "b.tif", velocity=True)) as file:
        np.testing.assert_allclose(file.read(2), -parts["velocity"][0, 0] * 0.1 / 3, rtol=1e-5)


def test_without_a_reference_a_turned_image_stays_turned(parts, tmp_path):
    angle = np.deg2rad(20)
    turn = ((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle)))
    place = Geometry.from_report(
        {
            "scale": (0.1, 0.2),
            "rotate": turn,
            "shear": ((1.0, 0.3), (0.0, 1.0)),
            "translate": (5.0, 7.0),
        }
    )
    turned = changed(parts, placement=place)
    with rasterio.open(export(turned, tmp_path / "a.tif")) as file:
        for row, column in ((0, 0), (3, 5)):
            y, x = world(turned, (row, column))
            np.testing.assert_allclose(file.xy(row, column), (x, -y))
    assert "no reference system" in find_format("tif")[0].note(turned)
    with rasterio.open(export(turned, tmp_path / "b.tif", velocity=True)) as file:
        np.testing.assert_allclose(file.read(1), turned.velocity_x[0])
        np.testing.assert_allclose(file.read(2), -turned.velocity_y[0])


def test_a_turned_image_on_the_earth(geo_parts, tmp_path):
    angle = np.deg2rad(30)
    a, b = 40 * np.cos(angle), 40 * np.sin(angle)
    geo = {**geo_parts["report"].inputs[0].geo}
    geo["transform"] = [a, b, 500000.0, b, -a, -1200000.0]
    turned = changed(geo_parts, report=report_of({"geo": geo}))
    with rasterio.open(export(turned, tmp_path / "a.tif")) as file:
        assert file.crs.to_epsg() == 3413
        np.testing.assert_allclose(file.transform[:6], geo["transform"])


def test_a_reference_system_needs_no_note(geo_data):
    assert find_format("tif")[0].note(geo_data) is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64, np.bool_])
def test_types_and_channels(geo_parts, tmp_path, dtype):
    frames = np.stack([geo_parts["frames"], -geo_parts["frames"]], axis=1) > 0
    there = changed(geo_parts, frames=frames.astype(dtype))
    with rasterio.open(export(there, tmp_path / "a.tif")) as file:
        assert file.count == 10
        np.testing.assert_array_equal(file.read(4), frames[1, 1])
        assert file.descriptions[3] == "3 h, channel 1"
        assert (file.nodata is None) == (dtype is not np.float64)


def test_without_velocities(parts, tmp_path):
    with pytest.raises(ExportError, match="lacks velocities"):
        export(changed(parts, velocity=None), tmp_path / "a.tif", velocity=True)
    assert not list(tmp_path.iterdir())
