"""Each method on scenes for which the answer is known."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from napari_latentdyn.core.baselines import (
    BASELINES,
    Interpolation,
    assess,
    describe_method,
    find_method,
    list_methods,
)
from napari_latentdyn.core.baselines.progress import run_interruptible
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.training.fit import Progress
from napari_latentdyn.errors import MissingLibraryError, SettingsError, Stopped
from napari_latentdyn.settings.presets import PRESETS

FIELDS = ("flow", "dis", "advection")
TIMES = [0.0, 0.01, 0.5, 0.99, 1.0]


def run(name: str, pair: Observations, times: list[float]) -> Interpolation:
    return find_method(name)(
        pair, np.array(times), should_stop=lambda: False, on_progress=lambda _: None
    )


def blob(
    row: float, column: float, shape: tuple[int, int] = (48, 48), width: float = 2.5
) -> NDArray[np.float64]:
    rows, columns = np.indices(shape)
    return np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * width**2))


@pytest.fixture(scope="module")
def drifting() -> Callable[[float], NDArray[np.uint8]]:
    """A 64 x 64 scene that drifts by (3, -2) pixels in the interval, at any time."""
    scene = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(80, 80)), 2)
    scene = 255 * (scene - scene.min()) / np.ptp(scene)

    def at(time: float) -> NDArray[np.uint8]:
        moved = ndimage.shift(scene, (3 * time, -2 * time), mode="wrap")
        return np.clip(np.rint(moved[8:72, 8:72]), 0, 255).astype(np.uint8)

    return at


@pytest.fixture(scope="module")
def pair(drifting: Callable[[float], NDArray[np.uint8]]) -> Observations:
    return Observations.from_arrays(drifting(0.0), drifting(1.0))


@pytest.fixture(scope="module")
def made(pair: Observations) -> Callable[[str], Interpolation]:
    """What a method makes of the pair at `TIMES`, which is computed once."""
    return cache(lambda name: run(name, pair, TIMES))


# All alike ------------------------------------------------------------------------


@pytest.mark.parametrize(("offset", "factor"), [(3e8, 1e-2), (0.0, 1e36)])
@pytest.mark.parametrize("name", [*BASELINES, "quick"])
def test_images_in_double_precision_keep_their_digits(
    name: str,
    offset: float,
    factor: float,
    drifting: Callable[[float], NDArray[np.uint8]],
) -> None:
    """Small differences on a large height, and values near the end of single precision."""
    # Transport chooses its cells by the size: a part of the images would take it longer.
    side = 40 if name == "advection" else 64
    plain, large = (
        Observations.from_arrays(*(a + b * drifting(t)[:side, :side] for t in (0.0, 1.0)))
        for a, b in ((0.0, 1.0), (offset, factor))
    )
    assert large.images.dtype == np.float64
    times = [0.0, 0.4, 1.0]
    expected, made = (run(name, pair, times) for pair in (plain, large))
    assert made.frames.dtype == np.float64
    back = (made.frames - offset) / factor
    # Transport begins with the least intensity; rounding decides between ways that cost alike.
    assert np.median(np.abs(back - expected.frames)) < 0.5
    assert np.isfinite(back).all()
    known = made.frames[1:2]
    found = assess(large, made, times, known, [0.4])
    assert found.scores[0].psnr == np.inf
    assert all(np.isfinite(e) for e in (found.end_error_on, found.end_error_back) if e is not None)


@pytest.mark.parametrize("name", BASELINES)
def test_both_ends_are_the_images(
    name: str, pair: Observations, made: Callable[[str], Interpolation]
) -> None:
    frames = made(name).frames
    np.testing.assert_array_equal(frames[0], pair.images[0])
    np.testing.assert_array_equal(frames[-1], pair.images[1])


@pytest.mark.parametrize("name", BASELINES)
def test_frames_near_the_ends_are_close_to_the_images(
    name: str, pair: Observations, made: Callable[[str], Interpolation]
) -> None:
    near = made(name).frames[[1, 3]]
    span = np.ptp(pair.images[0])
    # The entropic barycentre is blurred, and so is not close.
    allowed = 0.15 if name == "transport-entropic" else 0.02
    for frame, image in zip(near, pair.images, strict=True):
        assert np.sqrt(np.mean((frame - image) ** 2)) < allowed * span


@pytest.mark.parametrize("name", BASELINES)
def test_shapes_types_and_progress(name: str) -> None:
    colours = [np.stack([blob(14, x, (32, 32)), 3 * blob(18, x, (32, 32))]) for x in (12.0, 15.0)]
    pair = Observations.from_arrays(*colours, channel_axis=0)
    told: list[Progress] = []
    made = find_method(name)(
        pair, np.array([0.0, 0.3, 1.0]), should_stop=lambda: False, on_progress=told.append
    )
    assert made.frames.shape == (3, 2, 32, 32)
    assert made.frames.dtype == np.float32
    assert np.isfinite(made.frames).all()
    assert len(told) >= 3
    assert all(0 <= p.step <= p.total for p in told)
    if name in FIELDS:
        assert made.velocity is not None
        assert made.velocity.shape[1:] == (2, 32, 32)
        assert made.velocity.dtype == np.float32
    else:
        assert made.velocity is None


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("shape", [(16, 16), (16, 45)])
def test_the_smallest_images(name: str, shape: tuple[int, int]) -> None:
    noise = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=(3, *shape)), (0, 2, 2))
    pair = Observations.from_arrays(noise[0], noise[0] + 0.2 * noise[1])
    frames = run(name, pair, [0.5]).frames
    assert frames.shape == (1, 1, *shape)
    assert np.isfinite(frames).all()


@pytest.mark.parametrize("name", BASELINES)
def test_missing_pixels_have_the_nearest_value(
    name: str, drifting: Callable[[float], NDArray[np.uint8]]
) -> None:
    first, last = drifting(0.0).astype(np.float32), drifting(1.0).astype(np.float32)
    first[20:26, 30:40] = np.nan
    filled = Observations.from_arrays(first, last)
    made = run(name, filled, [0.5])
    assert np.isfinite(made.frames).all()
    whole = Observations.from_arrays(filled.images[0][0], last)
    # They differ in what is mapped to 0 and 1 alone.
    np.testing.assert_allclose(made.frames, run(name, whole, [0.5]).frames, atol=1.0)


@pytest.mark.parametrize("name", BASELINES)
def test_a_stop_is_heard(name: str, pair: Observations) -> None:
    with pytest.raises(Stopped):
        find_method(name)(
            pair, np.array([0.5]), should_stop=lambda: True, on_progress=lambda _: None
        )


@pytest.mark.parametrize("name", ["flow", "advection", "transport"])
def test_it_is_asked_often_whether_to_stop(name: str) -> None:
    noise = np.random.default_rng(0).normal(size=(2, 160, 160))
    pair = Observations.from_arrays(*ndimage.gaussian_filter(noise, (0, 1, 1)))
    run(name, Observations.from_arrays(*noise[:, :16, :16]), [0.5])  # what is imported only once
    asked = [time.perf_counter()]

    def should_stop() -> bool:
        asked.append(time.perf_counter())
        return asked[-1] - asked[0] > 3

    with suppress(Stopped):
        find_method(name)(
            pair, np.array([0.5]), should_stop=should_stop, on_progress=lambda _: None
        )
    assert np.diff(asked).max() < 1


@pytest.mark.parametrize("times", [[-0.1], [1.2], [float("nan")]])
def test_times_outside_of_the_interval_are_refused(times: list[float], pair: Observations) -> None:
    with pytest.raises(SettingsError, match="between 0 and 1"):
        run("dissolve", pair, times)


def test_work_that_fails_or_is_left_alone() -> None:
    with pytest.raises(ZeroDivisionError):
        run_interruptible(lambda: 1 // 0, lambda: False)
    gate = threading.Event()
    asked = iter([False, False, True])
    with pytest.raises(Stopped):
        run_interruptible(gate.wait, lambda: next(asked))
    gate.set()


# Names ----------------------------------------------------------------------------


def test_all_methods_are_listed() -> None:
    infos = list_methods()
    assert [info.name for info in infos] == [*BASELINES, *PRESETS]
    assert len({info.title for info in infos}) == len(infos)
    for info in infos:
        assert info.description.endswith(".")
        assert info.missing() is None
        assert (info.extra is None) == (not info.modules)


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="known are dissolve, flow, dis"):
        find_method("magic")


@pytest.mark.parametrize(
    ("name", "module"), [("dis", "cv2"), ("transport", "ot"), ("transport-entropic", "ot")]
)
def test_a_missing_library_is_named(
    name: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingLibraryError, match=r'pip install "napari-latentdyn\[compare\]"\.$'):
        find_method(name)
    assert describe_method(name).missing() is not None


# One by one -----------------------------------------------------------------------


@given(time=st.floats(0, 1))
@settings(deadline=None, max_examples=20)
def test_a_dissolve_is_the_weighted_mean(time: float) -> None:
    pair = Observations.from_arrays(blob(10, 10), blob(30, 30))
    frame = run("dissolve", pair, [time]).frames[0]
    np.testing.assert_allclose(
        frame, (1 - time) * pair.images[0] + time * pair.images[1], atol=1e-6
    )


@pytest.mark.parametrize(("name", "allowed"), [("flow", 0.3), ("dis", 0.3), ("advection", 0.3)])
def test_a_translation_is_found(
    name: str, allowed: float, made: Callable[[str], Interpolation]
) -> None:
    velocity = made(name).velocity
    assert velocity is not None
    total = velocity.sum(axis=0)[:, 12:-12, 12:-12]
    np.testing.assert_allclose(total.mean(axis=(1, 2)), (3, -2), atol=allowed)


@pytest.mark.parametrize(("name", "best"), [("flow", 30), ("dis", 30), ("advection", 28)])
def test_frames_of_a_translation_are_nearly_the_true_ones(
    name: str,
    best: float,
    made: Callable[[str], Interpolation],
    drifting: Callable[[float], NDArray[np.uint8]],
) -> None:
    frame = made(name).frames[2, 0]
    error = (frame - drifting(0.5).astype(np.float64))[8:-8, 8:-8]
    assert 20 * np.log10(255 / np.sqrt(np.mean(error**2))) > best


@pytest.mark.parametrize("name", FIELDS)
def test_all_channels_move_along_one_field(name: str, pair: Observations) -> None:
    images = [np.stack([i[0], 255 - i[0]]) for i in (pair.images[0], pair.images[1])]
    images = [np.concatenate([i, 2 * i[:1]]) for i in images]
    frames = run(name, Observations.from_arrays(*images, channel_axis=0), [0.4]).frames[0]
    np.testing.assert_allclose(frames[1], 255 - frames[0], atol=0.05)
    np.testing.assert_allclose(frames[2], 2 * frames[0], atol=0.05)
