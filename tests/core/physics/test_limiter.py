"""Advected values stay within the values that they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from tests.core.helpers import finished, moved, small_settings
from torch import Tensor

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.physics.limiter import in_units, limited, neighbour_bounds
from napari_latentdyn.core.physics.sampling import pixel_grid, sample
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.core.training.fit_pair import fit_pair
from napari_latentdyn.errors import FitError
from napari_latentdyn.settings import Settings

TIMES = [0.0, 0.2, 0.5, 0.8, 1.0]


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def around(values: Tensor, y: float, x: float) -> Tensor:
    """The up to four pixels around a place, found one by one, as (C, 4)."""
    height, width = values.shape[-2:]
    y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
    rows = (int(np.floor(y)), min(int(np.floor(y)) + 1, height - 1))
    columns = (int(np.floor(x)), min(int(np.floor(x)) + 1, width - 1))
    return torch.stack([values[0, :, r, c] for r in rows for c in columns], dim=1)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.floats(-3, 12, width=32),
    st.floats(-3, 12, width=32),
    st.sampled_from(["spline", "bicubic"]),
    st.integers(0, 99),
)
def test_a_limited_sample_lies_within_its_four_neighbours(
    height: int, width: int, y: float, x: float, kernel: Literal["spline", "bicubic"], seed: int
) -> None:
    values = noise(1, 2, height, width, seed=seed).sign()
    place = torch.tensor([y, x]).view(1, 2, 1, 1)
    read = sample(values, place, kernel, limiter=True)[0, :, 0, 0]
    four = around(values, y, x)
    assert bool((read >= four.amin(dim=1)).all())
    assert bool((read <= four.amax(dim=1)).all())


@pytest.mark.parametrize("origin", [(0, 0), (3, 5)])
def test_bounds_belong_to_each_image_of_a_batch_and_to_the_origin(origin: tuple[int, int]) -> None:
    values, shift = noise(3, 2, 12, 14), noise(3, 2, 1, 1)
    places = pixel_grid(5, 6, y=3, x=4) + shift
    read = sample(values, places + torch.tensor(origin).view(1, 2, 1, 1), "spline", origin)
    kept = sample(
        values, places + torch.tensor(origin).view(1, 2, 1, 1), "spline", origin, limiter=True
    )
    for i in range(3):
        low, high = neighbour_bounds(values[i : i + 1], places[i : i + 1])
        expected = torch.clamp(read[i : i + 1], low, high)
        torch.testing.assert_close(kept[i : i + 1], expected, atol=1e-4, rtol=0)


def test_a_smooth_state_is_read_as_before() -> None:
    rows, columns = pixel_grid(24, 24).unbind(dim=1)
    values = (0.03 * rows**2 + 0.5 * columns)[:, None]
    places = pixel_grid(12, 12, y=6, x=6) + 0.3
    torch.testing.assert_close(
        sample(values, places, "spline", limiter=True), sample(values, places, "spline")
    )


def test_kernels_that_cannot_overshoot_are_left_alone() -> None:
    values, places = noise(1, 1, 9, 9), pixel_grid(9, 9) + 0.3
    for kernel in ("bilinear", "nearest"):
        assert sample(values, places, kernel, limiter=True).equal(sample(values, places, kernel))


def test_the_gradient_passes_as_if_there_were_no_limit() -> None:
    values = noise(1, 1, 9, 9).sign()
    gradients = []
    for limiter in (False, True):
        places = (pixel_grid(5, 5, y=2, x=2) + 0.4).requires_grad_()
        read = sample(values, places, "spline", limiter=limiter)
        gradients.append(torch.autograd.grad(read.sum(), places)[0])
    assert bool((read.abs() <= 1 + 1e-6).all())
    torch.testing.assert_close(*gradients)


def test_what_lies_within_is_not_changed() -> None:
    values, places = noise(1, 1, 9, 9), pixel_grid(9, 9)
    read = torch.zeros(1, 1, 9, 9)
    low, high = neighbour_bounds(values, places)
    within = (low <= 0) & (high >= 0)
    assert bool((limited(read, values, places)[within] == 0).all())


def two_channels() -> Observations:
    at = moved((3.0, 2.0))
    first, last = (np.stack([at(t), 5.0 + 0.01 * at(t)]) for t in (0, 1))
    return Observations.from_arrays(first, last, channel_axis=0)


def test_frames_are_limited_channel_by_channel() -> None:
    pair = two_channels()
    frames = np.full((2, 2, *pair.shape), 3.0, np.float32)
    frames[1] = -3.0
    kept = in_units(pair, frames, [0.0, 1.0], limiter=True)
    for channel in range(2):
        both = np.stack([pair.images[0][channel], pair.images[1][channel]])
        assert (kept[0, channel] == both.max()).all()
        assert (kept[1, channel] == both.min()).all()
    free = in_units(pair, frames, [0.0, 1.0], limiter=False)
    assert (free[0] > kept[0]).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_frames_that_are_no_numbers_are_refused(value: float) -> None:
    pair = two_channels()
    frames = np.zeros((1, 2, *pair.shape), np.float32)
    frames[0, 1, 3, 4] = value
    for limiter in (True, False):
        with pytest.raises(FitError, match="not finite: train again with a lower learning rate"):
            in_units(pair, frames, [0.5], limiter=limiter)


def test_a_place_that_is_no_number_gives_none() -> None:
    values, places = noise(1, 1, 9, 9), pixel_grid(4, 4)
    places[0, 0, 1, 1], places[0, 1, 2, 2] = torch.nan, torch.inf
    read = sample(values, places, "spline", limiter=True)
    assert bool(read[0, 0, 1, 1].isnan())
    assert int(read.isnan().sum()) == 1


@pytest.mark.parametrize("limiter", [True, False])
@pytest.mark.parametrize("size", [2e-38, 1e-30, 1e20, 8e37, 3.4e38])
def test_frames_of_a_huge_or_tiny_range_are_finite(
    size: float, limiter: bool, tmp_path: Path
) -> None:
    signs = [np.where(discs(shift) > 0, size, -size) for shift in (0.0, 6.3)]
    found = fit_pair(*signs, preset="quick", limiter=limiter, frames=1)
    frames = found.frames()
    assert np.isfinite(frames).all()
    assert np.ptp(frames[0]) > size
    saved = Dynamics.load(found.save(tmp_path / "run")).frames()
    assert np.isfinite(saved).all()
    np.testing.assert_allclose(saved, frames, rtol=1e-5)


def discs(shift: float) -> NDArray[np.float32]:
    """An image of zeros and ones."""
    rows, columns = np.mgrid[:72, :72]
    image = np.zeros((72, 72), np.float32)
    for y, x, radius in ((20, 18, 8.0), (44, 30, 11.0), (50, 56, 2.2)):
        image[np.hypot(rows - y - 0.6 * shift, columns - x - shift) < radius] = 1.0
    return image


@pytest.mark.parametrize("preset", ["quick", "standard"])
def test_frames_of_zeros_and_ones_stay_between_zero_and_one(preset: str) -> None:
    found = fit_pair(discs(0.0), discs(6.3), preset=preset, steps=3, members=2, refinement="short")
    frames = found.frames(TIMES)
    assert frames.min() >= 0.0
    assert frames.max() <= 1.0
    # It is the limiter that does this, and it leaves most of the picture alone.
    free = fit_pair(
        discs(0.0), discs(6.3), preset=preset, steps=3, members=2, refinement="short", limiter=False
    ).frames(TIMES)
    assert free.min() < -0.02
    assert free.max() > 1.02
    assert np.median(np.abs(free - frames)) < 0.005


def test_rain_is_never_negative_and_colours_keep_their_own_range() -> None:
    random = np.random.default_rng(1)
    cells = np.maximum(ndimage.gaussian_filter(random.normal(size=(96, 96)), 2.5) - 0.08, 0.0)
    rain = np.stack([40 * cells, 3 * cells[::-1] - 1.0])
    found = fit_pair(rain[:, 16:80, 16:80], rain[:, 12:76, 19:83], preset="quick", channel_axis=0)
    frames = found.frames(TIMES)
    for channel in range(2):
        both = np.stack(
            [found.observations.images[0][channel], found.observations.images[1][channel]]
        )
        assert frames[:, channel].min() >= both.min()
        assert frames[:, channel].max() <= both.max()
    assert frames[:, 0].min() >= 0.0


def test_a_change_of_brightness_does_not_leave_the_range_of_both() -> None:
    at = moved((4.0, -3.0))
    dark = 0.4 * (at(1.0) - 60.0)
    found = fit_pair(at(0.0) - 60.0, dark, preset="quick")
    assert found.observations.brightness is not None
    frames = found.frames(TIMES)
    assert frames.min() >= min(
        found.observations.images[0].min(), found.observations.images[1].min()
    )
    assert frames.max() <= max(
        found.observations.images[0].max(), found.observations.images[1].max()
    )


@pytest.mark.parametrize("transport", ["stages", "characteristics"])
def test_each_kind_of_transport_is_limited(transport: str) -> None:
    """Before the decoder: the image within the latent state."""
    pair = Observations.from_arrays(discs(0.0), discs(6.3))
    states = {}
    for limiter in (True, False):
        chosen = small_settings(physics__transport=transport, physics__limiter=limiter)
        found = finished(fit(pair, chosen.updated({"training.steps": 0})))[1]
        low, span = pair.low[0], pair.high[0] - pair.low[0]
        states[limiter] = found.latents(TIMES)[:, 0] * span + low
    assert states[True].min() >= -1e-5
    assert states[True].max() <= 1 + 1e-5
    assert states[False].max() > 1.02


def test_the_limiter_is_on_by_default() -> None:
    assert all(Settings.preset(name).physics.limiter for name in ("quick", "standard", "accurate"))
