"""Reading image files: axes, channels, pixel sizes, what is refused."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import tifffile
from skimage.io import imsave

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.observations.images import read_image, read_mask, read_stack
from napari_latentdyn.errors import ImageFileError

GREY = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30)
COLOUR = np.stack([GREY // 4, GREY // 5, GREY // 6], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32, np.float64])
def test_grey_tiff_of_any_type(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "a.tif", GREY.astype(dtype))
    image = read_image(str(tmp_path / "a.tif"))
    np.testing.assert_array_equal(image.array, GREY.astype(dtype))
    assert image.array.dtype == dtype
    assert image.channel_axis is None
    assert image.geometry is None
    assert image.name == "a.tif"


@pytest.mark.parametrize("name", ["a.tif", "a.png"])
def test_colours(tmp_path, name):
    if name.endswith("tif"):
        tifffile.imwrite(tmp_path / name, COLOUR, photometric="rgb")
    else:
        imsave(tmp_path / name, COLOUR, check_contrast=False)
    image = read_image(str(tmp_path / name))
    np.testing.assert_array_equal(image.array, COLOUR)
    assert (image.channel_axis, image.rgb, image.missing) == (2, True, None)


def test_jpeg(tmp_path):
    imsave(tmp_path / "a.jpg", COLOUR, check_contrast=False)
    assert read_image(str(tmp_path / "a.jpg")).array.shape == (20, 30, 3)


def test_transparent_pixels_are_missing(tmp_path):
    alpha = np.full((20, 30, 1), 255, np.uint8)
    alpha[:5] = 0
    imsave(tmp_path / "a.png", np.concatenate([COLOUR, alpha], -1), check_contrast=False)
    image = read_image(str(tmp_path / "a.png"))
    assert image.array.shape == (20, 30, 3)
    np.testing.assert_array_equal(image.missing, alpha[..., 0] == 0)


def test_polarisations_are_channels(tmp_path):
    data = np.stack([GREY, GREY[::-1]]).astype(np.float32)
    tifffile.imwrite(tmp_path / "a.ome.tif", data, ome=True, metadata={"axes": "CYX"})
    image = read_image(str(tmp_path / "a.ome.tif"))
    np.testing.assert_array_equal(image.array, data)
    assert (image.channel_axis, image.rgb) == (0, False)


def test_one_image_of_a_stack(tmp_path):
    stack = np.stack([GREY, GREY + 1, GREY + 2])
    tifffile.imwrite(tmp_path / "s.tif", stack, photometric="minisblack")
    path = str(tmp_path / "s.tif")
    for index in (0, 1, 2, -1):
        np.testing.assert_array_equal(read_image(f"{path}:{index}").array, stack[index])
    assert read_image(f"{path}:-1").name == "s.tif:2"
    with pytest.raises(ImageFileError, match="holds 3 images: choose one"):
        read_image(path)
    np.testing.assert_array_equal(read_stack(path), stack)


@pytest.mark.parametrize("count", [3, 4])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_stack_that_looks_like_planes_of_colours(tmp_path, count):
    stack = np.stack([GREY + i for i in range(count)])
    tifffile.imwrite(tmp_path / "s.tif", stack)
    with tifffile.TiffFile(tmp_path / "s.tif") as tif:
        assert tif.series[0].axes == "SYX"
    path = str(tmp_path / "s.tif")
    for index in (0, 1, -1):
        image = read_image(f"{path}:{index}")
        np.testing.assert_array_equal(image.array, stack[index])
        assert (image.channel_axis, image.rgb, image.missing) == (None, False, None)
    with pytest.raises(ImageFileError, match=f"it holds {count}"):
        read_image(f"{path}:{count}")
    np.testing.assert_array_equal(read_stack(path, grey=True), stack)
    assert read_image(path).rgb is True


def test_colours_stay_colours_with_an_index(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", COLOUR, photometric="rgb")
    image = read_image(f"{tmp_path / 'a.tif'}:0")
    np.testing.assert_array_equal(image.array, COLOUR)
    assert image.rgb is True
    with pytest.raises(ImageFileError, match="has no image 1"):
        read_image(f"{tmp_path / 'a.tif'}:1")


def test_channels_of_a_time_series(tmp_path):
    data = np.arange(3 * 2 * 20 * 30, dtype=np.uint16).reshape(3, 2, 20, 30)
    tifffile.imwrite(tmp_path / "s.ome.tif", data, ome=True, metadata={"axes": "TCYX"})
    path = str(tmp_path / "s.ome.tif")
    image = read_image(f"{path}:1")
    np.testing.assert_array_equal(image.array, data[1])
    assert image.channel_axis == 0
    np.testing.assert_array_equal(read_stack(path), data)


@pytest.mark.parametrize(("unit", "expected"), [("m", "m"), ("µm", "µm"), ("pixel", None)])
def test_pixel_size_of_ome_tiff(tmp_path, unit, expected):
    metadata = {"axes": "YX", "PhysicalSizeX": 40.0, "PhysicalSizeY": 50.0}
    metadata |= {"PhysicalSizeXUnit": unit, "PhysicalSizeYUnit": unit}
    tifffile.imwrite(tmp_path / "a.ome.tif", GREY, ome=True, metadata=metadata)
    image = read_image(str(tmp_path / "a.ome.tif"))
    size = None if expected is None else Geometry.from_pixel_size((50.0, 40.0), expected)
    assert image.geometry == size


def test_pixel_size_of_imagej_tiff(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif", GREY, imagej=True, resolution=(4, 2), metadata={"unit": "micron"}
    )
    image = read_image(str(tmp_path / "a.tif"))
    assert image.geometry.pixel_size == (0.5, 0.25)
    assert image.geometry.length_unit == "µm"


def test_pixel_size_of_geotiff(tmp_path):
    # ModelPixelScale, ModelTiepoint, and a directory of keys that says "projected".
    tags = [
        (33550, "d", 3, (100.0, 50.0, 0.0), True),
        (33922, "d", 6, (0.0, 0.0, 0.0, 5e5, 8e6, 0.0), True),
        (34735, "H", 8, (1, 1, 0, 1, 1024, 0, 1, 1), True),
    ]
    tifffile.imwrite(tmp_path / "a.tif", GREY, extratags=tags)
    image = read_image(str(tmp_path / "a.tif"))
    assert image.geometry.pixel_size == (50.0, 100.0)
    assert image.geometry.length_unit == "m"


def test_a_mask_is_what_is_not_zero(tmp_path):
    mask = np.zeros((20, 30), np.uint8)
    mask[3:5] = 7
    tifffile.imwrite(tmp_path / "m.tif", mask)
    np.testing.assert_array_equal(read_mask(str(tmp_path / "m.tif")), mask > 0)
    imsave(tmp_path / "m.png", np.stack([mask] * 3, -1), check_contrast=False)
    np.testing.assert_array_equal(read_mask(str(tmp_path / "m.png")), mask > 0)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows allows no colon in a name")
def test_a_file_with_a_colon_in_its_name(tmp_path):
    tifffile.imwrite(tmp_path / "a:1", GREY)
    np.testing.assert_array_equal(read_image(str(tmp_path / "a:1")).array, GREY)


def test_images_of_different_sizes_are_refused(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(GREY)
        tif.write(GREY[:10])
    with pytest.raises(ImageFileError, match="different sizes"):
        read_image(str(tmp_path / "a.tif"))


@pytest.mark.parametrize("count", [2, 3, 4])
def test_bands_that_the_file_calls_nothing_are_channels(tmp_path, count):
    rasterio = pytest.importorskip("rasterio")
    bands = np.random.default_rng(0).random((count, 20, 30)).astype(np.float32)
    bands[:, :5] = -9999
    turned = rasterio.Affine(30, 10, 5e5, -10, -30, 1e6)
    options = {"driver": "GTiff", "height": 20, "width": 30, "count": count, "dtype": "float32"}
    path = tmp_path / "bands.tif"
    with rasterio.open(path, "w", crs="EPSG:3413", transform=turned, nodata=-9999, **options) as f:
        f.write(bands)
    image = read_image(str(path))
    assert not image.rgb
    np.testing.assert_array_equal(np.moveaxis(image.array, image.channel_axis, 0), bands)
    assert image.missing is not None
    np.testing.assert_array_equal(image.missing, bands[0] == -9999)
    assert image.geometry.pixel_size == pytest.approx((np.hypot(10, 30),) * 2)
    assert image.geometry.length_unit == "m"
    stack = read_stack(str(path))
    assert stack.shape == (1, count, 20, 30)
    np.testing.assert_array_equal(np.isnan(stack[0]), bands == -9999)


def test_a_file_that_marks_transparency_is_believed(tmp_path):
    picture = np.random.default_rng(0).integers(1, 255, (20, 30, 4)).astype(np.uint8)
    picture[:5, :, 3] = 0
    tifffile.imwrite(tmp_path / "a.tif", picture, photometric="rgb", extrasamples=["unassalpha"])
    image = read_image(str(tmp_path / "a.tif"))
    assert image.rgb
    np.testing.assert_array_equal(image.array, picture[..., :3])
    np.testing.assert_array_equal(image.missing, picture[..., 3] == 0)
