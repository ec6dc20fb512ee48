"""netCDF, read back with xarray, netCDF4 and GDAL."""

from __future__ import annotations

from dataclasses import replace

import netCDF4
import numpy as np
import pytest
import rasterio
import xarray as xr

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.errors import ExportError
from napari_latentdyn.export import export


def test_values_axes_and_units(source, tmp_path):
    source = replace(source, confidence=np.full(source.frames.shape, 0.5, np.float32))
    path = export(source, tmp_path / "a.nc")
    with xr.open_dataset(path) as data:
        assert data.attrs["Conventions"] == "CF-1.11"
        assert data.frames.dims == ("time", "y", "x")
        np.testing.assert_array_equal(data.frames, source.frames)
        np.testing.assert_allclose(data.time, [0, 3, 6, 9, 12])
        assert data.time.attrs["units"] == "h"
        assert {name: data[name].attrs["axis"] for name in ("time", "y", "x")} == {
            "time": "T",
            "y": "Y",
            "x": "X",
        }
        np.testing.assert_allclose(data.y, 5 + 0.1 * np.arange(24))
        np.testing.assert_allclose(data.x, 7 + 0.2 * np.arange(36))
        assert data.x.attrs["units"] == "km"
        np.testing.assert_allclose(data.stage_time, [1.5, 4.5, 7.5, 10.5])
        np.testing.assert_allclose(data.stage_bounds[1], [3, 6])
        assert data.velocity_x.attrs["units"] == "km h-1"
        assert "standard_name" not in data.velocity_x.attrs
        np.testing.assert_allclose(data.velocity_x, source.velocity[:, 1] * 0.2 / 3, rtol=1e-6)
        np.testing.assert_allclose(data.velocity_y, source.velocity[:, 0] * 0.1 / 3, rtol=1e-6)
        assert float(data.confidence.mean()) == 0.5
        assert "crs" not in data
    with netCDF4.Dataset(path) as file:
        assert file.data_model == "NETCDF4"
        np.testing.assert_array_equal(file["frames"][:], source.frames)
        assert file["frames"].filters()["zlib"]


def test_the_reference_system(geo_source, tmp_path):
    import pyproj
    import rasterio

    path = export(geo_source, tmp_path / "a.nc")
    with xr.open_dataset(path, decode_coords=False) as data:
        assert data.x.attrs["standard_name"] == "projection_x_coordinate"
        assert data.y.attrs["standard_name"] == "projection_y_coordinate"
        np.testing.assert_allclose(data.x[:2], [500050, 500150])
        np.testing.assert_allclose(data.y[:2], [-1200050, -1200150])
        assert data.frames.attrs["grid_mapping"] == "crs"
        assert data.velocity_x.attrs["grid_mapping"] == "crs"
        assert data.crs.attrs["grid_mapping_name"] == "polar_stereographic"
        assert pyproj.CRS.from_wkt(data.crs.attrs["crs_wkt"]).to_epsg() == 3413
        # Down in the image is south.
        np.testing.assert_allclose(data.velocity_y, -geo_source.velocity[:, 0] * 100 / 3, rtol=1e-6)
    # QGIS opens it in this way.
    if "netCDF" in rasterio.drivers.raster_driver_extensions().values():
        with rasterio.open(f"netcdf:{path}:frames") as band:
            assert band.crs.to_epsg() == 3413
            assert band.transform.almost_equals(rasterio.Affine(*geo_source.geo.map_transform))
            np.testing.assert_array_equal(band.read(3), geo_source.frames[2])


def test_a_turned_image_lies_where_it_is(geo_source, tmp_path):
    rasterio = pytest.importorskip("rasterio")
    if "netCDF" not in rasterio.drivers.raster_driver_extensions().values():
        pytest.skip("This rasterio was built without netCDF.")
    angle = np.deg2rad(30)
    a, b = 40 * np.cos(angle), 40 * np.sin(angle)
    inputs = geo_source.report["inputs"]
    geo = {**inputs["first"]["geo"], "transform": [a, b, 500000.0, b, -a, -1200000.0]}
    report = {**geo_source.report, "inputs": {**inputs, "first": {"name": "a.tif", "geo": geo}}}
    turned = replace(geo_source, report=report)
    path = export(turned, tmp_path / "turned.nc")
    with rasterio.open(f"netcdf:{path}:frames") as file:
        assert file.crs == rasterio.crs.CRS.from_epsg(3413)
        np.testing.assert_allclose(file.transform[:6], geo["transform"])
        np.testing.assert_array_equal(file.read(2), turned.frames[1])
    with xr.open_dataset(path) as data:
        assert data.world_x.attrs["standard_name"] == "projection_x_coordinate"
        place = turned.world((3, 5))
        np.testing.assert_allclose((data.world_y[3, 5], data.world_x[3, 5]), place)
        assert "x" not in data.coords
        assert data.velocity_x.attrs["long_name"] == "velocity along increasing world_x"


