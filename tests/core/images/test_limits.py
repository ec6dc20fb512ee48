"""Files that claim more than they can hold, and arrays of odd kinds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import tifffile

from napari_latentdyn.core.images import read_image
from napari_latentdyn.core.images.arrays import plain_array
from napari_latentdyn.core.pair import ImagePair
from napari_latentdyn.errors import ImageFileError, PairError


def test_a_tiff_that_claims_gigabytes(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, np.ones((64, 64), np.float32), tile=(32, 32))
    with tifffile.TiffFile(file, mode="r+") as tif:
        for name in ("ImageWidth", "ImageLength", "TileWidth", "TileLength"):
            tif.pages.first.tags[name].overwrite(32768)
    with pytest.raises(ImageFileError, match="claims an image of 4 GiB") as error:
        read_image(str(file))
    assert str(error.value).endswith(".")


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
    with pytest.raises(PairError, match="first image holds values"):
        ImagePair.from_arrays(records, image)
    for mask in ([[True], [True, False]], {"a": 1}, "mask", image[:2]):
        with pytest.raises(PairError, match="mask of the last image"):
            ImagePair.from_arrays(image, image[::-1], mask_last=mask)
