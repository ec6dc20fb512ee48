"""Where an image shows enough for its motion to be seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from tests.core.helpers import texture as textured

from napari_latentdyn.core.dynamics.texture import texture


def half_flat(noise: float = 0.0) -> NDArray[np.float64]:
    """Left half textured, right half flat but for the noise, as a part of the contrast."""
    image = textured((128, 128))
    image[:, 64:] = image.mean()
    return image + noise * np.ptp(image) * np.random.default_rng(1).normal(size=image.shape)


@pytest.mark.parametrize("noise", [0.0, 0.005, 0.01])
def test_flat_places_and_the_noise_of_a_camera_show_no_motion(noise: float) -> None:
    seen = texture(half_flat(noise))
    assert seen.shape == (128, 128)
    assert seen.dtype == np.float32
    assert seen[:, :56].min() > 0.5
    assert seen[:, 74:].max() < 0.2


@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_it_does_not_depend_on_units(offset: float) -> None:
    image = half_flat()
    np.testing.assert_allclose(texture(3.5 * image + offset), texture(image), atol=1e-3)


def test_each_channel_can_show_motion() -> None:
    image = half_flat()
    both = texture(np.stack([image, image[:, ::-1]]))
    assert both.min() > 0.5


def test_missing_places_show_nothing_and_hide_nothing_around() -> None:
    image = textured((128, 128))
    image[40:80, 40:80] = np.nan
    seen = texture(image)
    assert seen[50:70, 50:70].max() < 0.2
    assert seen[:30].min() > 0.5


def test_an_image_without_changes_says_nothing_of_itself() -> None:
    for image in (np.zeros((20, 30)), np.full((20, 30), np.nan), np.full((2, 20, 30), 7.0)):
        np.testing.assert_array_equal(texture(image), 1.0)


@settings(max_examples=50, deadline=None)
@given(
    arrays.arrays(
        np.float32,
        arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40),
        elements=st.floats(width=32, allow_infinity=True, allow_nan=True),
    )
)
def test_any_image_has_a_texture_between_0_and_1(image: NDArray[np.float32]) -> None:
    seen = texture(image)
    assert seen.shape == image.shape
    assert np.isfinite(seen).all()
    assert 0 <= seen.min() <= seen.max() <= 1
