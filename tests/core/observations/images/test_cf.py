"""NetCDF files and DataArrays whose attributes say how to read them."""

from __future__ import annotations

from dataclasses import replace

import netCDF4
import numpy as np
import pytest
import xarray

from napari_latentdyn import fit_pair
from napari_latentdyn.core.geometry.checks import Described, check_grids, place_oddities
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.observations.images import parse_source, read_image
from napari_latentdyn.core.observations.images.arrays import plain_array
from napari_latentdyn.core.observations.images.files import load, variables_of
from napari_latentdyn.errors import ImageFileError, ObservationError

BASE = np.random.default_rng(0).uniform(0.1, 0.9, (40, 50))
HOLE = BASE < 0.2
DEGREES = ("degrees_north", "degrees_east")
DOWN, RIGHT = np.arange(40) * 10.0, np.arange(50) * 10.0


def cf(data, y=DOWN, x=RIGHT, units=("m", "m"), dims=("y", "x"), **attributes):
    """Return an image with coordinates."""
    coords = {
        dim: (dim, values, {"units": unit})
        for dim, values, unit in zip(dims, (y, x), units, strict=True)
    }
    return xarray.DataArray(data, coords, dims, name="v", attrs=attributes)


def written(path, array, **encoding):
    """Write a netCDF file without a fill value, unless one is given."""
    array.to_dataset(name="v").to_netcdf(path, encoding={"v": {"_FillValue": None, **encoding}})
    return str(path)


@pytest.mark.parametrize(
    ("attributes", "bad"),
    [
        ({"valid_range": np.array([0, 1], "f4")}, 99),
        ({"valid_max": np.float64(0.9)}, 99),
        ({"valid_min": np.float32(0)}, -1),
        ({"valid_min": 0.0, "valid_max": 1.0}, np.inf),
    ],
)
def test_values_out_of_the_valid_range_are_missing(tmp_path, attributes, bad):
    array = cf(np.where(HOLE, bad, BASE).astype(np.float32), **attributes)
    for values in (read_image(written(tmp_path / "a.nc", array)).array, plain_array(array).values):
        np.testing.assert_array_equal(np.isnan(values), HOLE)
        np.testing.assert_array_equal(values[~HOLE], BASE.astype(np.float32)[~HOLE])


@pytest.mark.parametrize(
    "limits",
    [
        {"valid_range": np.array([0, 1000], "i2")},
        # Of a wider type than the stored values: in the units of the values themselves.
        {"valid_range": np.array([-20.0, 0.0], "f8")},
    ],
)
def test_the_valid_range_of_packed_values(tmp_path, limits):
    stored = np.where(HOLE, -30000, np.round(1000 * BASE)).astype("i2")
    stored[0, :2] = 0, 1000
    array = cf(stored, scale_factor=-0.02, add_offset=0.0, **limits)
    missing = stored < 0
    for values in (read_image(written(tmp_path / "a.nc", array)).array, plain_array(array).values):
        np.testing.assert_array_equal(np.isnan(values), missing)
        np.testing.assert_allclose(values[~missing], -0.02 * stored[~missing], rtol=1e-6)


@pytest.mark.parametrize("kind", ["f4", "f8", "i2", "u2", "i4", "i8"])
def test_the_fill_value_of_netcdf_is_missing(tmp_path, kind):
    data = np.where(HOLE, 0, np.round(1000 * BASE)).astype(kind)
    data[HOLE] = netCDF4.default_fillvals[kind]
    image = read_image(written(tmp_path / "a.nc", cf(data)))
    np.testing.assert_array_equal(np.isnan(image.array), HOLE)
    np.testing.assert_array_equal(image.array[~HOLE], data[~HOLE])
    assert bool(image.notes) == (kind[0] != "f")


def test_integers_without_missing_values_stay_integers(tmp_path):
    data = np.round(1000 * BASE).astype("i8") + 2**60
    image = read_image(written(tmp_path / "a.nc", cf(data, valid_min=np.int64(0))))
    np.testing.assert_array_equal(image.array, data)
    assert image.array.dtype.kind == "i"


