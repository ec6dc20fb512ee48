"""Values are read between the pixels."""

from __future__ import annotations

from typing import Literal

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_latentdyn.core.physics.sampling import inside, pixel_grid, sample

SIDE = 65


def test_inside_knows_the_border() -> None:
    rows = torch.tensor([-0.6, -0.4, 4.0, SIDE - 0.6, SIDE - 0.4])
    positions = torch.stack([rows, torch.full_like(rows, 3.0)])[None, :, None]
    assert inside(positions, (SIDE, SIDE))[0, 0, 0].tolist() == [False, True, True, True, False]


@settings(max_examples=25, deadline=None)
@given(
    st.integers(2, 12),
    st.integers(2, 12),
    st.sampled_from(["bilinear", "bicubic", "spline", "nearest"]),
)
def test_reading_at_the_pixels_returns_the_pixels(
    height: int, width: int, interpolation: Literal["bilinear", "bicubic", "spline", "nearest"]
) -> None:
    values = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    read = sample(values, pixel_grid(height, width), interpolation)
    torch.testing.assert_close(read, values, atol=1e-4, rtol=1e-4)


def test_reading_a_window_counts_from_its_origin() -> None:
    values = torch.randn(1, 2, 20, 30, generator=torch.Generator().manual_seed(0))
    positions = pixel_grid(5, 6, y=8, x=11) + 0.3
    whole = sample(values, positions, "bicubic")
    part = sample(values[..., 4:18, 6:25], positions, "bicubic", (4, 6))
    torch.testing.assert_close(part, whole, atol=1e-4, rtol=1e-4)