def test_geographic_coordinates(geo_source, tmp_path):
    import rasterio

    geo = {
        "crs_wkt": rasterio.crs.CRS.from_epsg(4326).to_wkt(),
        "transform": [0.1, 0, 10, 0, -0.1, 60],
        "units": "degree",
    }
    there = replace(geo_source, report={"inputs": {"first": {"geo": geo}}})
    with xr.open_dataset(export(there, tmp_path / "a.nc")) as data:
        assert data.y.attrs["standard_name"] == "latitude"
        assert data.x.attrs["units"] == "degrees_east"
        np.testing.assert_allclose(data.y[0], 59.95)


def test_sea_ice_only_where_the_user_says_so(source, tmp_path):
    with xr.open_dataset(export(source, tmp_path / "a.nc", sea_ice=True)) as data:
        assert data.velocity_x.attrs["standard_name"] == "sea_ice_x_velocity"
        assert data.velocity_y.attrs["standard_name"] == "sea_ice_y_velocity"
    for bare in (replace(source, interval=None), replace(source, placement=Geometry())):
        with pytest.raises(ExportError, match="length per time"):
            export(bare, tmp_path / "b.nc", sea_ice=True)
    assert not (tmp_path / "b.nc").exists()


def test_dates(source, tmp_path):
    with xr.open_dataset(export(source, tmp_path / "a.nc", start="2021-03-01T08:30")) as data:
        assert data.time.values[-1] == np.datetime64("2021-03-01T20:30")
        assert data.stage_time.values[0] == np.datetime64("2021-03-01T10:00")
        assert data.time.attrs["standard_name"] == "time"
    with pytest.raises(ExportError, match="is no date"):
        export(source, tmp_path / "b.nc", start="March")
    with pytest.raises(ExportError, match="needs the time between the images"):
        export(replace(source, interval=None), tmp_path / "b.nc", start="2021-03-01")


def test_channels_and_rotation(source, tmp_path):
    c, s = np.cos(0.3), np.sin(0.3)
    turned = Geometry.from_report(
        {"scale": (2.0, 3.0), "rotate": ((c, -s), (s, c)), "units": ("m", "m")}
    )
    frames = np.stack([source.frames, source.frames + 1], axis=1)
    with xr.open_dataset(
        export(replace(source, frames=frames, placement=turned), tmp_path / "a.nc")
    ) as data:
        assert data.frames.dims == ("time", "channel", "y", "x")
        np.testing.assert_allclose(data.y[:2], [0, 2])
        np.testing.assert_allclose(data.world_y[1, 1], 2 * c - 3 * s)
        np.testing.assert_allclose(data.world_x[1, 1], 2 * s + 3 * c)


def test_without_interval_velocities_are_per_interval(source, tmp_path):
    bare = replace(source, interval=None)
    with xr.open_dataset(export(bare, tmp_path / "a.nc")) as data:
        assert data.velocity_x.attrs["units"] == "km"
        assert "per interval" in data.velocity_x.attrs["long_name"]
        np.testing.assert_allclose(data.velocity_x, source.velocity[:, 1] * 0.2 * 4, rtol=1e-6)
        np.testing.assert_allclose(data.time, source.times)


@pytest.mark.parametrize("form", ["netcdf", "geotiff"])
def test_reference_systems_that_cannot_be_read(geo_source, tmp_path, form):
    geo = geo_source.report["inputs"]["first"]["geo"]
    wkt = rasterio.crs.CRS.from_epsg(32633).to_wkt()
    # pyproj reads the second, and cannot say it in CF.
    for broken in ("LOCAL", wkt.replace("latitude_of_origin", "x").replace("Latitude of", "x")):
        report = {"inputs": {"first": {"geo": geo | {"crs_wkt": broken}}}}
        there = replace(geo_source, report=report)
        if form == "netcdf" or broken == "LOCAL":
            with pytest.raises(ExportError, match="reference system"):
                export(there, tmp_path / "a", form)
    assert not list(tmp_path.iterdir())
