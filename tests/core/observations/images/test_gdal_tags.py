"""Files whose values GDAL and TIFF describe together, each with known values."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import rasterio
import tifffile

from napari_latentdyn.core.observations.images import read_image
from napari_latentdyn.core.observations.images.nodata import spelled_nodata

BASE = np.random.default_rng(0).integers(30, 200, (40, 50)).astype(np.uint8)
HOLE = np.zeros(BASE.shape, bool)
HOLE[5:15, 20:30] = True
PLACE = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 6e6)}
NODATA = (42113, 2, 0, "0", True)
METADATA = '<GDALMetadata><Item name="SCALE" sample="0" role="scale">0.5</Item></GDALMetadata>'
SCALE = (42112, 2, 0, METADATA, True)


def raster(path, bands, *, mask=None, inside=True, scales=None, offsets=None, **options):
    """Write a GeoTIFF, and return its name."""
    bands = np.asarray(bands)
    bands = bands[None] if bands.ndim == 2 else bands
    layout = {"count": len(bands), "height": 40, "width": 50, "dtype": bands.dtype}
    with warnings.catch_warnings(), rasterio.Env(GDAL_TIFF_INTERNAL_MASK=inside):
        warnings.simplefilter("ignore")
        with rasterio.open(path, "w", driver="GTiff", **{**layout, **options}) as file:
            file.write(bands)
            if scales:
                file.scales, file.offsets = scales, offsets
            if mask is not None:
                file.write_mask(mask)
    return str(path)


@pytest.mark.parametrize("code", range(2, 9))
@pytest.mark.parametrize("tag", [NODATA, SCALE])
def test_orientation_beside_a_tag_of_gdal(tmp_path, tag, code):
    plain, tagged = str(tmp_path / "plain.tif"), str(tmp_path / "tagged.tif")
    tifffile.imwrite(plain, BASE, extratags=[(274, 3, 1, code, True)])
    tifffile.imwrite(tagged, BASE, extratags=[(274, 3, 1, code, True), tag])
    expected = read_image(plain).array * (0.5 if tag is SCALE else 1)
    np.testing.assert_array_equal(read_image(tagged).array, expected)


@pytest.mark.parametrize("code", range(2, 9))
def test_orientation_turns_the_place_with_the_image(tmp_path, code):
    name = raster(tmp_path / "a.tif", BASE, **PLACE)
    still = read_image(name)
    with tifffile.TiffFile(name) as tif:
        kept = [tag for tag in tif.pages[0].tags if tag.code > 330 and tag.code != 339]
        tags = [(tag.code, tag.dtype, tag.count, tag.value, True) for tag in kept]
    tifffile.imwrite(name, BASE, extratags=[*tags, (274, 3, 1, code, True)])
    image = read_image(name)
    places = []
    for one in (still, image):
        a, b, c, d, e, f = one.coordinates.map_transform
        y, x = (np.argwhere(one.array == BASE.min()) + 0.5).T
        places.append(sorted(zip(a * x + b * y + c, d * x + e * y + f, strict=True)))
    np.testing.assert_allclose(places[0], places[1])
    assert image.coordinates != still.coordinates


def test_axes_and_pixel_size_of_imagej_beside_nodata(tmp_path):
    stack = np.stack([np.where(HOLE, 0, BASE), BASE + 1]).astype(np.uint16)
    about = {"axes": "TYX", "unit": "um"}
    options = {"imagej": True, "resolution": (2.0, 2.0), "metadata": about, "extratags": [NODATA]}
    tifffile.imwrite(tmp_path / "a.tif", stack, **options)
    image = read_image(f"{tmp_path / 'a.tif'}:t=0")
    np.testing.assert_array_equal(image.missing, HOLE)
    assert (image.geometry.pixel_size, image.geometry.length_unit) == ((0.5, 0.5), "µm")


def test_axes_and_pixel_size_of_ome_beside_nodata(tmp_path):
    about = {"axes": "TYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25}
    stack = np.stack([BASE, np.where(HOLE, 0, BASE)])
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, metadata=about, extratags=[NODATA])
    image = read_image(f"{tmp_path / 'a.ome.tif'}:t=-1")
    np.testing.assert_array_equal(image.missing, HOLE)
    assert (image.geometry.pixel_size, image.geometry.length_unit) == ((0.25, 0.5), "µm")


@pytest.mark.parametrize("place", [PLACE, {}])
def test_twelve_bits_that_count_from_white(tmp_path, place):
    data = np.where(HOLE, 4095, 4095 - 20 * BASE.astype(np.uint16)).astype(np.uint16)
    options = {"photometric": "MINISWHITE", "nbits": 12, "nodata": 4095}
    image = read_image(raster(tmp_path / "a.tif", data, **place, **options))
    np.testing.assert_array_equal(image.missing, HOLE)
    np.testing.assert_array_equal(image.array[~HOLE], 20 * BASE[~HOLE].astype(np.uint16))


@pytest.mark.parametrize("place", [PLACE, {}])
def test_scale_and_offset_of_values_that_count_from_white(tmp_path, place):
    options = {"photometric": "MINISWHITE", "scales": [0.5], "offsets": [1.0]}
    image = read_image(raster(tmp_path / "a.tif", 255 - BASE, **place, **options))
    np.testing.assert_allclose(image.array, 0.5 * BASE + 1)


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("place", [PLACE, {}])
def test_a_mask_and_the_value_of_missing_pixels_both_count(tmp_path, place, inside):
    data = np.where(np.arange(50) < 5, 0, BASE).astype(np.uint8)
    name = raster(tmp_path / "a.tif", data, nodata=0, mask=~HOLE, inside=inside, **place)
    np.testing.assert_array_equal(read_image(name).missing, HOLE | (np.arange(50) < 5))


@pytest.mark.parametrize("place", [PLACE, {}])
def test_transparency_and_the_value_of_missing_pixels_both_count(tmp_path, place):
    alpha = np.where(HOLE, 0, 255).astype(np.uint8)
    bands = np.stack([np.where(np.arange(50) < 5, 0, BASE).astype(np.uint8)] * 3 + [alpha])
    options = {"photometric": "RGB", "alpha": "YES", "nodata": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = read_image(raster(tmp_path / "a.tif", bands, **place, **options))
    np.testing.assert_array_equal(image.missing, HOLE | (np.arange(50) < 5))
    assert image.rgb


def test_a_mask_beside_a_file_without_a_place(tmp_path):
    name = raster(tmp_path / "a.tif", BASE, mask=~HOLE, inside=False)
    assert (tmp_path / "a.tif.msk").exists()
    np.testing.assert_array_equal(read_image(name).missing, HOLE)


@pytest.mark.parametrize(
    ("dtype", "spelled", "value"),
    [
        ("uint8", "120.5", None),
        ("uint8", "256", None),
        ("uint8", "nan", None),
        ("int64", "-4.6116860184273879e+18", -(2**62)),
        ("int64", "-4611686018427387904", -(2**62)),
        ("int64", "-4.61168601842739e+18", -(2**62)),
        ("float32", "-9999,0", -9999),
        ("float32", "-3.40282e+38", np.finfo(np.float32).min),
        ("float32", "-1.#QNAN", np.nan),
        ("float64", "none", None),
    ],
)
@pytest.mark.parametrize("place", [True, False])
def test_the_value_of_missing_pixels_as_tags_spell_it(tmp_path, dtype, spelled, value, place):
    data = BASE.astype(dtype)
    if value is not None:
        data[HOLE] = value
    tags = [(42113, 2, 0, spelled, True)]
    if place:
        tags += [(33550, 12, 3, (10.0, 10.0, 0.0), True)]
        tags += [(33922, 12, 6, (0.0, 0.0, 0.0, 5e5, 6e6, 0.0), True)]
    tifffile.imwrite(tmp_path / "a.tif", data, extratags=tags)
    missing = read_image(str(tmp_path / "a.tif")).missing
    np.testing.assert_array_equal(
        np.zeros(HOLE.shape) if missing is None else missing, (value is not None) & HOLE
    )


def test_large_whole_numbers_differ_by_one():
    values = np.array([2**53 + 1, 2**53 + 2])
    found = spelled_nodata(str(2**53 + 1)).missing(values)
    np.testing.assert_array_equal(found, [True, False])


def test_a_local_system_in_millimetres(tmp_path):
    place = {**PLACE, "crs": 'LOCAL_CS["x",UNIT["millimetre",0.001]]'}
    image = read_image(raster(tmp_path / "a.tif", BASE, **place))
    assert image.geometry.pixel_size == pytest.approx((0.01, 0.01))


def test_kilometres_print_nothing(tmp_path, capfd):
    place = {**PLACE, "crs": "+proj=laea +lat_0=90 +units=km"}
    name = raster(tmp_path / "a.tif", BASE, **place)
    capfd.readouterr()
    assert read_image(name).geometry.pixel_size == pytest.approx((1e4, 1e4))
    assert capfd.readouterr().err == ""
