"""Image layers that are taken for masks."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, integer_dtypes
from napari.layers import Image, Labels
from numpy.typing import NDArray
from tests.viewer.knowledge.test_knowledge_layers import known, pair, refusal, square

from napari_latentdyn.viewer.knowledge.masks import is_mask
from napari_latentdyn.viewer.knowledge.reading import roles_of


def binary(side: int = 300) -> NDArray[np.uint8]:
    mask = np.zeros((side, side), np.uint8)
    mask[:, side // 2 :] = 255
    return mask


@settings(deadline=None, max_examples=50)
@given(
    integer_dtypes(endianness="=").flatmap(
        lambda kind: arrays(kind, array_shapes(min_dims=2, max_dims=3), elements=st.integers(0, 2))
    )
)
def test_whole_numbers_are_a_mask_if_they_are_two_with_zero(values: NDArray[Any]) -> None:
    found = np.unique(values)
    layer = Image(values, rgb=False)
    assert is_mask(layer) == (len(found) == 2 and found[0] == 0)
    assert ("still" in roles_of(layer)) == is_mask(layer)


def test_one_other_value_anywhere_makes_an_image() -> None:
    values = binary()
    values[151, 77] = 7
    assert not is_mask(Image(values))


def test_new_data_are_read_again() -> None:
    layer = Image(binary())
    assert is_mask(layer)
    layer.data = np.arange(300 * 300, dtype=np.uint16).reshape(300, 300)
    assert not is_mask(layer)
    layer.data = binary()
    assert is_mask(layer)


@pytest.mark.parametrize(("values", "expected"), [(binary(), False), (binary() > 0, True)])
def test_lazy_arrays_are_not_read(values: NDArray[Any], expected: bool) -> None:
    reads: list[Any] = []

    def read(block: NDArray[Any]) -> NDArray[Any]:
        reads.append(block.shape)
        return block

    lazy = da.from_array(values, chunks=100).map_blocks(read, dtype=values.dtype)
    layer = Image(lazy, contrast_limits=(0, 1))
    reads.clear()
    assert is_mask(layer) == expected
    assert reads == []


def test_colours_real_numbers_and_labels_are_no_mask_images() -> None:
    assert not is_mask(Image(np.stack([binary()] * 3, axis=-1), rgb=True))
    assert not is_mask(Image((binary() > 0).astype(np.float32)))
    assert not is_mask(Labels(binary()))
    assert is_mask(Image([binary(), binary()[::2, ::2]], multiscale=True))


def test_masks_of_two_layers_have_a_plane_for_each() -> None:
    planes = square(slice(None), slice(4, 9), slice(2, 7), count=9)
    planes[8, 20:] = 1
    for count in (2, 9):
        # Frames of a result count its stages.
        chosen = planes[np.linspace(0, 8, count).astype(int)]
        missing = known(pair(), (Labels(chosen), "missing")).missing
        np.testing.assert_array_equal(missing, planes[[0, 8]] > 0)


@pytest.mark.parametrize("role", ["still", "missing", "rigid"])
@pytest.mark.parametrize("count", [3, 5, 8, 10])
def test_other_numbers_of_planes_are_refused_beside_two_layers(role: str, count: int) -> None:
    planes = square(slice(None), slice(4, 9), slice(2, 7), count=count)
    said = refusal(pair(), (Labels(planes, name="m"), role))
    assert said == (
        f"the layer “m” must have one plane, or one for each image; got {count} along axis 0."
    )
