"""Images that the plugin opens in napari: values, scale, units, missing pixels, times."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import tifffile
import xarray

from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.image_reader import get_image_reader
from napari_latentdyn.viewer.snapshot import snapshot
from napari_latentdyn.widgets.facts import pair_problem
from napari_latentdyn.widgets.job import Job

PLUGIN = "napari-latentdyn"
DATA = np.random.default_rng(1).integers(1, 200, (20, 30)).astype(np.uint8)
GAP = DATA < 20


def geotiff(path, bands, **options):
    place = {"crs": "EPSG:3413", "transform": rasterio.Affine(40, 0, 5e5, 0, -50, 8e6)}
    layout = {"count": len(bands), "height": 20, "width": 30, "dtype": bands.dtype}
    with rasterio.open(path, "w", driver="GTiff", **place, **layout, **options) as file:
        file.write(bands)
    return str(path)


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


def test_a_geotiff(viewer, tmp_path):
    path = geotiff(tmp_path / "ice.tif", np.where(GAP, 0, DATA)[None], nodata=0)
    (layer,) = viewer.open(path, plugin=PLUGIN)
    assert layer.name == "ice"
    np.testing.assert_array_equal(np.isnan(layer.data), GAP)
    np.testing.assert_array_equal(layer.data[~GAP], DATA[~GAP])
    np.testing.assert_array_equal(layer.scale, (50, 40))
    assert [str(unit) for unit in layer.units] == ["meter", "meter"]
    assert layer.axis_labels == ("y", "x")
    assert snapshot(layer).coordinates.map_transform == (40, 0, 5e5, 0, -50, 8e6)


def test_colours_with_missing_pixels(viewer, tmp_path):
    bands = np.where(GAP, 0, np.stack([DATA, DATA, DATA])).astype(np.uint8)
    path = geotiff(tmp_path / "a.tif", bands, nodata=0, photometric="RGB")
    (layer,) = viewer.open(path, plugin=PLUGIN)
    assert layer.rgb
    np.testing.assert_array_equal(layer.data[..., 3] == 0, GAP)
    taken = snapshot(layer)
    np.testing.assert_array_equal(taken.missing, GAP)
    assert taken.array.shape == (20, 30, 3)


def test_netcdf_with_times(viewer, tmp_path):
    values = np.where(GAP, np.nan, DATA / 10)[None].repeat(3, 0)
    times = np.datetime64("2024-05-01T00:00", "ns") + np.arange(3) * np.timedelta64(6, "h")
    coords = {"time": times}
    for axis, size in (("y", 20), ("x", 30)):
        coords[axis] = (axis, np.arange(size) * 2.0, {"units": "km"})
    names = {"speed": (("time", "y", "x"), values), "depth": (("y", "x"), DATA)}
    packed = {"speed": {"dtype": "i2", "scale_factor": 0.1, "_FillValue": -1}}
    xarray.Dataset(names, coords).to_netcdf(tmp_path / "a.nc", encoding=packed)
    speed, depth = viewer.open(str(tmp_path / "a.nc"), plugin=None)
    assert (speed.name, depth.name) == ("speed", "depth")
    np.testing.assert_allclose(speed.data, values, equal_nan=True)
    np.testing.assert_allclose(speed.scale, (6 * 3600, 2, 2))
    assert [str(unit) for unit in speed.units] == ["second", "kilometer", "kilometer"]
    assert speed.axis_labels == ("time", "y", "x")


def test_netcdf_on_the_earth(viewer, tmp_path):
    pyproj = pytest.importorskip("pyproj")
    coords = {"y": ("y", 8e6 - 25.0 - 50.0 * np.arange(20), {"units": "m"})}
    coords["x"] = ("x", 5e5 + 20.0 + 40.0 * np.arange(30), {"units": "m"})
    data = xarray.Dataset({"ice": (("y", "x"), DATA)}, coords)
    data["crs"] = ((), 0, pyproj.CRS.from_epsg(3413).to_cf())
    data["ice"].attrs["grid_mapping"] = "crs"
    data.to_netcdf(tmp_path / "a.nc")
    from napari_latentdyn.core.observations.images import read_image

    geo = read_image(f"{tmp_path / 'a.nc'}:ice").coordinates
    np.testing.assert_allclose(geo.map_transform, [40, 0, 5e5, 0, -50, 8e6])
    assert pyproj.CRS.from_wkt(geo.crs).to_epsg() == 3413
    (layer,) = viewer.open(str(tmp_path / "a.nc"), plugin=PLUGIN)
    image = snapshot(layer)
    assert image.coordinates == geo
    # The report of a run on this layer says where it lies.
    inputs = Job((image, image), Settings()).sources()
    assert inputs[0]["geo"] == geo.to_report()
    layer.data = layer.data[2:]
    assert snapshot(layer).coordinates is None


def test_channels_and_times_of_a_tiff(viewer, tmp_path):
    data = np.arange(3 * 2)[:, None, None].reshape(3, 2, 1, 1) + DATA.astype(np.uint16)
    metadata = {"axes": "TCYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    metadata |= {"TimeIncrement": 2.0, "TimeIncrementUnit": "min"}
    tifffile.imwrite(tmp_path / "a.ome.tif", data.astype(np.uint16), ome=True, metadata=metadata)
    (layer,) = viewer.open(str(tmp_path / "a.ome.tif"), plugin=PLUGIN)
    np.testing.assert_array_equal(layer.data, data)
    np.testing.assert_allclose(layer.scale, (2, 1, 0.5, 0.5))
    units = [str(unit) for unit in layer.units]
    assert units == ["minute", "pixel", "micrometer", "micrometer"]
    assert layer.axis_labels == ("time", "channel", "y", "x")


def test_what_it_does_not_read(tmp_path):
    assert get_image_reader(str(tmp_path)) is None
    assert get_image_reader(str(tmp_path / "none.tif")) is None
    (tmp_path / "a.txt").write_text("no image")
    assert get_image_reader(str(tmp_path / "a.txt")) is None
    assert get_image_reader([]) is None


def test_netcdf_files_of_opposite_rows_are_no_pair(viewer, tmp_path):
    rows, columns = np.arange(20.0), np.arange(30.0)
    for name, y in (("a", rows), ("b", rows[::-1])):
        data = xarray.Dataset({name: (("y", "x"), DATA)}, {"y": y, "x": columns})
        data.y.attrs["units"] = data.x.attrs["units"] = "m"
        data["y_bnds"] = ("y", "n"), np.stack([y - 0.5, y + 0.5], -1)
        data.y.attrs["bounds"] = "y_bnds"
        data.to_netcdf(tmp_path / f"{name}.nc")
        viewer.open(str(tmp_path / f"{name}.nc"), plugin=PLUGIN)
    a, b = viewer.layers
    assert "is flipped on the map" in pair_problem(a, b, Settings())