def test_edges_of_cells_are_no_images(tmp_path):
    data = cf(BASE).to_dataset()
    data["y_bnds"] = ("y", "n"), np.stack([DOWN - 5, DOWN + 5], -1)
    data["y"].attrs["bounds"] = "y_bnds"
    data.to_netcdf(tmp_path / "a.nc")
    np.testing.assert_array_equal(read_image(str(tmp_path / "a.nc")).array, BASE)
    assert variables_of(tmp_path / "a.nc") == ["v"]


@pytest.mark.parametrize(
    ("units", "calendar", "step", "unit"),
    [
        ("months since 2000-01-01", "standard", 1, "months"),
        ("days since 2000-01-30", "360_day", 86400, "s"),
        ("hours since 2000-01-01", "standard", 3600, "s"),
    ],
)
def test_times_of_any_calendar(tmp_path, units, calendar, step, unit):
    data = xarray.DataArray(
        np.stack([BASE, BASE + 1, BASE + 2]),
        {"time": ("time", [0.0, 1.0, 2.0], {"units": units, "calendar": calendar})},
        ("time", "y", "x"),
    )
    stack = load(parse_source(written(tmp_path / "a.nc", data)))
    np.testing.assert_array_equal(stack.times, [0, step, 2 * step])
    assert stack.time_unit == unit
    np.testing.assert_array_equal(read_image(f"{tmp_path}/a.nc:2").array, BASE + 2)


@pytest.mark.parametrize(
    "dims", [("rlon", "rlat"), ("xc", "yc"), ("west_east", "south_north"), ("samples", "lines")]
)
def test_columns_before_rows(tmp_path, dims):
    image = read_image(written(tmp_path / "a.nc", xarray.DataArray(BASE.T, dims=dims)))
    np.testing.assert_array_equal(image.array, BASE)


def test_columns_before_rows_by_their_attributes(tmp_path):
    array = cf(BASE.T, RIGHT, DOWN, dims=("a", "b"))
    array["a"].attrs["axis"], array["b"].attrs["axis"] = "X", "Y"
    np.testing.assert_array_equal(read_image(written(tmp_path / "a.nc", array)).array, BASE)


def test_times_after_rows_and_columns(tmp_path):
    data = xarray.DataArray(BASE[..., None], dims=("y", "x", "time"))
    np.testing.assert_array_equal(read_image(written(tmp_path / "a.nc", data)).array, BASE)


def test_variables_in_a_group(tmp_path):
    cf(BASE).to_dataset().to_netcdf(tmp_path / "a.nc", group="PRODUCT")
    with pytest.raises(ImageFileError, match=r"PRODUCT.*save the group"):
        read_image(str(tmp_path / "a.nc"))


def test_each_side_of_a_pixel_has_its_own_unit(tmp_path):
    image = read_image(written(tmp_path / "a.nc", cf(BASE, units=("km", "m"))))
    assert image.geometry.pixel_size == pytest.approx((10_000.0, 10.0))
    assert image.geometry.length_unit == "m"


def test_the_place_of_a_grid_in_kilometres_is_that_of_its_reference_system(tmp_path):
    from pyproj import CRS

    data = cf(BASE, 2000 - DOWN, RIGHT, ("km", "km"), grid_mapping="crs").to_dataset()
    data["crs"] = 0
    data["crs"].attrs.update(CRS(3413).to_cf())
    data.to_netcdf(tmp_path / "a.nc")
    geo = read_image(str(tmp_path / "a.nc")).coordinates
    assert geo.map_transform == pytest.approx([1e4, 0, -5e3, 0, -1e4, 2005e3])
    assert geo.units == ("metre", "metre")


def described(name, array):
    """Return what is known of the grid of an image."""
    return Described(name, coordinates=plain_array(array).coordinates)


@pytest.mark.parametrize(
    ("last", "says"),
    [
        (cf(BASE, DOWN[::-1]), "flipped on the map: it begins in the south"),
        (cf(BASE, x=RIGHT[::-1]), "flipped on the map: it begins in the east"),
        (cf(BASE, 2 * DOWN, 2 * RIGHT), "measure 10 x 10 m and those of b 20 x 20 m"),
    ],
)
def test_grids_that_make_no_pair(last, says):
    with pytest.raises(ObservationError, match=says):
        check_grids(described("a", cf(BASE)), described("b", last))
    with pytest.raises(ObservationError, match=says.replace(" b ", " the last image ")):
        fit_pair(cf(BASE), last, preset="quick")


