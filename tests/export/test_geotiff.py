"""GeoTIFF, read back with rasterio."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import rasterio

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.errors import ExportError
from napari_latentdyn.export import export
from napari_latentdyn.export.registry import find_format


def test_frames_as_bands(geo_source, tmp_path):
    with rasterio.open(export(geo_source, tmp_path / "a.tif")) as file:
        assert file.crs.to_epsg() == 3413
        assert list(file.transform)[:6] == [100, 0, 500000, 0, -100, -1200000]
        assert file.count == 5
        np.testing.assert_array_equal(file.read(), geo_source.frames)
        assert file.descriptions == ("0 h", "3 h", "6 h", "9 h", "12 h")
        assert float(file.tags(3)["TIME"]) == 6
        assert file.tags(3)["TIME_UNIT"] == "h"
        assert np.isnan(file.nodata)


def test_a_file_for_each_time_and_stage(geo_source, tmp_path):
    folder = export(geo_source, tmp_path / "a", "geotiff-series")
    assert len(list(folder.iterdir())) == 5 + 4
    with rasterio.open(folder / "frame_002.tif") as file:
        assert file.count == 1
        np.testing.assert_array_equal(file.read(1), geo_source.frames[2])
    with rasterio.open(folder / "field_001.tif") as file:
        assert file.crs.to_epsg() == 3413
        assert file.descriptions == ("velocity_x [m per h]", "velocity_y [m per h]")
        x, y = file.read()
        np.testing.assert_allclose(x, geo_source.velocity[1, 1] * 100 / 3, rtol=1e-5)
        # Down in the image is south.
        np.testing.assert_allclose(y, -geo_source.velocity[1, 0] * 100 / 3, rtol=1e-5)
        assert float(file.tags()["TIME"]) == 4.5


def test_without_a_reference_the_image_stays_upright(source, tmp_path):
    folder = export(source, tmp_path / "a", "geotiff-series")
    with rasterio.open(folder / "frame_000.tif") as file:
        assert file.crs is None
        assert file.transform.e == pytest.approx(-0.1)
        # The first pixel lies at y = 5 downwards and x = 7.
        np.testing.assert_allclose(file.xy(0, 0), (7, -5))
    with rasterio.open(folder / "field_000.tif") as file:
        np.testing.assert_allclose(file.read(2), -source.velocity[0, 0] * 0.1 / 3, rtol=1e-5)


def test_without_a_reference_a_turned_image_stays_turned(source, tmp_path):
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
    turned = replace(source, placement=place)
    with rasterio.open(export(turned, tmp_path / "a.tif")) as file:
        for row, column in ((0, 0), (3, 5)):
            y, x = turned.world((row, column))
            np.testing.assert_allclose(file.xy(row, column), (x, -y))
    assert "no reference system" in find_format("tif")[0].note(turned)
    folder = export(turned, tmp_path / "series", "geotiff-series")
    with rasterio.open(folder / "field_000.tif") as file:
        velocity = turned.physical_velocity()[0]
        np.testing.assert_allclose(file.read(1), velocity[1], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(file.read(2), -velocity[0], rtol=1e-5, atol=1e-6)


def test_a_reference_system_needs_no_note(geo_source):
    assert find_format("tif")[0].note(geo_source) is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64, np.bool_])
def test_types_and_channels(geo_source, tmp_path, dtype):
    frames = np.stack([geo_source.frames, -geo_source.frames], axis=1) > 0
    there = replace(geo_source, frames=frames.astype(dtype))
    with rasterio.open(export(there, tmp_path / "a.tif")) as file:
        assert file.count == 10
        np.testing.assert_array_equal(file.read(4), frames[1, 1])
        assert file.descriptions[3] == "3 h, channel 1"


def test_other_folders_are_left_alone(geo_source, tmp_path):
    export(geo_source, tmp_path / "a", "geotiff-series")
    export(geo_source.at([0.0]), tmp_path / "a", "geotiff-series", overwrite=True)
    assert len(list((tmp_path / "a").glob("frame_*"))) == 1
    (tmp_path / "a" / "letter.txt").write_text("dear all")
    with pytest.raises(ExportError, match="holds other things"):
        export(geo_source, tmp_path / "a", "geotiff-series", overwrite=True)
