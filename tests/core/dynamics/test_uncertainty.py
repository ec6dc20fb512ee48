"""Standard deviations of a result: coverage, units, times, folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.trust import samples
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.helpers import moved

from napari_latentdyn import Dynamics, Observations, fit, fit_pair
from napari_latentdyn.core.dynamics.uncertainty import middle_velocity, stage_std
from napari_latentdyn.errors import SettingsError, Stopped
from napari_latentdyn.generators import drain
from napari_latentdyn.settings import Settings

SHIFT = (4.0, -3.0)


@pytest.fixture(scope="module")
def drift() -> Dynamics:
    """A drift in 12 hours, in pixels of 50 m."""
    at = moved(SHIFT, (72, 72))
    images = [image.astype(np.float32) for image in (at(0), at(1))]
    units = {"pixel_size": 50.0, "units": "meter", "interval": 12.0, "interval_unit": "hour"}
    return fit_pair(*images, preset="quick", **units)


@pytest.fixture(scope="module")
def series() -> Dynamics:
    """Three images at uneven times."""
    at = moved((8.0, 4.0), (72, 72))
    images = Observations.from_arrays(at(0), at(0.5), at(1), times=[0.0, 1.0, 4.0])
    return drain(fit(images, Settings.preset("quick")))


def test_deviations_cover_the_errors_of_other_scenes() -> None:
    # One scene of each kind; the tables in the documentation have more of them.
    found = samples.tested(samples.fitted(10, 2, "quick"))
    for errors in found:
        scaled = np.concatenate([(np.abs(o.errors) / o.std).ravel() for o in errors])
        scaled = scaled[np.isfinite(scaled)]
        assert (scaled < 1).mean() == pytest.approx(0.68, abs=0.07)
        assert (scaled < 1.96).mean() == pytest.approx(0.95, abs=0.07)


def test_units_of_the_velocity(drift: Dynamics) -> None:
    std = drift.velocity_std()
    assert std.shape == (len(drift.fields), *drift.shape)
    of_stage, measured = drift.stage_deviations()
    np.testing.assert_allclose(std, of_stage / (12.0 / len(drift.fields)), rtol=1e-6)
    np.testing.assert_array_equal(measured, drift.is_measured())
    np.testing.assert_array_equal(drift.velocity_std([0.0, 1.0]), std[[0, -1]])
    true = np.array(SHIFT)[:, None, None] / 12.0
    error = np.abs(drift.velocity() - true)[..., 8:-8, 8:-8]
    assert (error < 3 * std[:, None, 8:-8, 8:-8]).mean() > 0.9


def test_frames_at_the_times_of_images_are_certain(drift: Dynamics) -> None:
    std = drift.frame_std([0.0, 0.5, 1.0])
    assert std.shape == (3, *drift.shape)
    assert not std[[0, 2]].any()
    assert (std[1] > 0).all()
    span = float((drift.observations.high - drift.observations.low)[0])
    assert std.max() <= span / np.sqrt(12) * (1 + 1e-6)
    np.testing.assert_array_equal(drift.frame_std(), drift.frame_std(drift.times()))


def test_a_brighter_image_has_larger_deviations(drift: Dynamics) -> None:
    images = drift.observations.images[:, 0]
    brighter = fit_pair(*(100 * images + 7), preset="quick")
    np.testing.assert_allclose(
        brighter.frame_std([0.3]), 100 * drift.frame_std([0.3]), rtol=0.02, atol=0.05
    )


def test_a_series_has_deviations_of_every_interval(series: Dynamics) -> None:
    std, spans = series.velocity_std(), series.stage_durations
    count = len(series.fields) // 2
    assert std.shape == (2 * count, 72, 72)
    assert np.isfinite(std).all()
    np.testing.assert_array_equal(series.velocity_std([3.9, 0.1]), std[[-1, 0]])
    of_stage = series.stage_deviations()[0]
    np.testing.assert_allclose(std * spans[:, None, None], of_stage, rtol=1e-5)
    frames = series.frame_std([0.0, 0.5, 1.0, 2.0, 4.0])
    assert not frames[[0, 2, 4]].any()
    assert (frames[[1, 3]] > 0).all()


def test_a_folder_gives_the_same_deviations(drift: Dynamics, tmp_path: Path) -> None:
    before = set(drift.save(tmp_path / "before").iterdir())
    std, frames = drift.velocity_std(), drift.frame_std()
    folder = drift.save(tmp_path / "run")
    assert {path.name for path in folder.iterdir()} == {path.name for path in before}
    again = Dynamics.load(folder)
    np.testing.assert_array_equal(again.velocity_std(), std)
    np.testing.assert_array_equal(again.frame_std(), frames)
    assert again.stored("deviation") is not None


def test_channels_keep_their_own_units() -> None:
    at = moved(SHIFT, (72, 72))
    images = [np.stack([at(t), 5 * at(t)]).astype(np.float32) for t in (0, 1)]
    found = fit_pair(*images, preset="quick", channel_axis=0)
    std = found.frame_std([0.4])
    assert std.shape == (1, 2, 72, 72)
    np.testing.assert_allclose(std[0, 1], 5 * std[0, 0], rtol=1e-4)


def test_a_place_that_an_image_lacks_is_uncertain() -> None:
    at = moved(SHIFT, (72, 72))
    first, last = at(0), at(1)
    first[30:45, 30:45] = np.nan
    found = fit_pair(first, last, preset="quick")
    std, span = found.frame_std([0.0]), np.nanmax(first) - np.nanmin(first)
    assert (std[0, 32:43, 32:43] > 0.2 * span).all()
    assert not found.is_measured([0.5])[0, 34:40, 34:40].any()


def test_a_stop_and_wrong_times_are_told(drift: Dynamics) -> None:
    with pytest.raises(Stopped):
        drift.velocity_std(should_stop=lambda: True)
    with pytest.raises(Stopped):
        drift.frame_std([0.123], should_stop=lambda: True)
    for ask in (drift.velocity_std, drift.frame_std, drift.is_measured):
        with pytest.raises(SettingsError, match="between 0 and 1"):
            ask([1.5])


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.floats(-6, 6, width=32), st.floats(-6, 6, width=32))
def test_deviations_move_with_the_points(count: int, dy: float, dx: float) -> None:
    fields = np.empty((count, 2, 24, 24), np.float32)
    fields[:] = np.array([dy, dx], np.float32)[:, None, None] / count
    np.testing.assert_allclose(middle_velocity(fields)[:, 0, 0], [dy, dx], atol=1e-5)
    # An even slope is interpolated exactly.
    slope = torch.arange(24.0).expand(24, 24) + 10.0
    for stage in range(count):
        std, measured = stage_std((slope, torch.ones(24, 24, dtype=torch.bool)), fields, stage)
        assert measured.all()
        later = (stage + 0.5) / count - 0.5
        expected = (slope.numpy() - later * dx) / count
        np.testing.assert_allclose(std[:, 6:-6], expected[:, 6:-6], atol=1e-4)
