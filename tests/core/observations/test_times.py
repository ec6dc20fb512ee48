"""Times of images as users type them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_latentdyn.core.observations.times import times_from_table, times_from_text
from napari_latentdyn.errors import ObservationError


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=20))
def test_numbers_are_read_as_they_are(numbers: list[float]) -> None:
    found = times_from_text(" , ".join(map(repr, numbers)))
    np.testing.assert_array_equal(found.values, numbers)
    assert found.unit is None


def test_dates_count_from_the_first_one() -> None:
    found = times_from_text("2024-03-01T12:00, 2024-03-01T13:00+01:00, 2024-03-01T14:30")
    assert (found.values.tolist(), found.unit) == ([0, 0, 2.5], "hour")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("0, 1, noon", "got 'noon'"),
        ("noon, 1, 2", "got 'noon'"),
        ("2024-03-01, yesterday", "got 'yesterday'"),
        ("0, 2024-03-01", "all numbers or all dates"),
        ("0,,1", "got ''"),
    ],
)
def test_the_wrong_entry_is_named(text: str, told: str) -> None:
    with pytest.raises(ObservationError, match=told):
        times_from_text(text)


def test_a_table_of_another_encoding_is_told(tmp_path: Path) -> None:
    (tmp_path / "times.csv").write_bytes("a.tif,0\n\xe9.tif,1\n".encode("latin-1"))
    with pytest.raises(ObservationError, match=r"times\.csv is not a table of commas"):
        times_from_table(["a.tif"], str(tmp_path / "times.csv"))


def test_a_table_with_semicolons(tmp_path: Path) -> None:
    (tmp_path / "times.csv").write_text("name;time\na.tif;0\nb.tif;2.5\n")
    found = times_from_table(["a.tif", "b.tif"], str(tmp_path / "times.csv"))
    assert found.values.tolist() == [0, 2.5]
