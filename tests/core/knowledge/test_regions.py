"""Regions of images: their shapes, roles, and what does not fit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist

from napari_latentdyn.core.knowledge.regions import ROLES, Regions, nearest_free
from napari_latentdyn.errors import ObservationError

SHAPE = (5, 7)


def block(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[rows, columns] = True
    return mask


LAND, COAST = block(slice(0, 2), slice(0, 7)), block(slice(2, 3), slice(0, 7))


def test_labels_and_booleans_are_masks_with_one_plane() -> None:
    regions = Regions.from_masks(still=3 * LAND.astype(np.uint8), wall=COAST, interest=None)
    assert list(regions.masks) == ["still", "wall"]
    np.testing.assert_array_equal(regions.masks["still"], LAND[None])
    np.testing.assert_array_equal(regions.blocked, (LAND | COAST)[None])
    assert not regions.is_empty


def test_nothing_is_blocked_without_still_and_wall() -> None:
    assert Regions().is_empty
    assert Regions().blocked is None
    assert Regions.from_masks(interest=LAND).blocked is None
    np.testing.assert_array_equal(Regions.from_masks(wall=COAST).blocked, COAST[None])


@pytest.mark.parametrize(
    ("masks", "told"),
    [
        ({"still": np.zeros(SHAPE, bool)}, "at least one pixel"),
        ({"still": np.ones(5, bool)}, "must have the shape"),
        ({"wall": np.ones((0, 5, 7), bool)}, "must have the shape"),
        ({"interest": np.full(SHAPE, 0.5)}, "must be boolean"),
        ({"interest": np.full(SHAPE, np.nan)}, "must be boolean"),
    ],
)
def test_masks_that_are_none(masks: dict[str, np.ndarray], told: str) -> None:
    with pytest.raises(ObservationError, match=told):
        Regions.from_masks(**masks)


@pytest.mark.parametrize(
    ("masks", "told"),
    [
        ({"still": np.ones((4, 7), bool)}, "must have the size of the images, 5 x 7; got 4 x 7"),
        ({"still": np.ones((2, *SHAPE), bool)}, "one for each of 3 images; got 2"),
        ({"still": ~COAST, "wall": COAST}, "masks that cover all"),
        ({"still": LAND, "interest": LAND}, "region of interest must contain pixels"),
    ],
)
def test_masks_that_do_not_fit(masks: dict[str, np.ndarray], told: str) -> None:
    with pytest.raises(ObservationError, match=told):
        Regions.from_masks(**masks).fits(3, SHAPE)


def test_one_image_that_is_covered_is_told() -> None:
    """Every image needs pixels that can move, not their union."""
    planes = np.stack([LAND, np.ones(SHAPE, bool), LAND])
    with pytest.raises(ObservationError, match="every image"):
        Regions.from_masks(still=planes).fits(3, SHAPE)


def test_every_image_needs_pixels_that_are_seen() -> None:
    """A region of interest of one image holds for all, and clouds hide another part of each."""
    seen = np.stack([~LAND, np.ones(SHAPE, bool), LAND])
    apart = Regions.from_masks(interest=np.stack([LAND, ~LAND, LAND]))
    assert apart.fits(3, SHAPE, seen) is apart
    for masks, told in (
        ({"interest": LAND}, "the region of interest must contain .* none in image 1 of 3"),
        ({"interest": ~LAND}, "the region of interest must contain .* none in image 3 of 3"),
        ({"still": LAND}, "the images must contain pixels .* none in image 3 of 3"),
        ({"wall": np.stack([~LAND, LAND, ~LAND])}, "the images must contain .* image 1 of 3"),
        ({"interest": LAND, "still": np.stack([~LAND, LAND, ~LAND])}, "image 1 of 3"),
    ):
        regions = Regions.from_masks(**masks)
        with pytest.raises(ObservationError, match=told):
            regions.fits(3, SHAPE, seen)


def test_a_region_of_interest_needs_pixels_that_move_in_every_image() -> None:
    planes = np.stack([COAST, LAND, COAST])
    with pytest.raises(ObservationError, match="none in image 2 of 3"):
        Regions.from_masks(still=planes, interest=LAND & ~COAST).fits(3, SHAPE)


def test_an_interval_has_its_own_planes() -> None:
    planes = np.stack([LAND, COAST, LAND | COAST])
    part = Regions.from_masks(still=planes, interest=~LAND).of_images(1, 2)
    np.testing.assert_array_equal(part.still, planes[1:])
    np.testing.assert_array_equal(part.interest, ~LAND[None])


@given(st.integers(0, 3), st.integers(0, 4))
def test_a_window_has_its_pixels(row: int, column: int) -> None:
    window = (slice(row, row + 2), slice(column, column + 3))
    part = Regions.from_masks(still=LAND, wall=COAST).crop(window)
    np.testing.assert_array_equal(part.still, LAND[window][None])
    np.testing.assert_array_equal(part.wall, COAST[window][None])


@given(
    st.dictionaries(st.sampled_from(ROLES), arrays(bool, (2, 3, 4)).filter(lambda mask: mask.any()))
)
def test_arrays_make_the_same_regions(masks: dict[str, np.ndarray]) -> None:
    regions = Regions.from_masks(**masks)
    again = Regions.from_arrays(regions.to_arrays())
    assert set(again.masks) == set(masks)
    for role, mask in masks.items():
        np.testing.assert_array_equal(again.masks[role], mask)


@given(arrays(bool, (4, 5)).filter(lambda mask: not mask.all()))
def test_the_nearest_pixel_is_free_and_none_is_nearer(blocked: np.ndarray) -> None:
    found = nearest_free(blocked)
    assert not blocked[tuple(found)].any()
    pixels = np.argwhere(np.ones_like(blocked))
    ways = np.hypot(*(found.reshape(2, -1).T - pixels).T)
    np.testing.assert_allclose(ways, cdist(pixels, np.argwhere(~blocked)).min(axis=1))
