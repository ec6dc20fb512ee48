"""Matching against motions that are known, and against what disturbs it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from tests.core.helpers import finished, moved, spin, texture, turning

from napari_latentdyn.core.matching.ensemble import Ensemble
from napari_latentdyn.core.matching.features import MEMBERS, MemberParameters, features
from napari_latentdyn.core.matching.members import pyramid_shapes
from napari_latentdyn.core.matching.pair import MaskedPair
from napari_latentdyn.core.matching.propagation import propagate
from napari_latentdyn.core.matching.pyramid import match_members
from napari_latentdyn.core.physics.motion import Motion

Image = NDArray[np.float64]
Mask = NDArray[np.bool_]
INNER = (..., slice(8, -8), slice(8, -8))
STILL = (0.0, 0.0)


def unit(image: Image) -> Image:
    """Textures of the helpers, brought to about [0, 1]."""
    return (image - 40.0) / 120.0


def searching(
    first: Image,
    last: Image,
    members: int = 1,
    valid: tuple[Mask, Mask] | None = None,
    drift: tuple[float, float] = STILL,
    motion: Motion = "local",
) -> Generator[float, None, tuple[Ensemble, tuple[MemberParameters, ...]]]:
    everywhere = np.ones(first.shape, bool)
    return match_members(
        (first.astype(np.float32), last.astype(np.float32)),
        valid or (everywhere, everywhere),
        np.array(drift, np.float32),
        members,
        motion,
        torch.device("cpu"),
    )


def matched(first: Image, last: Image, **options: Any) -> tuple[list[float], NDArray[np.float32]]:
    """What a search says, and what it finds."""
    said, (ensemble, _) = finished(searching(first, last, **options))
    return said, ensemble.velocities


def error(found: NDArray[np.float32], truth: Image | tuple[float, float]) -> Image:
    """Distance between velocities at each place away from the border."""
    expected = np.asarray(truth).reshape(2, *(np.shape(truth)[1:] or (1, 1)))
    return np.linalg.norm(found - expected, axis=-3)[INNER]


def test_a_rotation_is_found_to_a_fraction_of_a_pixel() -> None:
    angle, shape = math.radians(10), (96, 96)
    at = turning(angle, shape)
    _, found = matched(unit(at(0)), unit(at(1)))
    assert found.shape == (1, 2, 96, 96)
    assert found.dtype == np.float32
    missed = error(found[0], spin(angle, shape))
    assert missed.mean() < 0.05
    assert np.percentile(missed, 99) < 0.3


@pytest.mark.parametrize("shift", [(3.0, -2.0), (-1.4, 4.3)])
def test_a_translation_is_found(shift: tuple[float, float]) -> None:
    at = moved(shift, (48, 56))
    _, found = matched(unit(at(0)), unit(at(1)))
    missed = error(found[0], shift)
    assert missed.mean() < 0.03
    assert missed.max() < 0.2


def test_a_long_way_is_found_from_the_common_drift() -> None:
    at = moved((15.0, -18.0), (48, 48))
    first, last = unit(at(0)), unit(at(1))
    _, found = matched(first, last, drift=(14.0, -19.0))
    seen = error(found[0], (15.0, -18.0))
    assert np.median(seen) < 0.05
    assert (seen < 0.5).mean() > 0.9


def plates(shape: tuple[int, int] = (96, 64)) -> tuple[Image, Image]:
    """Two plates: the upper moves up by 2, the lower down by 5, and dark water opens between."""
    rows = np.arange(shape[0])[:, None]
    crack, pad = shape[0] / 2, 10

    def at(time: float) -> Image:
        out = np.zeros(shape)
        for seed, speed, sign in ((0, -2.0, 1), (1, 5.0, -1)):
            scene = texture((shape[0] + 2 * pad, shape[1]), seed)
            body = ndimage.shift(scene, (speed * time, 0), order=3, mode="nearest")[pad:-pad]
            # Shares of the pixels that the plate covers.
            edge = crack + speed * time
            cover = (edge - rows) if sign > 0 else (rows + 1 - edge)
            out += np.clip(cover, 0, 1) * unit(body)
        return out

    return at(0), at(1)


def test_both_plates_keep_their_motion_where_a_crack_opens() -> None:
    _, found = matched(*plates())
    # Half way, the water lies between the rows 47 and 50.5.
    for rows, speed in ((slice(8, 47), -2.0), (slice(51, -8), 5.0)):
        body = found[0, :, rows, 8:-8]
        missed = np.hypot(body[0] - speed, body[1])
        assert np.median(missed) < 0.1
        assert (missed < 0.5).mean() > 0.9
    profile = found[0, 0, :, 8:-8].mean(axis=1)
    assert np.all(np.diff(profile[40:58]) > -0.1)


def test_a_place_takes_over_the_velocity_of_a_neighbour_that_fits_better() -> None:
    at = moved((3.0, -2.0), (48, 48))
    seen = torch.ones(1, 1, 48, 48)
    first, last = (
        features(torch.from_numpy(unit(at(t))).float()[None, None], MEMBERS[2]) for t in (0, 1)
    )
    truth = torch.tensor([3.0, -2.0]).view(1, 2, 1, 1).expand(1, 2, 48, 48)
    wrong = truth.clone()
    wrong[..., 18:30, 18:30] = torch.tensor([-2.0, 4.0]).view(1, 2, 1, 1)
    mended = propagate(MaskedPair((first, last), (seen, seen)), wrong, torch.zeros_like(wrong))
    assert float((wrong - truth).abs().max()) == 6.0
    assert float((mended - truth)[INNER].abs().max()) < 1e-4
    # What is missing cannot be compared, and nothing is taken over there.
    kept = propagate(MaskedPair((first, last), (0 * seen, seen)), wrong, torch.zeros_like(wrong))
    assert torch.equal(kept, wrong)


@pytest.mark.parametrize(
    "change",
    [lambda x: 1.2 * x, lambda x: 0.8 * x, lambda x: x + 0.2],
    ids=["brighter", "darker", "shifted"],
)
def test_another_brightness_does_not_spoil_the_motion(
    change: Callable[[Image], Image],
) -> None:
    at = moved((3.0, -2.0), (48, 48))
    _, found = matched(unit(at(0)), change(unit(at(1))), members=2)
    # The features of the second member are mostly local contrast.
    missed = error(found[1], (3.0, -2.0))
    assert missed.mean() < 0.1
    assert missed.max() < 0.3


@settings(max_examples=20, deadline=None)
@given(st.floats(-1, 1, width=32), st.floats(0.75, 1.5, width=32), st.sampled_from(MEMBERS))
def test_the_local_contrast_does_not_know_the_brightness(
    shift: float, factor: float, member: MemberParameters
) -> None:
    image = torch.from_numpy(unit(texture((32, 32), sigma=1.5))).float()[None, None]
    one, other = features(image, member), features(factor * image + shift, member)
    assert one.shape == (1, 2, 32, 32)
    torch.testing.assert_close(one[:, :1], member.intensity * image)
    difference = (one - other)[:, 1:].abs().max() / one[:, 1:].std()
    # The noise floor alone tells strong texture from weak.
    assert float(difference) < 0.35


@pytest.mark.parametrize(
    ("hole", "mean", "most"), [(np.s_[20:36, 20:36], 0.15, 0.8), (np.s_[14:42, 14:42], 0.25, 1.5)]
)
def test_missing_pixels_do_not_pull(hole: tuple[slice, slice], mean: float, most: float) -> None:
    """Garbage that stands still, as large as a quarter or half of the image's side."""
    at = moved((3.0, -2.0), (56, 56))
    first, last = unit(at(0)), unit(at(1))
    valid = np.ones(first.shape, bool)
    valid[hole] = False
    garbage = unit(texture(first.shape, seed=7, sigma=1.0))
    first, last = np.where(valid, first, garbage), np.where(valid, last, garbage)
    _, found = matched(first, last, valid=(valid, valid), members=2)
    missed = error(found[1], (3.0, -2.0))
    assert missed.mean() < mean
    assert missed.max() < most
    if most > 1:
        _, believed = matched(first, last, members=2)
        assert error(believed[1], (3.0, -2.0)).max() > 2 * most


