"""netCDF, read back with xarray, netCDF4 and GDAL."""

from __future__ import annotations

import json

import netCDF4
import numpy as np
import pyproj
import pytest
import rasterio
import rioxarray  # noqa: F401  registers the accessor
import xarray as xr
from tests.export.conftest import report_of
from tests.export.helpers import changed

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.errors import ExportError
from napari_latentdyn.export import export
from napari_latentdyn.export.grid import transform, world


def test_values_axes_and_units(parts, tmp_path):
    shape = parts["frames"].shape
    confidence = np.full(shape, 0.5, np.float32)
    latents = np.ones((shape[0], 3, *shape[1:]), np.float32)
    whole = changed(parts, confidence=confidence, latents=latents)
    path = export(whole, tmp_path / "a.nc")
    with xr.open_dataset(path) as read:
        assert read.attrs["Conventions"] == "CF-1.11"
        assert read.frames.dims == ("time", "y", "x")
        np.testing.assert_array_equal(read.frames, parts["frames"])
        np.testing.assert_allclose(read.time, [0, 3, 6, 9, 12])
        assert read.time.attrs["units"] == "h"
        assert {name: read[name].attrs["axis"] for name in ("time", "y", "x")} == {
            "time": "T",
            "y": "Y",
            "x": "X",
        }
        np.testing.assert_allclose(read.y, 5 + 0.1 * np.arange(24))
        np.testing.assert_allclose(read.x, 7 + 0.2 * np.arange(36))
        assert read.x.attrs["units"] == "km"
        np.testing.assert_allclose(read.stage_time, [1.5, 4.5, 7.5, 10.5])
        np.testing.assert_allclose(read.stage_bounds[1], [3, 6])
        assert read.velocity_x.attrs["units"] == "km h-1"
        assert "standard_name" not in read.velocity_x.attrs
        np.testing.assert_allclose(read.velocity_x, parts["velocity"][:, 1] * 0.2 / 3, rtol=1e-6)
        np.testing.assert_allclose(read.velocity_y, parts["velocity"][:, 0] * 0.1 / 3, rtol=1e-6)
        assert float(read.confidence.mean()) == 0.5
        assert read.latents.dims == ("time", "latent", "y", "x")
        np.testing.assert_allclose(read.fraction, parts["times"])
        assert json.loads(read.attrs["settings"]) == parts["settings"]
        assert read.attrs["title"] == "drift"
        assert read.attrs["source"] == "napari-latentdyn 1.0"
        assert "crs_wkt" not in read.spatial_ref.attrs
    with netCDF4.Dataset(path) as file:
        assert file.data_model == "NETCDF4"
        np.testing.assert_array_equal(file["frames"][:], parts["frames"])
        assert file["frames"].filters()["zlib"]


def test_the_reference_system(geo_data, geo_parts, tmp_path):
    path = export(geo_data, tmp_path / "a.nc")
    with xr.open_dataset(path, decode_coords=False) as read:
        assert read.x.attrs["standard_name"] == "projection_x_coordinate"
        assert read.y.attrs["standard_name"] == "projection_y_coordinate"
        np.testing.assert_allclose(read.x[:2], [500050, 500150])
        np.testing.assert_allclose(read.y[:2], [-1200050, -1200150])
        assert read.frames.attrs["grid_mapping"] == "spatial_ref"
        assert read.velocity_x.attrs["grid_mapping"] == "spatial_ref"
        assert read.spatial_ref.attrs["grid_mapping_name"] == "polar_stereographic"
        assert pyproj.CRS.from_wkt(read.spatial_ref.attrs["crs_wkt"]).to_epsg() == 3413
        # Down in the image is south.
        np.testing.assert_allclose(
            read.velocity_y, -geo_parts["velocity"][:, 0] * 100 / 3, rtol=1e-6
        )
    # QGIS opens it in this way.
    if "netCDF" in rasterio.drivers.raster_driver_extensions().values():
        with rasterio.open(f"netcdf:{path}:frames") as band:
            assert band.crs.to_epsg() == 3413
            assert band.transform.almost_equals(rasterio.Affine(*transform(geo_data)))
            np.testing.assert_array_equal(band.read(3), geo_parts["frames"][2])


def test_a_turned_image_lies_where_it_is(geo_parts, tmp_path):
    if "netCDF" not in rasterio.drivers.raster_driver_extensions().values():
        pytest.skip("This rasterio was built without netCDF.")
    angle = np.deg2rad(30)
    a, b = 40 * np.cos(angle), 40 * np.sin(angle)
    geo = {**geo_parts["report"].inputs[0].geo, "transform": [a, b, 500000.0, b, -a, -1200000.0]}
    report = report_of({"name": "a.tif", "geo": geo}, {"name": "b.tif"})
    turned = changed(geo_parts, report=report)
    path = export(turned, tmp_path / "turned.nc")
    with rasterio.open(f"netcdf:{path}:frames") as file:
        assert file.crs == rasterio.crs.CRS.from_epsg(3413)
        np.testing.assert_allclose(file.transform[:6], geo["transform"])
        np.testing.assert_array_equal(file.read(2), turned.frames[1])
    with xr.open_dataset(path) as read:
        assert read.world_x.attrs["standard_name"] == "projection_x_coordinate"
        place = world(turned, (3, 5))
        np.testing.assert_allclose((read.world_y[3, 5], read.world_x[3, 5]), place)
        assert "x" not in read.coords
        assert read.velocity_x.attrs["long_name"] == "velocity along increasing world_x"


