"""The time axis that the layers of a result share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_latentdyn.viewer.timeline import Timeline


def test_frames_at_the_stages_and_stages_have_the_same_scale() -> None:
    line = Timeline(np.linspace(0, 1, 9), 8, (24.0, "hour"))
    assert line.is_even
    assert line.of_frames == (3.0, 0.0)
    assert line.of_fields == (3.0, 0.0)
    assert line.shown is None
    assert line.unit == "hour"


def test_finer_frames_show_the_fields_of_their_stage() -> None:
    line = Timeline(np.linspace(0, 1, 17), 8)
    assert line.of_frames == line.of_fields == (0.5, 0.0)
    assert line.shown is not None
    assert line.shown.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 7]


def test_uneven_frames_are_counted() -> None:
    line = Timeline(np.array([0.0, 0.1, 1.0]), 8, (24.0, "hour"))
    assert not line.is_even
    assert line.unit == "pixel"
    assert line.of_frames == (1.0, 0.0)
    assert line.shown is not None
    assert line.shown.tolist() == [0, 0, 7]


@given(st.integers(1, 40), st.integers(2, 60), st.floats(0.1, 1e4))
def test_the_last_frame_lies_at_the_end_of_the_interval(
    stages: int, frames: int, interval: float
) -> None:
    line = Timeline(np.linspace(0, 1, frames), stages, (interval, "hour"))
    scale, start = line.of_frames
    assert start + (frames - 1) * scale == pytest.approx(interval)
    if line.shown is not None:
        assert len(line.shown) == frames
        assert line.shown.min() >= 0
        assert line.shown.max() < stages