def test_degrees_of_different_size():
    a, b = (described(n, cf(BASE, k * DOWN, k * RIGHT, DEGREES)) for n, k in (("a", 1), ("b", 2)))
    # In a viewer both have pixels of size one.
    for pixels in ({}, {"geometry": Geometry()}):
        with pytest.raises(
            ObservationError, match="measure 10 x 10 degree and those of b 20 x 20 degree"
        ):
            check_grids(replace(a, **pixels), replace(b, **pixels))


@pytest.mark.parametrize(
    ("first", "last", "same"),
    [
        (cf(BASE), cf(BASE, x=RIGHT + 5000), False),
        (cf(BASE), cf(BASE, DOWN / 1000, RIGHT / 1000, ("km", "km")), True),
        (cf(BASE), cf(BASE, units=DEGREES), False),
        (cf(BASE), cf(BASE, units=("", "")), True),
        (
            cf(BASE, x=RIGHT - 180, units=["degrees"] * 2),
            cf(BASE, x=RIGHT + 180, units=["degree"] * 2),
            True,
        ),
        (cf(BASE, DOWN + 6e6), cf(BASE, (DOWN + 6e6 + 0.2).astype("f4")), True),
        (cf(BASE, DOWN + 6e6), cf(BASE, DOWN + 6e6 + 0.2), False),
    ],
)
def test_places_of_coordinates(first, last, same):
    a, b = described("a", first), described("b", last)
    check_grids(a, b)
    assert bool(place_oddities(a, b)) != same


def test_coordinates_that_are_no_numbers():
    names = [f"c{k}" for k in range(50)]
    found = plain_array(xarray.DataArray(BASE, {"x": names}, ("y", "x")))
    assert found.coordinates is None
    assert found.geometry is None


@pytest.mark.parametrize("version", [2, 3])
def test_a_plain_zarr_array(tmp_path, version):
    zarr = pytest.importorskip("zarr")
    data = np.round(10 * BASE).astype("i2")  # 0, the usual fill value of Zarr, is a value
    zarr.save_array(str(tmp_path / "a.zarr"), data, zarr_format=version)
    np.testing.assert_array_equal(read_image(str(tmp_path / "a.zarr")).array, data)
    zarr.save_group(str(tmp_path / "g.zarr"), first=data, zarr_format=version)
    with pytest.raises(ImageFileError, match="choose one by its folder"):
        read_image(str(tmp_path / "g.zarr"))
    np.testing.assert_array_equal(read_image(str(tmp_path / "g.zarr/first")).array, data)


@pytest.mark.parametrize("version", [2, 3])
def test_ome_zarr(tmp_path, version):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=version)
    stack = np.stack([BASE, BASE + 1])[:, None]
    group.create_array("0", data=stack)
    group.create_array("1", data=stack[..., ::2, ::2])
    space = {"type": "space", "unit": "micrometer"}
    steps = [{"type": "scale", "scale": [2, 1, 0.5, 0.25]}]
    image = {
        "axes": [
            {"name": "t", "type": "time", "unit": "second"},
            {"name": "c", "type": "channel"},
            {"name": "y", **space},
            {"name": "x", **space},
        ],
        "datasets": [{"path": "0", "coordinateTransformations": steps}, {"path": "1"}],
    }
    group.attrs.update(
        {"multiscales": [image]} if version == 2 else {"ome": {"multiscales": [image]}}
    )
    found = read_image(f"{tmp_path}/a.zarr:t=1")
    np.testing.assert_array_equal(found.array, BASE + 1)
    assert found.geometry.pixel_size == pytest.approx((0.5, 0.25))
    assert found.geometry.length_unit == "µm"
    np.testing.assert_array_equal(load(parse_source(f"{tmp_path}/a.zarr")).times, [0, 2])
