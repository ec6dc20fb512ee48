"""The time axis that the layers of a result share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.core.helpers import small_settings

from napari_latentdyn.core.dynamics.motion import Motion
from napari_latentdyn.core.dynamics.result import Dynamics, frame_times
from napari_latentdyn.core.runfolder.schema import RunReport
from napari_latentdyn.viewer.timeline import Timeline, timeline_of


def line_of(
    times: NDArray[np.float64], stages: int, interval: tuple[float, str] | None = None
) -> Timeline:
    """Time axis of two images."""
    whole = interval[0] if interval else float(stages)
    return Timeline(times, times * whole, np.linspace(0, whole, stages + 1), interval)


def test_frames_at_the_stages_and_stages_have_the_same_scale() -> None:
    line = line_of(np.linspace(0, 1, 9), 8, (24.0, "hour"))
    assert line.is_even
    assert line.of_frames == (3.0, 0.0)
    assert line.of_fields == (3.0, 0.0)
    assert line.shown is None
    assert line.unit == "hour"


def test_finer_frames_show_the_fields_of_their_stage() -> None:
    line = line_of(np.linspace(0, 1, 17), 8)
    assert line.of_frames == line.of_fields == (0.5, 0.0)
    assert line.shown is not None
    assert line.shown.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 7]


def test_uneven_frames_are_counted() -> None:
    line = line_of(np.array([0.0, 0.1, 1.0]), 8, (24.0, "hour"))
    assert not line.is_even
    assert line.unit == "pixel"
    assert line.of_frames == (1.0, 0.0)
    assert line.shown is not None
    assert line.shown.tolist() == [0, 0, 7]


@given(st.integers(1, 40), st.integers(2, 60), st.floats(0.1, 1e4))
def test_the_last_frame_lies_at_the_end_of_the_interval(
    stages: int, frames: int, interval: float
) -> None:
    line = line_of(np.linspace(0, 1, frames), stages, (interval, "hour"))
    scale, start = line.of_frames
    assert start + (frames - 1) * scale == pytest.approx(interval)
    if line.shown is not None:
        assert len(line.shown) == frames
        assert line.shown.min() >= 0
        assert line.shown.max() < stages


def series(known: list[float], interval: float | None = 2.0) -> RunReport:
    unit = None if interval is None else {"value": interval, "unit": "hour"}
    return RunReport.model_validate({"observation_times": known, "interval": unit})


def test_an_even_series_lies_at_the_times_of_its_images() -> None:
    fields = np.zeros((6, 2, 12, 16), np.float32)
    report = series([10.0, 11.0, 12.0])
    line = timeline_of(Motion(fields, report))
    assert line.of_frames == line.of_fields == pytest.approx((2 / 3, 20.0))
    settings = small_settings(output__frames=0)
    coarse = timeline_of(Dynamics(settings, fields, report))
    np.testing.assert_allclose(coarse.times, frame_times(settings, (10.0, 11.0, 12.0)))
    assert coarse.of_frames == pytest.approx((2.0, 20.0))
    assert coarse.of_fields == pytest.approx((2 / 3, 20.0))
    assert coarse.time_at((21.0, 0.0, 0.0)) == pytest.approx(10.5)
    finer = timeline_of(Dynamics(small_settings(output__frames=5), fields, report))
    assert finer.shown is not None
    assert finer.shown.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 5]


def test_stages_of_different_length_belong_to_frames() -> None:
    fields = np.zeros((6, 2, 12, 16), np.float32)
    times = np.array([10.0, 10.5, 11.0, 11.5, 12.0, 12.5, 13.0])
    for interval in (2.0, None):
        line = timeline_of(
            Dynamics(small_settings(), fields, series([10, 11, 13], interval), times=times)
        )
        assert line.shown is not None
        assert line.shown.tolist() == [0, 1, 3, 3, 4, 5, 5]
        assert line.of_fields == line.of_frames
        # Without an interval, one unit of the axis is one of the times of the images.
        unit = interval or 1.0
        assert line.of_frames == pytest.approx((0.5 * unit, 10.0 * unit))
        assert line.is_even
        assert line.unit == ("hour" if interval else "pixel")