def stripes(shape: tuple[int, int]) -> tuple[Mask, Mask]:
    lost = np.broadcast_to(np.arange(shape[1]) % 16 < 4, shape)
    return ~lost, ~lost


def dropouts(shape: tuple[int, int]) -> tuple[Mask, Mask]:
    random = np.random.default_rng(3)
    return random.random(shape) > 0.25, random.random(shape) > 0.25


def swaths(shape: tuple[int, int]) -> tuple[Mask, Mask]:
    lost = np.broadcast_to((np.arange(shape[0]) % 32 < 8)[:, None], shape)
    return ~lost, ~np.roll(lost, 11, axis=0)


@pytest.mark.parametrize("gaps", [stripes, dropouts, swaths])
@pytest.mark.parametrize("short", [True, False])
def test_motion_is_found_where_a_quarter_of_the_pixels_is_missing(
    gaps: Callable[[tuple[int, int]], tuple[Mask, Mask]], short: bool
) -> None:
    """On coarse levels each pixel covers valid and missing ones: only the valid ones count."""
    angle, shape = math.radians(8), (128, 128)
    at, valid = turning(angle, shape), gaps(shape)
    first, last = (np.where(v, unit(at(t)), 0.0) for t, v in zip((0, 1), valid, strict=True))
    everything = match_members(
        (first.astype(np.float32), last.astype(np.float32)),
        valid,
        np.zeros(2, np.float32),
        3,
        "local",
        torch.device("cpu"),
        weigh=True,
        short=short,
    )
    _, (ensemble, _) = finished(everything)
    missed = error(ensemble.centre, spin(angle, shape))
    assert missed.mean() < 0.25
    assert np.percentile(missed, 99) < 1.5


