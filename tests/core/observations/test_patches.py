"""Windows cover the image, are drawn evenly and blend without seams."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_latentdyn.core.observations.patches import (
    Window,
    batch_indices,
    blend_weights,
    scan,
    tiles,
)


@st.composite
def scans(draw: st.DrawFn) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    shape = (draw(st.integers(16, 90)), draw(st.integers(16, 90)))
    size = (draw(st.integers(16, 120)), draw(st.integers(16, 120)))
    stride = (draw(st.integers(4, size[0])), draw(st.integers(4, size[1])))
    return shape, size, stride


@settings(max_examples=80, deadline=None)
@given(scans())
def test_every_pixel_is_scanned_and_no_window_leaves_the_image(
    case: tuple[tuple[int, int], tuple[int, int], tuple[int, int]],
) -> None:
    shape, size, stride = case
    seen = np.zeros(shape, int)
    windows = scan(shape, size, stride)
    for window in windows:
        assert (window.height, window.width) == (min(size[0], shape[0]), min(size[1], shape[1]))
        assert window.y >= 0
        assert window.x >= 0
        seen[window.slices] += 1
        assert seen[window.slices].shape == (window.height, window.width)
    assert seen.min() >= 1
    assert len(set(windows)) == len(windows)


def test_windows_lie_a_stride_apart() -> None:
    assert [w.x for w in scan((16, 100), (16, 40), (16, 20))] == [0, 20, 40, 60]
    assert [w.x for w in scan((16, 105), (16, 40), (16, 20))] == [0, 20, 40, 60, 65]


@pytest.mark.parametrize("stride", [(0, 8), (8, 33)])
def test_strides_that_leave_gaps_are_refused(stride: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="stride"):
        scan((64, 64), (32, 32), stride)


@settings(max_examples=60, deadline=None)
@given(st.integers(16, 300), st.integers(16, 300), st.integers(16, 128), st.floats(0.1, 0.75))
def test_blend_weights_are_positive_and_fall_off_inwards_only(
    height: int, width: int, side: int, overlap: float
) -> None:
    shape = (height, width)
    total = np.zeros(shape)
    for window in tiles(shape, side, overlap):
        weights = blend_weights(window, shape)
        assert weights.shape == (window.height, window.width)
        assert weights.min() > 0
        total[window.slices] += weights
    assert total.min() > 0


def test_a_window_over_the_whole_image_has_equal_weights() -> None:
    assert np.all(blend_weights(Window(0, 0, 20, 30), (20, 30)) == 1.0)


def test_small_images_are_one_piece() -> None:
    assert tiles((90, 64), 64, 0.5) == [Window(0, 0, 90, 64)]
    assert len(tiles((200, 64), 64, 0.5)) > 3


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**31 - 1))
def test_an_epoch_shows_every_patch_once(count: int, batch: int, seed: int) -> None:
    size = min(batch, count)
    drawn = np.concatenate([batch_indices(s, count, batch, seed) for s in range(count)])
    assert len(drawn) == count * size
    assert np.all(np.bincount(drawn, minlength=count) == size)


def test_batches_depend_on_seed_and_step_alone() -> None:
    again = [batch_indices(7, 30, 4, 1) for _ in range(2)]
    assert np.array_equal(*again)
    others = [batch_indices(7, 30, 4, seed) for seed in range(5)]
    assert len({tuple(indices) for indices in others}) > 1
