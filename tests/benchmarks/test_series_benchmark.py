"""The benchmark of series on small generated ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.series import cases, tables
from benchmarks.series.methods import METHODS


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> dict[str, cases.Series]:
    monkeypatch.setattr(cases, "SIDE", 64)
    monkeypatch.setattr(cases, "COUNT", 7)
    monkeypatch.setattr(cases, "DRIFT", (6.0, -4.0))
    return {series.name: series for series in cases.generated_series(lambda name: True)}


def test_hidden_frames_are_none_of_the_given_ones(small: dict[str, cases.Series]) -> None:
    assert len(small) == 5
    for series in small.values():
        assert not set(series.given) & set(series.hidden)
        assert series.images.shape == (len(series.given), 64, 64)
    clouded, gap = small["generated_clouds"], small["generated_gaps"]
    assert 0.01 < np.isnan(clouded.images).mean() < 0.2
    assert len(gap.given) == len(small["generated_steady"].given) - 1
    assert np.isfinite(small["generated_turning"].images).all()


@pytest.mark.parametrize("method", ["blend", "dis", "quadratic", "quick, pairs", "quick"])
def test_each_method_predicts_all_hidden_frames(
    small: dict[str, cases.Series], method: str
) -> None:
    pytest.importorskip("cv2")
    for name in ("generated_clouds", "generated_gaps"):
        series = small[name]
        frames = METHODS[method](series)
        assert frames.shape == (len(series.hidden), 64, 64)
        assert np.isfinite(frames).all()


def test_an_acceleration_is_worth_decibels(small: dict[str, cases.Series]) -> None:
    pytest.importorskip("cv2")
    series = small["generated_accelerated"]
    truth = series.frames[series.hidden]
    errors = {
        name: np.mean((METHODS[name](series) - truth)[:, 8:-8, 8:-8] ** 2)
        for name in ("dis", "quadratic", "quick, pairs", "quick")
    }
    assert errors["quick"] < 0.2 * errors["quick, pairs"]
    assert errors["quadratic"] < 0.5 * errors["dis"]


def test_a_folder_that_is_not_there_has_no_series(tmp_path: Path) -> None:
    assert not list(cases.stored_series(tmp_path / "none", lambda name: True))


def test_tables_count_from_pairs(tmp_path: Path) -> None:
    one = {"psnr": 30.0, "ssim": 0.9, "sharp": 1.0, "seconds": 2.0}
    rows = {
        "foam": {"quick, pairs": one, "quick": {**one, "psnr": 34.0, "seconds": 3.0}},
        "generated_steady": {"quick, pairs": one},
    }
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- tables -->\nold\n<!-- /tables -->\nafter\n")
    tables.write_tables(rows, tmp_path / "tables.md", page)
    text = page.read_text()
    assert "| quick | 34.00 | 34.00 | +4.00 | +4.00 | 0.9000 | 1.00 | 1.50 |" in text
    assert text.startswith("before")
    assert text.endswith("after\n")
    assert "old" not in text
