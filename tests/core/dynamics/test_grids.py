"""Points are spread evenly over an image."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_latentdyn.core.dynamics.grids import evenly_spaced, grid_points


@given(size=st.integers(1, 300), spacing=st.integers(1, 400))
def test_indices_are_centred_and_equally_far_apart(size: int, spacing: int) -> None:
    places = evenly_spaced(size, spacing)
    assert places[0] >= 0
    assert places[-1] < size
    assert abs(places[0] - (size - 1 - places[-1])) <= 1
    assert np.all(np.diff(places) == spacing)
    # No other index of the axis is a whole spacing away from all of them.
    assert places[0] < spacing
    assert size - 1 - places[-1] <= spacing


def test_points_are_rows_before_columns() -> None:
    assert grid_points((5, 9), 4).tolist() == [[y, x] for y in (0.0, 4.0) for x in (0.0, 4.0, 8.0)]
