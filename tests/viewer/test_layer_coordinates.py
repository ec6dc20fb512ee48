"""Layers that napari opened from GeoTIFFs keep their place on the Earth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.layers import Image
from napari.layers._source import layer_source

from napari_latentdyn.core.dynamics.motion import Motion
from napari_latentdyn.core.geometry.crs import same_place
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.runfolder.schema import RunReport
from napari_latentdyn.viewer.layer_geometry import coordinates_of_layer, missing_of_layer
from napari_latentdyn.viewer.layers import snapshot

rasterio = pytest.importorskip("rasterio")
TRANSFORM = (40.0, 0.0, 5e5, 0.0, -20.0, -1.2e6)


def geotiff(path: Path, bands: int = 1) -> Path:
    shape = {"height": 12, "width": 18, "count": bands, "dtype": "uint8", "interleave": "band"}
    place = {"crs": "EPSG:3413", "transform": rasterio.Affine(*TRANSFORM)}
    with rasterio.open(path, "w", driver="GTiff", **shape, **place) as file:
        file.write(np.full((bands, 12, 18), 7, np.uint8))
    return path


def opened(path: Path) -> Image:
    """A layer as napari makes it of a file."""
    with layer_source(path=str(path)):
        return Image(tifffile.imread(path))


@pytest.mark.parametrize("bands", [1, 5])
def test_of_a_file_that_was_opened(tmp_path, bands):
    layer = opened(geotiff(tmp_path / "a.tif", bands))
    geo = coordinates_of_layer(layer)
    assert geo is not None
    assert geo.map_transform == TRANSFORM
    assert rasterio.crs.CRS.from_wkt(geo.crs).to_epsg() == 3413
    assert geo.units == ("metre", "metre")
    assert snapshot(layer).coordinates == geo


def test_of_what_is_no_longer_the_file(tmp_path):
    layer = opened(geotiff(tmp_path / "a.tif"))
    layer.data = layer.data[2:]
    assert coordinates_of_layer(layer) is None
    gone = opened(geotiff(tmp_path / "b.tif"))
    (tmp_path / "b.tif").unlink()
    assert coordinates_of_layer(gone) is None


def test_of_layers_without_a_place(tmp_path):
    assert coordinates_of_layer(Image(np.zeros((3, 4)))) is None
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, 4), np.uint8))
    assert coordinates_of_layer(opened(tmp_path / "a.tif")) is None


def test_a_mask_and_the_value_of_missing_pixels_both_count(tmp_path):
    path, data = geotiff(tmp_path / "a.tif"), np.full((12, 18), 7, np.uint8)
    data[:2] = 0
    hidden = np.zeros((12, 18), bool)
    hidden[:, 5] = True
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as file:
        file.nodata = 0
        file.write(data, 1)
        file.write_mask(~hidden)
    np.testing.assert_array_equal(missing_of_layer(opened(path)), hidden | (data == 0))


def test_files_of_different_places_are_told_apart(tmp_path):
    geo = coordinates_of_layer(opened(geotiff(tmp_path / "a.tif")))
    assert geo is not None
    moved = Geometry.from_map((40.0, 0.0, 5e5 + 1.0, 0.0, -20.0, -1.2e6), geo.crs, "metre")
    assert same_place(geo, replace(geo))
    assert not same_place(geo, moved)
    assert not same_place(geo, replace(geo, crs="another"))


@pytest.mark.parametrize(
    ("placement", "size", "units"),
    [
        (Geometry(), (20.0, 40.0), ("meter", "meter")),
        (Geometry.from_pixel_size(3.0, "km"), (3.0, 3.0), ("km", "km")),
    ],
)
def test_velocities_have_units_of_the_file_unless_the_layer_has_its_own(
    tmp_path, placement, size, units
):
    geo = coordinates_of_layer(opened(geotiff(tmp_path / "a.tif")))
    report = {
        "inputs": [{"geo": geo.to_report()}],
        "interval": {"value": 6.0, "unit": "hour"},
        "placement": placement.to_report(),
    }
    velocity = np.zeros((2, 2, 12, 18), np.float32)
    motion = Motion(velocity, RunReport.model_validate(report))
    assert motion.geometry.pixel_size == size
    assert motion.geometry.units == units
    assert (motion.duration, motion.time_unit) == (6.0, "hour")


def test_nodata_of_a_file_that_napari_opened(tmp_path):
    data = np.arange(12 * 18, dtype=np.int16).reshape(1, 12, 18)
    shape = {"height": 12, "width": 18, "count": 1, "dtype": "int16", "nodata": 7}
    place = {"crs": "EPSG:3413", "transform": rasterio.Affine(*TRANSFORM)}
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", **shape, **place) as file:
        file.write(data)
    taken = snapshot(opened(tmp_path / "a.tif"))
    np.testing.assert_array_equal(taken.missing, data[0] == 7)
    assert np.isnan(taken.known).sum() == 1
    assert snapshot(opened(geotiff(tmp_path / "b.tif"))).missing is None
