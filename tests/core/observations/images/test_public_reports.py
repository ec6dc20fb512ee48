"""Inputs after public reports: the values, masks and sizes that their files say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_latentdyn.core.observations.images import read_image
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.errors import ImageFileError, ObservationError

CASES = Path(__file__).parents[5] / "shared" / "cases" / "in"
pytestmark = pytest.mark.skipif(
    not CASES.is_dir(), reason="the inputs after public reports are not beside the project"
)


def image(name: str):
    return read_image(str(CASES / name))


@pytest.mark.parametrize(
    ("name", "missing", "low", "high"),
    [
        ("c02/a.tif", 1920, 0, 100),
        ("c02/a_near.tif", 1920, 0, 100),
        ("c02/a_other.tif", 1920, 0, 100),
        ("c02/a_u8.tif", 0, 0, 255),
        ("c04/a.tif", 1728, 30, 240),
        ("c04/a_rgb.tif", 1728, 0, 255),
        ("c05/a.tif", 0, 0.05, 0.66),
        ("c05/b.tif", 0, 0.05, 0.66),
        ("c05/a_packed.tif", 0, 0.1, 1.05),
        ("c05/b_packed.tif", 0, 0.1, 1.05),
        ("c11/a.png", 0, 400, 4000),
        ("c33/a.png", 1, 30, 240),
    ],
)
def test_values_and_missing_pixels(name, missing, low, high):
    read = image(name)
    mask = np.zeros(read.array.shape[:2], bool) if read.missing is None else read.missing
    if name.startswith("c33"):
        assert mask.sum() >= missing
    else:
        assert mask.sum() == missing
    axis = read.channel_axis
    values = read.array if axis is None else np.moveaxis(read.array, axis, -1)
    values = values[~mask]
    assert low <= values.min()
    assert values.max() <= high


@pytest.mark.parametrize(
    ("name", "size", "unit"),
    [
        ("c06/a.tif", 3 * 1200 / 3937, "m"),
        ("c06/a_km.tif", 10_000.0, "m"),
        ("c13/a.ome.tif", 0.65, "µm"),
        ("c14/b.tif", 0.65, "µm"),
        ("c14/a_x_only.ome.tif", 0.65, "µm"),
        ("c15/run_T0.ome.tif", 0.65, "µm"),
        ("c15/alone1/run_T1.ome.tif", 0.65, "µm"),
    ],
)
def test_pixel_sizes(name, size, unit):
    read = image(name)
    assert read.geometry.pixel_size == pytest.approx((size, size), rel=1e-6)
    assert read.geometry.length_unit == unit


@pytest.mark.parametrize(
    "pair",
    [
        ("c08/a.tif", "c08/b.tif"),
        ("c09/a.jpg", "c09/b.jpg"),
        ("c10/a.jpg", "c10/b.jpg"),
        ("c10/a_black_ink.jpg", "c10/b_black_ink.jpg"),
        ("c12/a.tif", "c12/b.tif"),
        ("c12/a.gif", "c12/b.gif"),
        ("c15/run_T0.ome.tif", "c15/run_T1.ome.tif"),
        ("c15/alone0/run_T0.ome.tif", "c15/alone1/run_T1.ome.tif"),
        ("c16/positions.ome.tif:p=1,t=0", "c16/positions.ome.tif:p=1,t=-1"),
        ("c32/a_5first.tif", "c32/b_5first.tif"),
        ("c32/a_5last.tif", "c32/b_5last.tif"),
    ],
)
def test_the_last_image_is_the_first_moved(pair):
    grey = []
    for name in pair:
        read = image(name)
        array = read.array.astype(float)
        grey.append(array if read.channel_axis is None else array.mean(axis=read.channel_axis))
    # Three rows down and four columns to the left.
    first, last = grey[0][10:-10, 10:-10], grey[1][13:-7, 6:-14]
    moved = np.corrcoef(first.ravel(), last.ravel())[0, 1]
    still = np.corrcoef(grey[0].ravel(), grey[1].ravel())[0, 1]
    assert moved > 0.97
    assert moved > still


def test_an_index_does_not_run_over_positions():
    with pytest.raises(ImageFileError, match=r"position \(p, 2\), time \(t, 3\)"):
        image("c16/positions.ome.tif:0")


def test_complex_values_are_refused():
    read = image("c30/a.tif")
    with pytest.raises(ObservationError, match="complex"):
        Observations.from_arrays(read.array, read.array[::-1])


def test_heights_in_millimetres_keep_their_digits():
    first, last = image("c17/a_mm.tif").array, image("c17/b_mm.tif").array
    pair = Observations.from_arrays(first, last)
    assert len(np.unique(pair.images[0])) == len(np.unique(first))
    frames = pair.denormalise(pair.normalised()[0][None], [0.0])
    assert np.abs(frames[0, 0] - first).max() < 0.01


def test_masked_arrays_equal_arrays_with_nan():
    arrays = np.load(CASES / "c01" / "pair.npz")
    images = [np.ma.MaskedArray(arrays[end], arrays[f"mask_{end}"]) for end in ("first", "last")]
    pair = Observations.from_arrays(*images)
    other = Observations.from_arrays(*(one.astype(float).filled(np.nan) for one in images))
    assert pair.same_as(other)
    assert not pair.valid[0].all()
