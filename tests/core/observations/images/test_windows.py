"""Windows of large images hold what the whole image holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
import rasterio
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.transform import from_origin

from napari_latentdyn.core.observations.images import read_image
from napari_latentdyn.core.observations.images.windows import ArrayWindows, open_windows
from napari_latentdyn.core.observations.patches import Window
from napari_latentdyn.errors import ImageFileError

SHAPE = (70, 90)


def whole(path: Path) -> NDArray[np.floating[Any]]:
    """The image as `read_image` returns it, (C, H, W), with NaN where pixels are missing."""
    image = read_image(str(path))
    values = np.asarray(image.array, np.float64)
    values = (
        values[None] if image.channel_axis is None else np.moveaxis(values, image.channel_axis, 0)
    )
    return values if image.missing is None else np.where(image.missing, np.nan, values)


def ramp(channels: int, dtype: str) -> NDArray[Any]:
    values = np.random.default_rng(0).integers(1, 200, (channels, *SHAPE)).astype(dtype)
    values[:, 10:20, 5:40] = 0
    return values


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("windows")
    place = {"crs": "EPSG:32633", "transform": from_origin(5e5, 8e6, 40, 40)}
    for name, channels, dtype, more in (
        ("cog.tif", 1, "uint16", {"tiled": True, "blockxsize": 32, "blockysize": 32, "nodata": 0}),
        ("bands.tif", 3, "float32", {"compress": "deflate", "nodata": 0}),
        ("double.tif", 1, "float64", {}),
    ):
        with rasterio.open(
            path / name,
            "w",
            driver="GTiff",
            height=SHAPE[0],
            width=SHAPE[1],
            count=channels,
            dtype=dtype,
            **place,
            **more,
        ) as file:
            file.write(ramp(channels, dtype))
            file.scales = [0.5] * channels
    tifffile.imwrite(path / "plain.tif", ramp(1, "uint8")[0])
    tifffile.imwrite(path / "tiles.tif", ramp(1, "int16")[0], tile=(32, 32), compression="zlib")
    zarr.save_array(str(path / "array.zarr"), ramp(1, "float32")[0])
    zarr.save_array(str(path / "series.zarr"), ramp(4, "float32"))
    return path


@pytest.mark.parametrize("name", ["cog.tif", "bands.tif", "double.tif", "plain.tif", "tiles.tif"])
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_a_window_holds_what_the_whole_image_holds(
    folder: Path, name: str, data: st.DataObject
) -> None:
    image, expected = open_windows(str(folder / name)), whole(folder / name)
    assert image.shape == expected.shape
    y, x = (data.draw(st.integers(0, side - 1)) for side in SHAPE)
    height, width = (
        data.draw(st.integers(1, side - at)) for side, at in zip(SHAPE, (y, x), strict=True)
    )
    window = Window(y, x, height, width)
    found = image.read(window)
    assert found.dtype == (np.float64 if name in ("double.tif", "cog.tif") else np.float32) or (
        name == "bands.tif"
    )
    np.testing.assert_allclose(found, expected[(..., *window.slices)], rtol=1e-6)


def test_places_are_those_of_the_whole_image(folder: Path) -> None:
    image = open_windows(str(folder / "cog.tif"))
    known = read_image(str(folder / "cog.tif"))
    assert image.geometry == known.geometry
    assert image.coordinates == known.coordinates


def test_arrays_of_zarr_and_dask(folder: Path) -> None:
    window = Window(3, 4, 20, 30)
    expected = ramp(1, "float32")[(..., *window.slices)]
    np.testing.assert_array_equal(open_windows(str(folder / "array.zarr")).read(window), expected)
    lazy = ArrayWindows(dask.array.from_array(ramp(1, "float32")[0], chunks=16), "lazy")
    assert lazy.shape == (1, *SHAPE)
    np.testing.assert_array_equal(lazy.read(window), expected)
    masked = ArrayWindows(np.ma.masked_equal(ramp(1, "uint8")[0], 0), "masked")
    assert np.isnan(masked.read(window)).sum() == (expected == 0).sum()
    second = open_windows(str(folder / "series.zarr") + ":1")
    np.testing.assert_array_equal(
        second.read(window), ramp(4, "float32")[1:2][(..., *window.slices)]
    )


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("series.zarr", "choose one with series.zarr:0"),
        ("series.zarr:9", "there is no image 9"),
        ("array.zarr:t=1", "is chosen by FILE or FILE:3"),
        ("turned.tif", "stored turned or mirrored"),
        ("several.tif", "file of its own"),
        ("complex.tif", "complex"),
        ("none.tif", "there is no file"),
        ("broken.tif", "cannot be read as an image"),
    ],
)
def test_what_cannot_be_read_in_windows_is_one_sentence(
    folder: Path, source: str, says: str
) -> None:
    turned = [(274, 3, 1, 6, True)]
    tifffile.imwrite(folder / "turned.tif", ramp(1, "uint8")[0], extratags=turned)
    tifffile.imwrite(
        folder / "several.tif", ramp(2, "uint8"), photometric="minisblack", metadata=None
    )
    tifffile.imwrite(folder / "complex.tif", ramp(1, "complex64")[0])
    (folder / "broken.tif").write_bytes((folder / "tiles.tif").read_bytes()[:200])
    with pytest.raises(ImageFileError, match=says) as caught:
        open_windows(str(folder / source))
    assert "\n" not in str(caught.value)