def test_geographic_coordinates(geo_parts, tmp_path):
    geo = {
        "crs_wkt": rasterio.crs.CRS.from_epsg(4326).to_wkt(),
        "transform": [0.1, 0, 10, 0, -0.1, 60],
        "units": "degree",
    }
    there = changed(geo_parts, report=report_of({"geo": geo}))
    with xr.open_dataset(export(there, tmp_path / "a.nc")) as read:
        assert read.y.attrs["standard_name"] == "latitude"
        assert read.x.attrs["units"] == "degrees_east"
        np.testing.assert_allclose(read.y[0], 59.95)


def test_sea_ice_only_where_the_user_says_so(data, parts, tmp_path):
    with xr.open_dataset(export(data, tmp_path / "a.nc", sea_ice=True)) as read:
        assert read.velocity_x.attrs["standard_name"] == "sea_ice_x_velocity"
        assert read.velocity_y.attrs["standard_name"] == "sea_ice_y_velocity"
    for bare in (changed(parts, interval=None), changed(parts, placement=Geometry())):
        with pytest.raises(ExportError, match="length per time"):
            export(bare, tmp_path / "b.nc", sea_ice=True)
    assert not (tmp_path / "b.nc").exists()


def test_dates(data, parts, tmp_path):
    with xr.open_dataset(export(data, tmp_path / "a.nc", start="2021-03-01T08:30")) as read:
        assert read.time.values[-1] == np.datetime64("2021-03-01T20:30")
        assert read.stage_time.values[0] == np.datetime64("2021-03-01T10:00")
        assert read.time.attrs["standard_name"] == "time"
    with pytest.raises(ExportError, match="must be a date and time"):
        export(data, tmp_path / "b.nc", start="March")
    with pytest.raises(ExportError, match="needs the time between the images"):
        export(changed(parts, interval=None), tmp_path / "b.nc", start="2021-03-01")


def test_channels_and_rotation(parts, tmp_path):
    c, s = np.cos(0.3), np.sin(0.3)
    turned = Geometry(((2 * c, -3 * s, 0), (2 * s, 3 * c, 0), (0, 0, 1)), ("m", "m"))
    frames = np.stack([parts["frames"], parts["frames"] + 1], axis=1)
    with xr.open_dataset(
        export(changed(parts, frames=frames, placement=turned), tmp_path / "a.nc")
    ) as read:
        assert read.frames.dims == ("time", "channel", "y", "x")
        np.testing.assert_allclose(read.y[:2], [0, 2])
        np.testing.assert_allclose(read.world_y[1, 1], 2 * c - 3 * s)
        np.testing.assert_allclose(read.world_x[1, 1], 2 * s + 3 * c)


def test_without_interval_velocities_are_per_interval(parts, tmp_path):
    bare = changed(parts, interval=None)
    with xr.open_dataset(export(bare, tmp_path / "a.nc")) as read:
        assert read.velocity_x.attrs["units"] == "km"
        assert "per interval" in read.velocity_x.attrs["long_name"]
        np.testing.assert_allclose(read.velocity_x, parts["velocity"][:, 1] * 0.2 * 4, rtol=1e-6)
        np.testing.assert_allclose(read.time, parts["times"])


@pytest.mark.parametrize("form", ["netcdf", "geotiff"])
def test_reference_systems_that_cannot_be_read(geo_parts, tmp_path, form):
    geo = geo_parts["report"].inputs[0].geo
    wkt = rasterio.crs.CRS.from_epsg(32633).to_wkt()
    # pyproj reads the second, and cannot say it in CF.
    for broken in ("LOCAL", wkt.replace("latitude_of_origin", "x").replace("Latitude of", "x")):
        report = report_of({"geo": geo | {"crs_wkt": broken}})
        there = changed(geo_parts, report=report)
        if form == "netcdf" or broken == "LOCAL":
            with pytest.raises(ExportError, match="reference system"):
                export(there, tmp_path / "a", form)
    assert not list(tmp_path.iterdir())


def test_tracers_in_units(parts, tmp_path):
    tracers = np.array([[4, 0.0, 2.5, 3.0], [4, 0.5, 4.5, 0.0], [7, 1.0, 0.0, 0.0]])
    with xr.open_dataset(export(changed(parts, tracers=tracers), tmp_path / "a.nc")) as read:
        np.testing.assert_array_equal(read.tracer_id, [4, 4, 7])
        np.testing.assert_allclose(read.tracer_time, [0, 6, 12])
        np.testing.assert_allclose(read.tracer_y, [5.25, 5.45, 5.0])
        np.testing.assert_allclose(read.tracer_x, [7.6, 7.0, 7.0])
        assert read.tracer_x.attrs["units"] == "km"


def test_rioxarray_reads_the_reference_system(geo_data, tmp_path):
    path = export(geo_data, tmp_path / "a.nc")
    with xr.open_dataset(path, decode_coords="all") as read:
        assert read.rio.crs.to_epsg() == 3413
        assert read.rio.transform() == rasterio.Affine(*transform(geo_data))
        np.testing.assert_array_equal(read.frames, geo_data.frames)


def test_colours_are_named(parts, tmp_path):
    frames = np.stack([parts["frames"]] * 3, axis=1)
    report = report_of({"rgb": True})
    path = export(changed(parts, frames=frames, report=report), tmp_path / "a.nc")
    with xr.open_dataset(path) as read:
        assert read.channel.values.tolist() == ["red", "green", "blue"]


def test_what_was_written_can_be_exported_again(data, tmp_path):
    with xr.open_dataset(export(data, tmp_path / "a.nc")) as read:
        with rasterio.open(export(read, tmp_path / "a.tif")) as file:
            np.testing.assert_array_equal(file.read(), data.frames)
        one, other = (
            export(given, tmp_path / name) for given, name in ((data, "a.csv"), (read, "b.csv"))
        )
        assert one.read_bytes() == other.read_bytes()
