"""Arrays of other libraries: their masks and coordinates count."""

from __future__ import annotations

import dask.array
import numpy as np
import pandas as pd
import pytest
import torch
import xarray
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from napari_latentdyn.core.observations.images.arrays import mask_of_bands, plain_array
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.errors import ObservationError

RANDOM = np.random.default_rng(5)
FIRST, LAST = RANDOM.random((2, 20, 24))
GAP = RANDOM.random((20, 24)) < 0.2
WITH_NAN = Observations.from_arrays(np.where(GAP, np.nan, FIRST), LAST)


@pytest.mark.parametrize("kind", ["numpy", "dask", "xarray", "xarray of dask"])
def test_masked_values_are_missing(kind):
    masked = np.ma.MaskedArray(np.where(GAP, -9999.0, FIRST), GAP)
    image = {
        "numpy": lambda: masked,
        "dask": lambda: dask.array.ma.masked_array(dask.array.from_array(masked.data, 7), GAP),
        "xarray": lambda: xarray.DataArray(masked, dims=("y", "x")),
        "xarray of dask": lambda: xarray.DataArray(
            dask.array.ma.masked_array(dask.array.from_array(masked.data, 7), GAP),
            dims=("y", "x"),
        ),
    }[kind]()
    assert Observations.from_arrays(image, LAST).same_as(WITH_NAN)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.uint8])
def test_tensors(dtype):
    tensor = (torch.from_numpy(FIRST) * 200).to(dtype)
    found = plain_array(tensor.requires_grad_(dtype.is_floating_point)).values
    np.testing.assert_array_equal(found, tensor.detach().to(torch.float64).numpy())


@pytest.mark.filterwarnings("ignore")
def test_tensors_of_other_layouts():
    tensor = torch.from_numpy(FIRST)
    for layout in (torch.sparse_coo, torch.sparse_csr):
        found = plain_array(tensor.to_sparse(layout=layout)).values
        np.testing.assert_array_equal(found, FIRST)
    small = plain_array(tensor.to(torch.float8_e4m3fn)).values
    np.testing.assert_array_equal(small, tensor.to(torch.float8_e4m3fn).float().numpy())
    steps = plain_array(torch.quantize_per_tensor(tensor.float(), 0.01, 0, torch.quint8)).values
    assert np.abs(steps - FIRST).max() <= 0.0051
    masked = torch.masked.masked_tensor(
        torch.from_numpy(np.where(GAP, -9, FIRST)), ~torch.tensor(GAP)
    )
    assert Observations.from_arrays(masked, LAST).same_as(WITH_NAN)


@pytest.mark.filterwarnings("ignore")
def test_tensors_without_values():
    with pytest.raises(ObservationError, match=r"^the image is a tensor without values"):
        plain_array(torch.empty(20, 24, device="meta"))
    with pytest.raises(ObservationError, match="NumPy cannot hold"):
        plain_array(torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(1, 3)]))


@pytest.mark.parametrize("kind", ["Float64", "Int32", "UInt8", "boolean", "float64"])
def test_tables_with_what_is_not_available(kind):
    values = np.round(FIRST * (1 if kind == "boolean" else 200))
    frame = pd.DataFrame(np.where(GAP, np.nan, values)).astype(kind)
    found = plain_array(frame)
    assert found.values.dtype == np.dtype(kind.lower().replace("boolean", "bool"))
    np.testing.assert_array_equal(found.masked, GAP)
    np.testing.assert_array_equal(found.values[~GAP], values[~GAP])


def test_tables_of_text_are_refused():
    frame = pd.DataFrame(FIRST.astype(str))
    with pytest.raises(ObservationError, match="must hold integers or real numbers"):
        Observations.from_arrays(frame, frame)


@pytest.mark.parametrize("kind", ["U", "O"])
def test_coordinates_of_text_have_no_size(kind):
    names = np.array([f"c{i}" for i in range(24)], dtype=kind)
    found = plain_array(xarray.DataArray(FIRST, {"x": names}, ("y", "x")))
    np.testing.assert_array_equal(found.values, FIRST)
    assert found.geometry is None


def test_fill_value_scale_and_offset_of_attributes():
    packed = np.where(GAP, -1, np.round(FIRST * 100)).astype(np.int16)
    attributes = {"_FillValue": np.int16(-1), "scale_factor": 0.01, "add_offset": 5.0}
    image = xarray.DataArray(packed, dims=("y", "x"), attrs=attributes)
    found = plain_array(image).values
    np.testing.assert_array_equal(np.isnan(found), GAP)
    np.testing.assert_allclose(found[~GAP], packed[~GAP] * 0.01 + 5)


def test_coordinates_give_the_size_of_pixels():
    coords = {"y": ("y", 3.0 * np.arange(20), {"units": "km"})}
    coords["x"] = ("x", 2.0 * np.arange(24), {"units": "km"})
    found = plain_array(xarray.DataArray(FIRST, coords, ("y", "x")))
    assert found.geometry.pixel_size == pytest.approx((3, 2))
    assert found.geometry.length_unit == "km"


def test_axes_have_names():
    bands = RANDOM.random((20, 3, 24))
    found = plain_array(xarray.DataArray(bands, dims=("y", "band", "x")))
    assert found.channel_axis == 0
    np.testing.assert_array_equal(found.values, np.moveaxis(bands, 1, 0))
    turned = plain_array(xarray.DataArray(FIRST.T, dims=("x", "y")))
    np.testing.assert_array_equal(turned.values, FIRST)
    with pytest.raises(ObservationError, match=r"array\.isel\(time=0\)"):
        plain_array(xarray.DataArray(np.zeros((4, 20, 24)), dims=("time", "y", "x")))


@pytest.mark.parametrize("image", [[[1, 2], [3]], [["a", "b"]], object(), [[1j, 2j]]])
def test_what_is_no_image(image):
    with pytest.raises(ObservationError):
        Observations.from_arrays(image, image)


@given(npst.arrays(bool, npst.array_shapes(min_dims=3, max_dims=3, max_side=4)), st.booleans())
@hypothesis_settings(max_examples=50, deadline=None)
def test_a_pixel_is_missing_where_all_bands_or_any_real_one_is(masked, real):
    found = mask_of_bands(masked, 0, real=real)
    for place in np.ndindex(*masked.shape[1:]):
        bands = [bool(band[place]) for band in masked]
        assert found[place] == (any(bands) if real else all(bands))


@given(
    npst.arrays(
        st.sampled_from([np.int32, np.int64, np.float64]),
        (16, 17),
        elements=st.integers(0, 1000),
    ),
    st.sampled_from([0, 10**6, 10**9, -(10**9)]),
)
@hypothesis_settings(max_examples=60, deadline=None)
def test_values_keep_their_digits_on_any_offset(relief, offset):
    first = relief + np.asarray(offset, relief.dtype)
    if np.ptp(first) < 2:
        return
    pair = Observations.from_arrays(first, first[::-1] + np.asarray(1, first.dtype))
    span = float(np.ptp(first.astype(np.float64))) + 1
    frames = pair.denormalise(pair.normalised()[0][None], [0.0])[0, 0]
    assert np.abs(frames - first.astype(np.float64)).max() <= 1e-3 * span
