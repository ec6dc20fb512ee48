"""What is said of true frames before methods are measured by them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_latentdyn.core.baselines.truth import Truth, place_truth
from napari_latentdyn.errors import ObservationError

SHAPE = (1, 16, 20)


def images(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((2, *SHAPE), np.float32)


def placed(factor: float = 1.0, offset: float = 0.0) -> Truth:
    first, last = images()
    frames = factor * images(1) + offset
    return place_truth(frames.astype(np.float32), None, (first, last), "truth.tif")


@settings(deadline=None, max_examples=40)
@given(st.floats(0.5, 2.0), st.floats(-0.2, 0.2))
def test_scenes_that_brighten_are_of_one_scale(factor: float, offset: float) -> None:
    truth = placed(factor, offset)
    assert truth.scales is None
    assert not truth.doubtful
    assert truth.notable, "their times were assumed"


@pytest.mark.parametrize(
    ("factor", "offset"), [(255.0, 0.0), (1 / 255, 0.0), (1.0, 5.0), (10.0, -20.0)]
)
def test_another_scale_is_told_with_both_ranges(factor: float, offset: float) -> None:
    truth = placed(factor, offset)
    assert truth.doubtful
    low, high = factor * 0.01 + offset, factor * 0.99 + offset
    assert truth.scales is not None
    np.testing.assert_allclose(truth.scales[0], (low, high), atol=0.03 * factor)
    np.testing.assert_allclose(truth.scales[1], (0.01, 0.99), atol=0.03)
    assert "bring them to one scale" in truth.describe()
    assert f"to {truth.scales[0][1]:.3g}, those of the images" in truth.describe()


def test_neither_a_bright_pixel_nor_an_even_image_makes_a_scale() -> None:
    first, last = images()
    frames = images(1)
    frames[0, 0, 3, 3] = 1e6
    frames[1, 0, :4] = np.nan
    assert place_truth(frames, None, (first, last), "one").scales is None
    even = np.full_like(frames, 7.0)
    assert place_truth(even, None, (first, last), "even").scales is None


@settings(deadline=None, max_examples=30)
@given(st.one_of(st.floats(4.0, 300.0), st.floats(0.004, 0.2)), st.floats(-50.0, 50.0))
def test_the_images_are_known_at_the_ends_whatever_the_scale(factor: float, offset: float) -> None:
    first, last = images()
    between = np.linspace(0, 1, 5)[:, None, None, None]
    scene = (1 - between) * first + between * last
    stack = (factor * scene + offset).astype(np.float32)
    truth = place_truth(stack, None, (first, last), "truth.tif")
    assert truth.times.tolist() == [0.25, 0.5, 0.75]
    # Frames that only lie in between stay what they are.
    inner = place_truth(stack[1:-1], None, (first, last), "truth.tif")
    assert len(inner.times) == 3
    assert inner.times.tolist() == [0.25, 0.5, 0.75]


def test_a_stack_without_any_value_is_refused() -> None:
    first, last = images()
    nothing = np.full((4, *SHAPE), np.nan, np.float32)
    with pytest.raises(ObservationError, match="has no value in any pixel"):
        place_truth(nothing, None, (first, last), "truth.tif")
