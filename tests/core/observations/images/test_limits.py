"""Files that claim more than they can hold, and arrays of odd kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import tifffile
import xarray as xr

from napari_latentdyn.core.observations.images import load, parse_source, read_image
from napari_latentdyn.core.observations.images.arrays import plain_array
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.errors import ImageFileError, ObservationError
from napari_latentdyn.files.tiffcheck import check_pages
from napari_latentdyn.viewer.image_reader import get_image_reader


def test_a_tiff_that_claims_gigabytes(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, np.ones((64, 64), np.float32), tile=(32, 32))
    with tifffile.TiffFile(file, mode="r+") as tif:
        for name in ("ImageWidth", "ImageLength", "TileWidth", "TileLength"):
            tif.pages.first.tags[name].overwrite(32768)
    with pytest.raises(ImageFileError, match="claims an image of 4 GiB") as error:
        read_image(str(file))
    assert str(error.value).endswith(".")


def test_a_strip_that_is_longer_than_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, np.ones((64, 64), np.float32), compression="zlib")
    with tifffile.TiffFile(file, mode="r+") as tif:
        tag = tif.pages.first.tags["StripByteCounts"]
        tag.overwrite([2**31] * tag.count, dtype="I")
    with pytest.raises(ImageFileError, match="cut off or damaged"):
        read_image(str(file))


@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}])
def test_pages_that_run_in_a_circle(tmp_path: Path, options: dict[str, Any]) -> None:
    file = tmp_path / "a.tif"
    with tifffile.TiffWriter(file, **options) as out:
        for _ in range(3):
            out.write(np.ones((20, 20), np.float32), contiguous=False, metadata=None)
    check_pages(file)
    assert read_image(f"{file}:2").array.shape == (20, 20)
    with tifffile.TiffFile(file) as tif:
        size = 8 if tif.is_bigtiff else 4
        first, last = tif.pages[0].offset, tif.pages[2]
        count = len(last.tags)
        order = "big" if tif.byteorder == ">" else "little"
    content = bytearray(file.read_bytes())
    end = last.offset + (8 + 20 * count if size == 8 else 2 + 12 * count)
    content[end : end + size] = first.to_bytes(size, order)
    file.write_bytes(content)
    with pytest.raises(ImageFileError, match="form a loop"):
        read_image(str(file))


def test_images_without_pixels(tmp_path: Path) -> None:
    file = tmp_path / "a.nc"
    empty = xr.DataArray(np.zeros((0, 4, 4)), dims=("t", "y", "x"), name="ice")
    empty.to_netcdf(file, engine="netcdf4")
    with pytest.raises(ImageFileError, match="without pixels"):
        load(parse_source(str(file)))


def test_a_damaged_netcdf_in_napari(tmp_path: Path) -> None:
    file = tmp_path / "a.nc"
    file.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(500))
    reader = get_image_reader(str(file))
    assert reader is not None
    with pytest.raises(ImageFileError):
        reader(str(file))


def test_a_raster_that_claims_gigabytes(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "sparse_ok": True}
    place = rasterio.Affine(10, 0, 0, 0, -10, 0)
    with rasterio.open(file, "w", width=32768, height=32768, transform=place, **profile):
        pass
    with pytest.raises(ImageFileError, match="claims an image of 4 GiB"):
        read_image(str(file))


def test_blank_images_are_read(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, np.zeros((3000, 4000), np.float32), compression="zlib")
    assert read_image(str(file)).array.shape == (3000, 4000)


def test_masked_records_and_masks_that_are_none() -> None:
    records = np.ma.zeros((16, 16), [("a", "i4"), ("b", "f4")])
    assert plain_array(records).values.dtype.names == ("a", "b")
    image = np.random.default_rng(0).normal(size=(16, 16))
    with pytest.raises(ObservationError, match="got values of type"):
        Observations.from_arrays(records, image)
    for mask in ([[True], [True, False]], {"a": 1}, "mask", image[:2]):
        with pytest.raises(ObservationError, match="mask of the last image"):
            Observations.from_arrays(image, image[::-1], masks=[None, mask])


def test_messages_of_gdal_that_are_no_text(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.tif"
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "width": 20, "height": 20}
    place = rasterio.Affine(10, 0, 0, 0, -10, 0)
    with rasterio.open(file, "w", transform=place, **profile) as out:
        out.write(np.ones((1, 20, 20), np.float32))
        out.update_tags(STAGE="first")
    content = file.read_bytes()
    assert b"<Item name=" in content
    file.write_bytes(content.replace(b"<Item name=", b"<Item \xbf    "))
    read_image(str(file))
    assert "Traceback" not in capfd.readouterr().err
