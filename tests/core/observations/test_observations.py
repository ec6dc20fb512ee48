"""Two arrays become a checked pair, or one clear sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.observations.patches import Window
from napari_latentdyn.errors import GeometryError, ObservationError
from napari_latentdyn.settings import ImageSettings


def scene(seed: int = 0, shape: tuple[int, ...] = (20, 24)) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=shape)


DTYPES = st.sampled_from(
    ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int64", "float16", "float32", "float64"]
)


@settings(max_examples=60, deadline=None)
@given(st.data(), DTYPES, st.sampled_from(["pair", "percentile", "patch"]))
def test_any_type_is_read_and_normalised_reversibly(
    data: st.DataObject, dtype: str, normalisation: str
) -> None:
    kind = np.dtype(dtype)
    elements = st.floats(-1e3, 1e3, width=16) if kind.kind == "f" else None
    arrays = hnp.arrays(kind, (16, 17), elements=elements)
    first, last = data.draw(arrays), data.draw(arrays)
    settings_ = ImageSettings(normalisation=normalisation)
    assume(np.ptp(first.astype(float)) > 0)
    assume(np.ptp(last.astype(float)) > 0)
    assume(not np.array_equal(first.astype(np.float32), last.astype(np.float32)))
    pair = Observations.from_arrays(first, last, settings=settings_)
    assert pair.images[0].dtype == np.float32
    assert pair.shape == (16, 17)
    assert np.all(pair.high > pair.low)
    a, b = pair.normalised()
    assert np.all(np.isfinite(a))
    # Single precision keeps seven digits of the larger of the two images.
    largest = max(float(np.abs(image).max()) for image in pair.images)
    atol = 1e-5 * (largest + 1)
    back = pair.denormalise(np.stack([a, b]), (0.0, 1.0))
    np.testing.assert_allclose(back, pair.images, rtol=1e-4, atol=atol)
    # A change of brightness is taken out of the last image, and put back in at its time.
    brighter = pair.with_brightness(np.array([[[1, 0]], [[0.5, 0.25]]], np.float32))
    c, d = brighter.normalised()
    np.testing.assert_array_equal(c, a)
    np.testing.assert_allclose(d, (b - 0.25) / 0.5, rtol=1e-5, atol=1e-5)
    back = brighter.denormalise(np.stack([c, d]), (0.0, 1.0))
    np.testing.assert_allclose(back, pair.images, rtol=1e-3, atol=10 * atol)
    again = Observations.from_saved(brighter.to_arrays())
    np.testing.assert_array_equal(again.normalised()[1], d)
    assert again.same_as(pair)


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(np.bool_, (18, 20)), st.sampled_from(["nan", "inf", "mask", "value"]))
def test_missing_pixels_are_marked_and_do_not_touch_the_normalisation(
    missing: NDArray[np.bool_], how: str
) -> None:
    missing[:3, :3] = False
    first, last = scene(0, (18, 20)), scene(1, (18, 20))
    spoiled = first.copy()
    spoiled[missing] = {"nan": np.nan, "inf": -np.inf, "mask": 1e9, "value": -999.0}[how]
    chosen = ImageSettings(normalisation="pair", missing_value=-999.0 if how == "value" else None)
    mask = missing if how == "mask" else None
    pair = Observations.from_arrays(spoiled, last, settings=chosen, masks=[mask, None])
    assert np.array_equal(pair.valid[0], ~missing)
    assert pair.valid[1].all()
    both = np.concatenate([first[~missing], last.ravel()])
    assert pair.low[0] == pytest.approx(both.min(), rel=1e-6)
    assert pair.high[0] == pytest.approx(both.max(), rel=1e-6)
    assert np.isfinite(pair.images[0]).all()
    assert set(pair.images[0][0][missing]) <= set(first[~missing].astype(np.float32))


def test_channels_are_kept_chosen_and_compared() -> None:
    colour, grey = scene(0, (20, 24, 3)), scene(1)
    pair = Observations.from_arrays(colour, scene(2, (20, 24, 3)), channel_axis=-1)
    assert pair.images[0].shape == (3, 20, 24)
    assert pair.multichannel
    one = ImageSettings(channel=2)
    mixed = Observations.from_arrays(colour, grey, settings=one, channel_axis=2)
    assert mixed.images[0].shape == (1, 20, 24)
    assert not mixed.multichannel
    np.testing.assert_array_equal(mixed.images[0][0], colour[..., 2].astype(np.float32))
    with pytest.raises(ObservationError, match="choose one channel"):
        Observations.from_arrays(colour, grey, channel_axis=2)
    with pytest.raises(ObservationError, match="the images have one channel"):
        Observations.from_arrays(grey, grey + 1, settings=ImageSettings(channel=1))
    for axis in (7, "c"):
        with pytest.raises(ObservationError, match="no axis"):
            Observations.from_arrays(colour, colour + 1, channel_axis=axis)
    with pytest.raises(ObservationError, match="no channel 5"):
        Observations.from_arrays(
            colour, colour + 1, settings=ImageSettings(channel=5), channel_axis=2
        )


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        (scene(), scene(1, (20, 25)), "crop or resample"),
        (scene(), scene(), "both images are the same"),
        (np.ones((20, 20)), np.ones((20, 20)), "constant"),
        (np.ones((20, 20)), scene(0, (20, 20)), "the first image is constant"),
        (scene(), np.full((20, 24), np.nan), "the last image has no valid pixel"),
        (np.full((20, 24), np.inf), scene(), "the first image has no valid pixel"),
        (scene(0, (4, 20, 24)), scene(1, (4, 20, 24)), "choose one frame"),
        (scene(0, (12, 40)), scene(1, (12, 40)), "at least 16 x 16"),
        (scene().astype(complex), scene(1), "must hold integers or real numbers"),
        (np.full((20, 24), "a"), scene(1), "must hold integers or real numbers"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(
    first: NDArray[np.float64], last: NDArray[np.float64], says: str
) -> None:
    with pytest.raises(ObservationError, match=says) as caught:
        Observations.from_arrays(first, last)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_mask_has_to_fit() -> None:
    with pytest.raises(ObservationError, match="mask of the last image"):
        Observations.from_arrays(scene(), scene(1), masks=[None, np.zeros((3, 3), bool)])


def test_tracers_on_a_dark_ground_keep_their_range() -> None:
    first, last = np.zeros((40, 40)), np.zeros((40, 40))
    first[5, 5], last[6, 6] = 200, 200
    pair = Observations.from_arrays(first, last)
    assert (pair.low[0], pair.high[0]) == (0.0, 200.0)


def test_a_crop_keeps_the_normalisation() -> None:
    pair = Observations.from_arrays(scene(), scene(1))
    part = pair.crop(Window(2, 3, 16, 18))
    assert part.shape == (16, 18)
    np.testing.assert_array_equal(part.normalised()[0], pair.normalised()[0][:, 2:18, 3:21])


def test_arrays_and_back() -> None:
    pair = Observations.from_arrays(scene(0, (3, 20, 24)), scene(1, (3, 20, 24)), channel_axis=0)
    again = Observations.from_saved(pair.to_arrays())
    assert again.multichannel
    assert pair.same_as(again)
    assert not pair.same_as(Observations.from_arrays(scene(), scene(1)))


@pytest.mark.parametrize("size", [1e300, 1.7e308, 1e-300])
def test_intensities_that_frames_cannot_hold_are_refused(size: float) -> None:
    first, last = size * (np.random.default_rng(0).random((2, 16, 16)) - 0.5)
    with pytest.raises(ObservationError, match=r"must lie between 1\.2e-38 and 3\.4e\+38; got"):
        Observations.from_arrays(first, last)


def test_missing_pixels_may_have_any_size() -> None:
    first, last = np.random.default_rng(0).random((2, 16, 16))
    first[3, 4] = last[5, 6] = 1e300
    pair = Observations.from_arrays(first, last, settings=ImageSettings(missing_value=1e300))
    assert pair.images[0].max() < 1
    assert int(pair.valid[0].sum()) == int(pair.valid[1].sum()) == 255


PAIR = Observations.from_arrays(scene(0), scene(1)).to_arrays()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"images": np.full_like(PAIR["images"], np.nan)}, "images must be finite"),
        ({"images": PAIR["images"].astype(int)}, "images must be of a real type; got int64"),
        ({"images": PAIR["images"][:1]}, "K >= 2"),
        ({"images": PAIR["images"][:, 0]}, r"shape \(K, C, H, W\)"),
        ({"valid": PAIR["valid"][..., :-1]}, r"valid must have the shape \(2, 20, 24\)"),
        ({"valid": PAIR["valid"].astype(np.uint8)}, "valid must be boolean; got uint8"),
        ({"low": PAIR["low"][[0, 0]]}, r"low must have the shape \(1,\)"),
        ({"high": PAIR["low"]}, "low must be less than high"),
        ({"times": np.array([1.0, 0.0])}, "increasing"),
        ({"times": np.array([0.0, 1.0, 2.0])}, "2 increasing"),
        ({"brightness": np.zeros((2, 1, 2), np.float32)}, "factor 0"),
        ({"brightness": np.ones((1, 2), np.float32)}, "brightness must have the shape"),
        ({"sources": ({},)}, "2 sources or none; got 1"),
    ],
)
def test_observations_hold_what_their_documentation_says(
    changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(ObservationError, match=says):
        Observations.from_saved(PAIR | changes)


def test_missing_pixels_are_in_valid_alone() -> None:
    """Of three images, each with another gap; the intervals and crops of them, too."""
    images, gaps = np.stack([scene(k) for k in range(3)]), np.zeros((3, 20, 24), bool)
    for k, gap in enumerate(gaps):
        gap[4 * k : 4 * k + 3, 5:9] = True
    found = Observations.from_arrays(*np.where(gaps, np.nan, images))
    np.testing.assert_array_equal(found.valid, ~gaps)
    for part in (found, *found.intervals(), found.crop(Window(2, 3, 16, 18))):
        assert np.isfinite(part.images).all()
        assert part.valid.shape == (len(part), *part.shape)
    np.testing.assert_array_equal(found.interval(1).valid, ~gaps[1:])
    np.testing.assert_array_equal(
        np.where(found.valid, found.images[:, 0], 0), np.where(gaps, 0, images).astype(np.float32)
    )


@pytest.mark.parametrize("unit", ["banana", ("meter", "banana"), "__import__('os')"])
def test_units_have_to_be_known(unit: Any) -> None:
    pair = Observations.from_saved(PAIR)
    named = unit if isinstance(unit, tuple) else (unit, unit)
    with pytest.raises(GeometryError, match=r"there is no unit .*known are pixel, meter"):
        pair.described(Geometry(units=named), ())
    assert pair.described(Geometry(units=("km", "degree")), ()).geometry is not None


@pytest.mark.parametrize("count", [1, 3])
def test_each_image_has_a_mask_or_none(count: int) -> None:
    images = np.random.default_rng(0).random((2, 20, 20))
    masks = [np.zeros((20, 20), bool)] * count
    with pytest.raises(ObservationError, match=f"2 images must have 2 masks.*; got {count}"):
        Observations.from_arrays(*images, masks=masks)


@pytest.mark.parametrize("unit", ["datetime64[D]", "datetime64[ns]", "timedelta64[h]"])
def test_dates_are_no_numbers(unit: str) -> None:
    images = np.random.default_rng(0).random((2, 20, 20))
    with pytest.raises(ObservationError, match=r"must be 2 increasing numbers; got dates"):
        Observations.from_arrays(*images, times=np.array([1, 2], unit))


@pytest.mark.parametrize("times", [[[1], [1, 2]], ["noon", "night"], [None, 1]])
def test_times_that_are_no_numbers_are_refused(times: Any) -> None:
    images = np.random.default_rng(0).random((2, 20, 20))
    with pytest.raises(ObservationError, match=r"must be 2 increasing numbers; got"):
        Observations.from_arrays(*images, times=times)


def test_images_of_a_series_have_english_names() -> None:
    images = list(np.random.default_rng(0).random((5, 20, 20)))
    for number, name in ((1, "2nd"), (2, "3rd"), (3, "4th")):
        wrong = [*images]
        wrong[number] = np.full((20, 20), np.nan)
        with pytest.raises(ObservationError, match=f"the {name} image has no valid pixel"):
            Observations.from_arrays(*wrong)
