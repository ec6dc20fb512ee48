"""Values at points and along lines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import profile_line

from napari_latentdyn.core.dynamics.probes import at_points, line_points, profile
from napari_latentdyn.errors import DerivedError

corner = st.tuples(st.floats(0, 20), st.floats(0, 30))


def ramp(times=3, shape=(21, 31)):
    """Frames whose value at (y, x) and time t is 2 y - x + 100 t."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    return (2 * y - x)[None] + 100 * np.arange(times)[:, None, None]


def test_values_at_fixed_points():
    points = np.array([[3.0, 4.0], [10.5, 0.25]])
    values = at_points(ramp(), points)
    expected = 2 * points[:, 0] - points[:, 1] + 100 * np.arange(3)[:, None]
    np.testing.assert_allclose(values, expected)
    np.testing.assert_allclose(at_points(ramp(), points[0]), expected[:, :1])


def test_values_along_the_way_of_tracers():
    paths = np.array([[[3.0, 4.0], [5.0, 4.0], [np.nan, np.nan]]])
    np.testing.assert_allclose(at_points(ramp(), paths), [[2.0], [106.0], [np.nan]])


def test_channels_stay():
    frames = np.stack([ramp(), -ramp()], axis=1)
    values = at_points(frames, [[3.0, 4.0]])
    assert values.shape == (3, 2, 1)
    np.testing.assert_allclose(values[:, 0], -values[:, 1])
    assert profile(frames, [[0, 0], [0, 9]]).shape == (3, 2, 10)


def test_outside_there_is_nothing():
    values = at_points(ramp(), [[-0.4, 0.0], [-0.6, 0.0], [20.4, 30.4], [21.0, 3.0]])
    np.testing.assert_array_equal(np.isnan(values[0]), [False, True, False, True])
    # Half a pixel around the outermost ones has their value.
    np.testing.assert_allclose(values[0, [0, 2]], [0.0, 10.0])


def test_missing_pixels_are_missing_nearby_only():
    frames = ramp()
    frames[:, 5, 5] = np.nan
    values = at_points(frames, [[5.0, 5.0], [4.5, 5.0], [3.0, 5.0], [8.0, 8.0]])
    np.testing.assert_array_equal(np.isnan(values[0]), [True, True, False, False])


def test_a_profile_is_that_of_scikit_image():
    frames = np.random.default_rng(0).normal(size=(2, 21, 31))
    line = [[2.0, 3.0], [17.0, 23.0]]
    ours = profile(frames, line)
    theirs = np.stack([profile_line(frame, *line, order=1) for frame in frames])
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_a_line_may_have_corners():
    points = line_points([[0, 0], [0, 3], [4, 3]])
    np.testing.assert_allclose(points[[0, 3, 7]], [[0, 0], [0, 3], [4, 3]])
    assert len(points) == 8
    assert len(line_points([[0, 0], [0, 3]], spacing=0.5)) == 7


@given(corner, corner, st.floats(0.2, 3.0))
def test_points_of_a_line_are_even_and_near_enough(one, other, spacing):
    length = np.hypot(one[0] - other[0], one[1] - other[1])
    if length < 1e-6:
        return
    points = line_points([one, other], spacing=spacing)
    np.testing.assert_allclose(points[[0, -1]], [one, other], atol=1e-9)
    gaps = np.hypot(*np.diff(points, axis=0).T)
    np.testing.assert_allclose(gaps, gaps[0], atol=1e-6)
    assert gaps[0] <= spacing * (1 + 1e-6)


@given(st.lists(corner, min_size=1, max_size=4))
def test_of_an_even_image_every_value_is_exact(points):
    places = np.array(points)
    np.testing.assert_allclose(
        at_points(ramp(1), places)[0], 2 * places[:, 0] - places[:, 1], atol=1e-9
    )


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: at_points(np.zeros((8, 8)), [[1, 1]]), "frames must have the shape"),
        (lambda: at_points(ramp(), [[1, 1, 1]]), "points must have the shape"),
        (lambda: at_points(ramp(), np.zeros((1, 2, 2))), "2 times do not fit 3 frames"),
        (lambda: profile(ramp(), [[1, 1]]), "a line must have the shape"),
        (lambda: profile(ramp(), [[1, 1], [1, 1]]), "no length"),
        (lambda: profile(ramp(), [[1, 1], [2, 2]], spacing=0), "positive number"),
    ],
)
def test_what_does_not_fit_is_refused(make, said):
    with pytest.raises(DerivedError, match=said):
        make()
