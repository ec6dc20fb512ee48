"""Optimal transport of blobs, whose way and width are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from napari_latentdyn.core.baselines import Interpolation, find_method
from napari_latentdyn.core.baselines.transport import _Cells, masses_of
from napari_latentdyn.core.observations.observations import Observations


def run(name: str, pair: Observations, times: list[float]) -> Interpolation:
    return find_method(name)(
        pair, np.array(times), should_stop=lambda: False, on_progress=lambda _: None
    )


def blob(
    row: float, column: float, shape: tuple[int, int] = (48, 48), width: float = 2.5
) -> NDArray[np.float64]:
    rows, columns = np.indices(shape)
    return np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * width**2))


def centre_and_width(frame: NDArray[np.floating]) -> tuple[NDArray[np.float64], float]:
    mass = frame - frame.min()
    places = np.indices(mass.shape)
    centre = (places * mass).sum(axis=(1, 2)) / mass.sum()
    spread = ((places - centre[:, None, None]) ** 2 * mass).sum(axis=(1, 2)) / mass.sum()
    return centre, float(np.sqrt(spread.mean()))


@pytest.fixture
def travelling() -> Observations:
    """A blob that travels by (12, 18) pixels and gains a quarter of its mass."""
    return Observations.from_arrays(blob(16, 14), 1.25 * blob(28, 32))


@pytest.mark.parametrize("name", ["transport", "transport-entropic"])
def test_transport_moves_a_blob_straight_on(name: str, travelling: Observations) -> None:
    times = [0.25, 0.5, 0.8]
    first, last = (image[0].astype(np.float64) for image in travelling.images)
    for t, made in zip(times, run(name, travelling, times).frames, strict=True):
        frame = made[0].astype(np.float64)
        total = (1 - t) * first.sum() + t * last.sum()
        assert frame.sum() == pytest.approx(total, rel=1e-5)
        centre, width = centre_and_width(frame)
        np.testing.assert_allclose(centre, (16 + 12 * t, 14 + 18 * t), atol=0.1)
        # One blob of the same size, where a dissolve has two.
        assert width == pytest.approx(2.5, abs=0.25)
        assert centre_and_width((1 - t) * first + t * last)[1] > 4


def test_exact_transport_on_cells_of_several_pixels() -> None:
    rng = np.random.default_rng(0)
    texture = ndimage.gaussian_filter(rng.random((100, 100)), 1.5)
    ends = [0.02 * texture + blob(*at, (100, 100), 4) for at in ((40, 30), (52, 60))]
    pair = Observations.from_arrays(*ends)
    frame = run("transport", pair, [0.5]).frames[0, 0].astype(np.float64)
    totals = [image.sum(dtype=np.float64) for image in (pair.images[0], pair.images[1])]
    assert frame.sum() == pytest.approx(np.mean(totals), rel=1e-5)
    near = ndimage.gaussian_filter(frame, 2)
    found = np.unravel_index(near.argmax(), near.shape)
    assert np.hypot(*(np.array(found) - (46, 45))) < 5


@given(length=st.integers(1, 60), side=st.integers(1, 60))
@settings(deadline=None)
def test_every_pixel_belongs_to_cells_with_weight_one(length: int, side: int) -> None:
    cells = _Cells.of(length, side)
    total = np.bincount(cells.pixels.ravel(), cells.weights.ravel(), minlength=length)
    np.testing.assert_allclose(total, 1)
    mass = np.random.default_rng(length).random((3, length))
    np.testing.assert_allclose(cells.summed(mass).sum(axis=1), mass.sum(axis=1))


def test_a_channel_without_mass_is_mixed() -> None:
    first, last = np.zeros((2, 2, 32, 32))
    first[0], last[0], last[1] = blob(10, 10, (32, 32)), blob(20, 20, (32, 32)), 5.0
    pair = Observations.from_arrays(first, last, channel_axis=0)
    assert masses_of(pair, 1) is None
    for name in ("transport", "transport-entropic"):
        np.testing.assert_allclose(run(name, pair, [0.2]).frames[0, 1], 1.0, atol=1e-5)


def test_entropic_transport_of_a_far_blob_is_one_blob() -> None:
    pair = Observations.from_arrays(blob(32, 8, (64, 64)), blob(32, 56, (64, 64)))
    centre, width = centre_and_width(run("transport-entropic", pair, [0.5]).frames[0, 0])
    np.testing.assert_allclose(centre, (32, 32), atol=0.2)
    assert width == pytest.approx(2.5, abs=0.3)


def test_large_images_are_reduced_for_entropic_transport() -> None:
    shape = (40, 220)
    pair = Observations.from_arrays(blob(20, 60, shape, 6), blob(20, 90, shape, 6))
    frame = run("transport-entropic", pair, [0.5]).frames[0, 0]
    assert frame.shape == shape
    centre, width = centre_and_width(frame)
    np.testing.assert_allclose(centre, (20, 75), atol=0.3)
    assert width == pytest.approx(6, abs=0.5)
