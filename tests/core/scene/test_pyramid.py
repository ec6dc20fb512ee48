"""Levels and tiles of a large scene."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_latentdyn.core.observations.patches import covering
from napari_latentdyn.core.scene.pyramid import halved, level_shapes

SIDES = st.integers(1, 90)


@settings(max_examples=60, deadline=None)
@given(SIDES, SIDES, st.integers(1, 40))
def test_each_pixel_lies_in_one_tile(height: int, width: int, side: int) -> None:
    seen = np.zeros((height, width), int)
    for tile in covering((height, width), side):
        seen[tile.slices] += 1
        assert max(tile.height, tile.width) <= side
        assert tile.y % side == tile.x % side == 0
    assert (seen == 1).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 10**5), st.integers(2, 10**5), st.integers(64, 10**6))
def test_levels_are_halves_until_one_is_small_enough(height: int, width: int, most: int) -> None:
    shapes = level_shapes((height, width), most)
    assert shapes[0] == (height, width)
    for fine, coarse in itertools.pairwise(shapes):
        assert coarse == tuple(-(-side // 2) for side in fine)
        assert fine[0] * fine[1] > most
    assert shapes[-1][0] * shapes[-1][1] <= most or min(shapes[-1]) == 1


@settings(max_examples=80, deadline=None)
@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 3), st.integers(1, 17), st.integers(1, 17)),
        elements=st.floats(-1e3, 1e3, width=32) | st.just(np.float32(np.nan)),
    )
)
def test_a_half_is_the_mean_of_the_known_pixels(values: np.ndarray) -> None:
    found = halved(values)
    assert found.shape == (len(values), *(-(-side // 2) for side in values.shape[1:]))
    assert found.dtype == values.dtype
    padded = np.pad(values, [(0, 0), *((0, side % 2) for side in values.shape[1:])], mode="edge")
    for index in np.ndindex(found.shape):
        channel, row, column = index
        block = padded[channel, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        known = block[np.isfinite(block)]
        if known.size < 2:
            assert np.isnan(found[index])
        else:
            np.testing.assert_allclose(found[index], known.mean(), rtol=1e-5, atol=1e-3)
