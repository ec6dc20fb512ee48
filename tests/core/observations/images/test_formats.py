"""Files of many formats, each with known values, written here."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import tifffile
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image
from rasterio.enums import ColorInterp, Resampling

from napari_latentdyn.core.geometry.units import length, metres
from napari_latentdyn.core.observations.images import parse_source, read_image, read_stack
from napari_latentdyn.errors import ImageFileError

BASE = np.random.default_rng(0).integers(30, 200, (40, 50)).astype(np.uint8)
LOW = BASE < 50
COLOUR = np.stack([BASE, BASE // 2, 255 - BASE], axis=-1)


def raster(path, bands, change=None, **options):
    """Write a GeoTIFF, and return its name."""
    bands = np.asarray(bands)
    bands = bands[None] if bands.ndim == 2 else bands
    place = {"crs": "EPSG:3413", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 8e6)}
    layout = {"count": len(bands), "height": 40, "width": 50, "dtype": bands.dtype}
    with rasterio.open(path, "w", driver="GTiff", **{**place, **layout, **options}) as file:
        file.write(bands)
        if change is not None:
            change(file)
    return str(path)


def test_nodata_that_is_not_a_number(tmp_path):
    data = np.where(LOW, np.nan, BASE).astype(np.float32)
    image = read_image(raster(tmp_path / "a.tif", data, nodata=np.nan))
    np.testing.assert_array_equal(image.missing, LOW)


def test_a_mask_beside_the_file(tmp_path):
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False):
        image = read_image(raster(tmp_path / "a.tif", BASE, lambda file: file.write_mask(~LOW)))
    assert (tmp_path / "a.tif.msk").exists()
    np.testing.assert_array_equal(image.missing, LOW)


def test_transparency_of_a_geotiff(tmp_path):
    def mark(file):
        file.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]

    bands = np.moveaxis(COLOUR, -1, 0)
    alpha = np.where(LOW, 0, 255).astype(np.uint8)
    image = read_image(raster(tmp_path / "a.tif", [*bands, alpha], mark))
    np.testing.assert_array_equal(image.array, bands)
    np.testing.assert_array_equal(image.missing, LOW)
    assert image.rgb


def test_overviews_are_no_images(tmp_path):
    name = raster(tmp_path / "a.tif", BASE)
    with rasterio.open(name, "r+") as file:
        file.build_overviews([2, 4], Resampling.nearest)
    with tifffile.TiffFile(name) as tif:
        assert len(tif.pages) == 3
    np.testing.assert_array_equal(read_image(name).array, BASE)


def test_nodata_of_one_band_alone(tmp_path):
    bands = np.stack([np.where(LOW, 0, BASE), BASE]).astype(np.int16)
    image = read_image(raster(tmp_path / "a.tif", bands, nodata=0))
    assert image.missing is None
    np.testing.assert_array_equal(image.array, bands)


def test_a_missing_value_of_one_real_band_is_no_number(tmp_path):
    real = BASE.astype(np.float32)
    bands = np.stack([np.where(LOW, np.float32(-9999), real), real])
    image = read_image(raster(tmp_path / "a.tif", bands, nodata=-9999))
    np.testing.assert_array_equal(np.isnan(image.array[0]), LOW)
    np.testing.assert_array_equal(image.array[1], BASE)


def test_scale_and_offset(tmp_path):
    def pack(file):
        file.scales, file.offsets = [0.1], [-5.0]

    image = read_image(raster(tmp_path / "a.tif", BASE.astype(np.int16), pack, nodata=40))
    np.testing.assert_array_equal(image.missing, BASE == 40)
    np.testing.assert_allclose(image.array, BASE * 0.1 - 5.0)


def test_a_palette_of_a_geotiff(tmp_path):
    def paint(file):
        file.write_colormap(1, {i: (i, 255 - i, 7, 255) for i in range(256)})

    image = read_image(raster(tmp_path / "a.tif", BASE, paint))
    np.testing.assert_array_equal(image.array, [BASE, 255 - BASE, np.full_like(BASE, 7)])
    assert image.rgb


def test_a_geotiff_that_counts_from_white(tmp_path):
    image = read_image(raster(tmp_path / "a.tif", BASE, photometric="MINISWHITE"))
    np.testing.assert_array_equal(image.array, 255 - BASE)


def test_degrees_are_no_length(tmp_path):
    place = {"crs": "EPSG:4326", "transform": rasterio.Affine(0.1, 0, 10, 0, -0.1, 50)}
    image = read_image(raster(tmp_path / "a.tif", BASE, **place))
    assert image.geometry is None
    assert image.coordinates.units == ("degree", "degree")


@pytest.mark.parametrize("code", range(1, 9))
def test_orientation_of_tiff_is_that_of_exif(tmp_path, code):
    tifffile.imwrite(tmp_path / "a.tif", BASE, extratags=[(274, "H", 1, code, True)])
    exif = Image.Exif()
    exif[274] = code
    Image.fromarray(BASE).save(tmp_path / "a.png", exif=exif)
    turned = read_image(str(tmp_path / "a.png")).array
    np.testing.assert_array_equal(read_image(str(tmp_path / "a.tif")).array, turned)
    assert turned.shape == (BASE.T.shape if code >= 5 else BASE.shape)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "lzw"},
        {"compression": "zstd"},
        {"compression": "lerc"},
        {"compression": "zlib", "predictor": 3},
        {"compression": "packbits"},
    ],
)
def test_compressions(tmp_path, options):
    data = BASE.astype(np.float32)
    tifffile.imwrite(tmp_path / "a.tif", data, **options)
    np.testing.assert_array_equal(read_image(str(tmp_path / "a.tif")).array, data)


def test_inks_are_colours(tmp_path):
    inks = np.stack([BASE, BASE, BASE, np.zeros_like(BASE)], axis=-1)
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated")
    image = read_image(str(tmp_path / "a.tif"))
    np.testing.assert_array_equal(image.array, np.stack([255 - BASE] * 3, axis=-1))


def test_axes_have_names(tmp_path):
    data = np.arange(2 * 3 * 2)[:, None, None, None].reshape(2, 3, 2, 1, 1)
    data = (data + BASE.astype(np.uint16) * 12).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, metadata={"axes": "TZCYX"})
    name = str(tmp_path / "a.tif")
    image = read_image(f"{name}:t=1,z=-1")
    np.testing.assert_array_equal(image.array, data[1, 2])
    assert image.channel_axis == 0
    np.testing.assert_array_equal(read_stack(f"{name}:z=0"), data[:, 0])
    with pytest.raises(ImageFileError, match="holds 2 images"):
        read_image(f"{name}:z=0")
    for wrong in (name, f"{name}:0"):
        with pytest.raises(ImageFileError, match=r"time \(t, 2\), depth \(z, 3\)"):
            read_image(wrong)
    with pytest.raises(ImageFileError, match="no depth 3: it holds 3"):
        read_image(f"{name}:t=0,z=3")
    with pytest.raises(ImageFileError, match="no axis 'q'"):
        read_image(f"{name}:q=1")


def test_an_index_does_not_run_over_depth(tmp_path):
    data = np.stack([BASE] * 4)
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, metadata={"axes": "ZYX"})
    with pytest.raises(ImageFileError, match=r"depth \(z, 4\)"):
        read_image(f"{tmp_path / 'a.tif'}:0")


@pytest.mark.parametrize("mode", ["P", "RGB", "LA", "I;16"])
def test_transparent_pixels_of_pictures(tmp_path, mode):
    name, wide = tmp_path / "a.png", BASE.astype(np.uint16) * 100
    if mode == "P":
        clear = bytes([0] * 50 + [255] * 206)
        Image.fromarray(BASE).convert("P").save(name, transparency=clear)
        expected = LOW
    elif mode == "RGB":
        Image.fromarray(np.stack([BASE] * 3, -1)).save(name, transparency=(60, 60, 60))
        expected = BASE == 60
    elif mode == "LA":
        alpha = np.where(LOW, 0, 255).astype(np.uint8)
        Image.fromarray(np.stack([BASE, alpha], -1)).save(name)
        expected = LOW
    else:
        Image.fromarray(wide).save(name, transparency=6000)
        expected = wide == 6000
    image = read_image(str(name))
    np.testing.assert_array_equal(image.missing, expected)
    assert image.array.max() == (wide if mode == "I;16" else BASE).max()


def test_frames_of_an_animation(tmp_path):
    frames = [Image.fromarray(BASE), Image.fromarray(BASE[::-1].copy())]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    image = read_image(f"{tmp_path / 'a.gif'}:1")
    np.testing.assert_array_equal(image.array[..., 0], BASE[::-1])


@pytest.mark.parametrize("kind", ["nc", "zarr"])
def test_cf(tmp_path, kind):
    xarray = pytest.importorskip("xarray")
    ice = np.where(LOW, np.nan, BASE / 10)[None].repeat(3, 0)
    hours = np.arange(3) * np.timedelta64(1, "h") + np.datetime64("2020-01-01", "ns")
    coords = {"time": hours}
    for axis, size in (("y", 40), ("x", 50)):
        coords[axis] = (axis, np.arange(size) * 0.1, {"units": "km"})
    data = xarray.Dataset({"ice": (("time", "y", "x"), ice), "n": (("y", "x"), BASE)}, coords)
    path = tmp_path / f"a.{kind}"
    packed = {"ice": {"dtype": "i2", "scale_factor": 0.1, "_FillValue": -1}}
    if kind == "nc":
        data.to_netcdf(path, encoding=packed)
    else:
        data.to_zarr(path, encoding=packed, consolidated=False)
    image = read_image(f"{path}:ice,-1")
    np.testing.assert_array_equal(np.isnan(image.array), LOW)
    np.testing.assert_allclose(image.array[~LOW], BASE[~LOW] / 10)
    assert image.geometry.pixel_size == pytest.approx((0.1, 0.1))
    assert image.geometry.length_unit == "km"
    with pytest.raises(ImageFileError, match="variables ice, n: choose one"):
        read_image(str(path))
    with pytest.raises(ImageFileError, match="no variable 'snow'"):
        read_image(f"{path}:snow")


@pytest.mark.parametrize(
    ("spelled", "metre"),
    [
        ("micron", 1e-6),
        ("\\u00B5m", 1e-6),
        ("um", 1e-6),
        ("µm", 1e-6),
        ("nm", 1e-9),
        ("mm", 1e-3),
        ("metres", 1.0),
        ("km", 1e3),
        ("inch", 0.0254),
        ("in", 0.0254),
        ("ft", 0.3048),
        ("US survey foot", 1200 / 3937),
        ("Å", 1e-10),
    ],
)
def test_units_as_files_spell_them(spelled, metre):
    factor, symbol = length(spelled)
    assert factor * metres(symbol) == pytest.approx(metre, rel=1e-9)


@given(st.text(max_size=50))
@hypothesis_settings(max_examples=60, deadline=None)
def test_any_text_as_a_unit(text):
    found = length(text)
    assert found is None or found[0] > 0


@given(st.text(max_size=60))
@hypothesis_settings(max_examples=60, deadline=None)
def test_any_text_as_a_file(text):
    try:
        chosen = parse_source(text)
    except ImageFileError:
        return
    assert str(chosen.path)


@pytest.mark.parametrize("name", ["a\0b.tif", "x" * 5000, "/proc/self/mem", "\udc80", ""])
def test_names_that_cannot_be_read(name):
    with pytest.raises(ImageFileError):
        read_image(name)