def test_images_that_are_the_same_do_not_move() -> None:
    image = unit(texture((40, 48)))
    _, found = matched(image, image, members=2)
    assert np.abs(found).max() < 1e-4


@pytest.mark.parametrize("motion", ["steady", "inertial"])
def test_a_rotation_is_found_whatever_the_motion(motion: Motion) -> None:
    angle, shape = math.radians(8), (48, 48)
    at = turning(angle, shape)
    _, found = matched(unit(at(0)), unit(at(1)), motion=motion)
    assert error(found[0], spin(angle, shape)).mean() < 0.1


@pytest.fixture(scope="module")
def drifted() -> tuple[Image, Image]:
    at = moved((0.8, -0.6), (30, 28))
    return unit(at(0)), unit(at(1))


@pytest.fixture(scope="module")
def all_members(
    drifted: tuple[Image, Image],
) -> tuple[list[float], NDArray[np.float32]]:
    return matched(*drifted, members=len(MEMBERS))


def test_members_differ_and_each_finds_the_motion(
    all_members: tuple[list[float], NDArray[np.float32]],
) -> None:
    found = all_members[1]
    assert found.shape == (len(MEMBERS), 2, 30, 28)
    assert len({field.tobytes() for field in found}) == len(set(MEMBERS)) == len(MEMBERS)
    assert error(found, (0.8, -0.6)).mean(axis=(1, 2)).max() < 0.1


def test_progress_grows_from_nothing_to_nearly_all(
    all_members: tuple[list[float], NDArray[np.float32]],
) -> None:
    said = all_members[0]
    assert said == sorted(said)
    assert said[0] == 0.0
    assert 0.3 < said[-1] < 1.0


def test_a_search_repeats_itself_however_many_members_follow(
    drifted: tuple[Image, Image],
    all_members: tuple[list[float], NDArray[np.float32]],
) -> None:
    random = torch.random.get_rng_state()
    one, again = (matched(*drifted)[1] for _ in range(2))
    np.testing.assert_array_equal(one, again)
    # The members of a batch go on until the last one has converged.
    np.testing.assert_allclose(one[0], all_members[1][0], atol=1e-3)
    assert torch.equal(random, torch.random.get_rng_state())


def test_it_can_be_interrupted() -> None:
    at = moved((2.0, 1.0), (32, 32))
    search = searching(unit(at(0)), unit(at(1)), members=2)
    assert next(search) == 0.0
    next(search)
    search.close()
    with pytest.raises(StopIteration):
        next(search)
    assert torch.is_grad_enabled()


def test_between_two_pieces_gradients_are_those_of_the_caller() -> None:
    at = moved((2.0, 1.0), (32, 32))
    search = searching(unit(at(0)), unit(at(1)))
    next(search)
    assert torch.is_grad_enabled()
    search.close()


@settings(max_examples=100, deadline=None)
@given(st.integers(8, 5000), st.integers(8, 5000))
def test_levels_grow_from_sixteen_pixels_to_the_image(height: int, width: int) -> None:
    shapes = pyramid_shapes((height, width))
    assert shapes[-1] == (height, width)
    assert min(shapes[0]) < 32
    assert len(shapes) == 1 or min(shapes[0]) >= 16
    for small, large in itertools.pairwise(shapes):
        ratio = 0.7 if min(large) <= 128 else 0.5
        for one, other in zip(small, large, strict=True):
            assert abs(one - other * ratio) <= 0.5
            assert one < other
