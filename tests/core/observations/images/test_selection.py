"""Which image or channel of a file is meant, and what is said where it has none."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import tifffile

from napari_latentdyn.core.observations.images import read_image, read_stack
from napari_latentdyn.errors import ImageFileError

BASE = np.random.default_rng(0).integers(30, 200, (40, 50)).astype(np.uint16)
PLANES = np.stack([BASE, BASE + 1, BASE + 2])


@pytest.fixture(params=["imagej", "bands"])
def channels(request, tmp_path):
    """The name of a file of one image with three channels."""
    name = str(tmp_path / "a.tif")
    if request.param == "imagej":
        tifffile.imwrite(name, PLANES, imagej=True, metadata={"axes": "CYX"})
        return name
    layout = {"count": 3, "height": 40, "width": 50, "dtype": "uint16"}
    place = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 6e6)}
    with rasterio.open(name, "w", driver="GTiff", **layout, **place) as file:
        file.write(PLANES)
    return name


@pytest.mark.parametrize(("chosen", "place"), [("c=1", 1), ("channel=-1", 2)])
def test_a_channel_by_its_name(channels, chosen, place):
    image = read_image(f"{channels}:{chosen}")
    np.testing.assert_array_equal(image.array, PLANES[place])
    assert (image.channel_axis, image.rgb) == (None, False)
    assert image.name == f"a.tif:c={place}"


@pytest.mark.parametrize("index", [0, 1, -1])
def test_an_index_does_not_run_over_channels(channels, index):
    with pytest.raises(ImageFileError, match=r"3 channels: choose .* --channel 0"):
        read_image(f"{channels}:{index}")


def test_channels_that_are_not_there_are_told(channels):
    with pytest.raises(ImageFileError, match=r"no channel 3: it holds 3"):
        read_image(f"{channels}:c=3")
    with pytest.raises(ImageFileError, match=r"no axis 'q'.*channel \(c, 3\)"):
        read_image(f"{channels}:q=1")


def test_a_channel_beside_a_time(tmp_path):
    name, data = str(tmp_path / "a.tif"), np.stack([PLANES, PLANES + 100])
    tifffile.imwrite(name, data, imagej=True, metadata={"axes": "TCYX"})
    np.testing.assert_array_equal(read_image(f"{name}:t=1,c=2").array, data[1, 2])
    np.testing.assert_array_equal(read_image(f"{name}:1,c=2").array, data[1, 2])
    np.testing.assert_array_equal(read_stack(f"{name}:c=1"), data[:, 1])


def test_a_colour_has_no_index_and_a_name(tmp_path):
    colour = np.moveaxis(PLANES, 0, -1).astype(np.uint8)
    name = str(tmp_path / "a.tif")
    tifffile.imwrite(name, colour, photometric="rgb")
    np.testing.assert_array_equal(read_image(f"{name}:c=1").array, colour[..., 1])
    assert read_image(f"{name}:0").rgb


def test_two_axes_without_a_name(tmp_path):
    name = str(tmp_path / "a.tif")
    data = np.stack([PLANES[:2], PLANES[1:] + 100])
    tifffile.imwrite(name, data, photometric="minisblack")
    with pytest.raises(ImageFileError, match=r"image \(i, 2\), J \(j, 2\).*i=0,j=0"):
        read_image(name)
    np.testing.assert_array_equal(read_image(f"{name}:i=1,j=0").array, data[1, 0])
