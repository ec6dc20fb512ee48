"""Streamlines lie along the field and fill the image evenly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial import cKDTree
from tests.core.helpers import spin

from napari_latentdyn.core.dynamics.streamlines import streamlines
from napari_latentdyn.errors import DerivedError

SIZE = 128
CENTRE = (SIZE - 1) / 2


def vortices(size=SIZE, wave=64.0):
    k = 2 * np.pi / wave
    y, x = np.mgrid[:size, :size].astype(float)
    return np.stack([-np.cos(k * x) * np.sin(k * y), np.sin(k * x) * np.cos(k * y)])


def test_of_a_rotation_they_are_circles_drawn_once():
    seeds = [[CENTRE, CENTRE + radius] for radius in (8.0, 30.0, 55.0)]
    lines = streamlines(spin(0.1, (SIZE, SIZE)), seeds, max_length=1000.0)
    assert len(lines) == 3
    for line, radius in zip(lines, (8.0, 30.0, 55.0), strict=True):
        assert np.abs(np.hypot(*(line - CENTRE).T) - radius).max() < 0.1
        length = (len(line) - 1) * 1.0
        assert abs(length - 2 * np.pi * radius) <= 2.0


def test_they_follow_the_direction_of_the_flow():
    field = np.zeros((2, 32, 64))
    field[1] = -3.0
    (line,) = streamlines(field, [[16.0, 30.0]], max_length=20.0, step=0.5)
    np.testing.assert_allclose(line[:, 1], 40 - 0.5 * np.arange(41), atol=1e-9)
    np.testing.assert_allclose(line[:, 0], 16.0, atol=1e-9)


def test_they_are_streamlines():
    """Along each, the stream function of the vortices is constant."""
    k = 2 * np.pi / 64
    for line in streamlines(vortices()):
        y, x = line.T
        assert np.ptp(np.sin(k * x) * np.sin(k * y)) < 0.05


@pytest.mark.parametrize("density", [0.5, 1.0, 2.0])
def test_they_are_placed_evenly(density):
    size, apart = 240, 240 / 30 / density
    lines = streamlines(vortices(size, 120.0), density=density)
    for i, line in enumerate(lines):
        others = np.concatenate(lines[:i] + lines[i + 1 :])
        assert cKDTree(others).query(line)[0].min() >= 0.5 * apart
    places = np.stack(np.mgrid[10:230:5, 10:230:5], axis=-1).reshape(-1, 2)
    assert cKDTree(np.concatenate(lines)).query(places)[0].max() < 1.5 * apart


def test_there_are_none_where_nothing_moves():
    field = np.zeros((2, 64, 64))
    assert streamlines(field) == []
    assert streamlines(field, [[3.0, 3.0]]) == []
    field[1, :, 40:] = 2.0
    lines = streamlines(field)
    assert lines
    assert min(line[:, 1].min() for line in lines) > 38


def test_a_length_and_a_border_end_them():
    field = np.ones((2, 40, 40))
    lines = streamlines(field, max_length=12.0)
    assert max(len(line) for line in lines) == 13
    everything = np.concatenate(streamlines(field))
    assert everything.min() >= -0.5
    assert everything.max() <= 39.5


@pytest.mark.parametrize(
    ("field", "options", "said"),
    [
        (np.zeros((1, 2, 8, 8)), {}, "field must have the shape"),
        (np.full((2, 8, 8), np.inf), {}, "must be finite"),
        (np.zeros((2, 8, 8)), {"density": 0}, "positive"),
        (np.zeros((2, 8, 8)), {"step": -1.0}, "positive"),
        (np.zeros((2, 8, 8)), {"seeds": [1.0, 2.0, 3.0]}, "must have the shape"),
    ],
)
def test_what_does_not_fit_is_refused(field, options, said):
    with pytest.raises(DerivedError, match=said):
        streamlines(field, **options)


@settings(max_examples=30, deadline=None)
@given(arrays(np.float64, (2, 9, 12), elements=st.floats(-3, 3)), st.floats(0.5, 3.0))
def test_any_field_has_lines_of_even_steps_within_the_image(field, step):
    for line in streamlines(field, step=step):
        assert len(line) >= 2
        assert np.all((line >= -0.5) & (line <= np.array([8.5, 11.5])))
        np.testing.assert_allclose(np.hypot(*np.diff(line, axis=0).T), step, rtol=1e-6)
