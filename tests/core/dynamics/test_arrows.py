"""Arrows are few enough to draw, long enough to read, and true."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_latentdyn.core.dynamics.arrows import (
    MAX_ARROWS,
    full_vectors,
    make_arrows,
    readable_length,
    scale_note,
)

GOOD = {1.0, 2.0, 5.0}


def is_round(number: float) -> bool:
    return round(number / 10.0 ** np.floor(np.log10(number) + 1e-9), 9) in GOOD


@settings(max_examples=60, deadline=None)
@given(
    stages=st.integers(1, 130),
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    spacing=st.none() | st.integers(1, 50),
    shown=st.none() | st.integers(1, 300),
)
def test_arrows_of_any_field(
    stages: int, height: int, width: int, spacing: int | None, shown: int | None
) -> None:
    random = np.random.default_rng(stages)
    row = random.normal(size=(stages, 2, 1, width)).astype(np.float32)
    velocity = np.broadcast_to(row, (stages, 2, height, width))
    at = None if shown is None else random.integers(0, stages, shown)
    arrows = make_arrows(velocity, at, spacing)
    times = stages if at is None else len(at)
    start, motion = arrows.data[:, 0], arrows.data[:, 1]
    assert 0 < len(arrows.data) <= MAX_ARROWS
    assert arrows.data.dtype == np.float32
    assert arrows.spacing >= (spacing or 1)
    np.testing.assert_array_equal(np.unique(start[:, 0]), np.arange(times))
    np.testing.assert_array_equal(motion[:, 0], 0)
    np.testing.assert_array_equal(start, np.rint(start))
    assert start[:, 1].min() >= 0
    assert start[:, 2].min() >= 0
    assert start[:, 1].max() <= height - 1
    assert start[:, 2].max() <= width - 1
    t, y, x = start.astype(int).T
    stage = t if at is None else at[t]
    np.testing.assert_array_equal(arrows.features["stage"], stage)
    true = velocity[stage, :, y, x]
    np.testing.assert_allclose(arrows.features["speed"], np.linalg.norm(true, axis=1), rtol=1e-5)
    assert is_round(arrows.length)
    # Arrows are as long as the motion, but for those that would leave the image.
    heads = start[:, 1:] + arrows.length * true
    limits = np.array([height, width]) - 0.5
    # A head on the border itself is cut or not by rounding alone.
    stays = ((heads >= -0.499) & (heads <= limits - 1e-3)).all(axis=1)
    np.testing.assert_array_equal(motion[stays, 1:], true[stays])
    drawn = start[:, 1:] + arrows.length * motion[:, 1:]
    assert (drawn >= -0.5 - 1e-3).all()
    assert (drawn <= limits + 1e-3).all()
    full = full_vectors(arrows.data, arrows.features)
    np.testing.assert_allclose(full[:, 1, 1:], true, rtol=1e-3, atol=1e-4)


def test_an_arrow_at_the_border_ends_there() -> None:
    field = np.zeros((1, 2, 21, 31), np.float32)
    field[0, 1] = 4.0
    arrows = make_arrows(field, None, 10, length=2.0)
    assert arrows.length == 2.0
    by_column = {int(x): float(dx) for x, dx in zip(*arrows.data[:, (0, 1), 2].T, strict=True)}
    # The last pixel ends at 30.5; from 30 an arrow of 8 pixels has room for half a pixel.
    assert by_column == {0: 4.0, 10: 4.0, 20: 4.0, 30: 0.25}
    np.testing.assert_array_equal(arrows.features["speed"], 4.0)
    np.testing.assert_array_equal(full_vectors(arrows.data, arrows.features)[:, 1, 2], 4.0)


def test_arrows_of_little_confidence_are_left_out() -> None:
    field = np.ones((2, 2, 20, 20), np.float32)
    # What nothing shows may be far longer than all others, and does not decide their length.
    field[:, :, :, 10:] = 50.0
    confidence = np.ones((2, 20, 20), np.float32)
    confidence[:, :, 10:] = 0.1
    confidence[1, :10, :10] = 0.3
    arrows = make_arrows(field, None, 2, confidence=confidence)
    assert arrows.data[:, 0, 2].max() < 10
    assert len(arrows.data) == 2 * 10 * 5
    assert arrows.hidden == pytest.approx(0.5)
    assert arrows.length == make_arrows(np.ones_like(field), None, 2).length
    for stage, top in ((0, 1.0), (1, 0.3)):
        of_top = (arrows.features["stage"] == stage) & (arrows.data[:, 0, 1] < 10)
        np.testing.assert_allclose(arrows.features["confidence"][of_top], top)
    assert make_arrows(field, None, 2).hidden == 0.0
    assert "confidence" not in make_arrows(field, None, 2).features
    none = make_arrows(field, None, 2, confidence=np.zeros_like(confidence))
    assert len(none.data) == 0
    assert none.hidden == 1.0


def test_the_scale_of_arrows_is_said() -> None:
    assert scale_note(5.0) == "arrows 5 x their length"
    assert scale_note(0.2) == "arrows 0.2 x their length"


def test_spacing_is_even_and_centred() -> None:
    arrows = make_arrows(np.zeros((1, 2, 100, 100), np.float32), None, 30)
    rows = np.unique(arrows.data[:, 0, 1])
    np.testing.assert_array_equal(rows, [4, 34, 64, 94])


def test_wish_is_granted_within_the_budget() -> None:
    field = np.zeros((8, 2, 256, 256), np.float32)
    assert make_arrows(field, None, 8).spacing == 8
    crowded = make_arrows(field, None, 1)
    assert crowded.spacing == 3
    assert MAX_ARROWS / 2 < len(crowded.data) <= MAX_ARROWS


def test_missing_places_have_no_arrow() -> None:
    field = np.ones((2, 2, 20, 20), np.float32)
    field[:, 0, :10] = np.nan
    arrows = make_arrows(field, None, 1)
    assert len(arrows.data) == len(arrows.features["speed"]) == 2 * 10 * 20
    assert arrows.data[:, 0, 1].min() == 10
    assert len(make_arrows(field * np.nan).data) == 0


@given(speed=st.floats(1e-6, 1e4), spacing=st.integers(1, 100))
def test_long_arrows_are_about_one_spacing(speed: float, spacing: int) -> None:
    length = readable_length(np.full(50, speed), spacing)
    assert is_round(length)
    assert 0.01 <= length <= 100
    if 0.01 < length < 100:
        assert 0.6 < length * speed / spacing < 1.6


@pytest.mark.parametrize("speed", [np.zeros(5), np.zeros(0)])
def test_no_motion_is_not_enlarged(speed: np.ndarray) -> None:
    assert readable_length(speed, 10) == 1
