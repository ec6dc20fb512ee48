"""Cases of the benchmark: stacks and generated scenes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from benchmarks.accuracy.cases import generated_cases, make_case, read_case, stored_cases


def test_a_stack_is_read_with_uneven_times(tmp_path: Path) -> None:
    frames = np.arange(5 * 16 * 20, dtype=np.float32).reshape(5, 16, 20)
    tifffile.imwrite(tmp_path / "drift.tif", frames)
    entry = {"name": "drift", "times": [0, 30, 37, 40, 50]}
    (tmp_path / "manifest.json").write_text(json.dumps([entry]), encoding="utf-8")
    case = read_case(tmp_path / "drift.tif")
    assert case is not None
    assert case.times == pytest.approx((0.6, 0.74, 0.8))
    assert case.truth.shape == (3, 16, 20)
    assert case.first.min() == 0
    assert case.last.max() == 1
    assert case.field is None


def test_colours_are_averaged_and_holes_are_dark(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).random((3, 16, 20, 3)).astype(np.float32)
    frames[1, 2, 3] = np.nan
    tifffile.imwrite(tmp_path / "colour.tif", frames, photometric="rgb")
    case = read_case(tmp_path / "colour.tif")
    assert case is not None
    assert case.truth.shape == (1, 16, 20)
    ends = frames[[0, -1]].mean(axis=-1)
    assert case.truth[0, 2, 3] == pytest.approx(-ends.min() / np.ptp(ends), abs=1e-5)


def test_a_pair_has_nothing_to_compare_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tifffile.imwrite(tmp_path / "pair.tif", np.zeros((2, 16, 20), np.float32))
    assert stored_cases(tmp_path) == []
    assert stored_cases(tmp_path / "nowhere") == []
    said = capsys.readouterr().err
    assert "pair.tif has no frame" in said
    assert "nowhere is not there" in said


def test_outliers_are_clipped() -> None:
    frames = np.random.default_rng(0).random((3, 40, 40))
    frames[0, 0, 0] = 100
    case = make_case("outlier", "data", frames, range(3))
    assert case.truth.min() == 0
    assert case.truth.max() == 1
    assert case.truth.std() > 0.2


def test_large_frames_are_reduced_and_few_are_chosen() -> None:
    frames = np.random.default_rng(0).random((9, 20, 1024))
    case = make_case("large", "data", frames, range(9))
    assert case.first.shape == (10, 512)
    assert case.times == (0.25, 0.5, 0.75)


def test_generated_scenes_are_chosen_by_name() -> None:
    (case,) = generated_cases(lambda name: "rotation" in name)
    assert case.name == "generated_rotation_cracks"
    assert case.truth.shape == (3, *case.first.shape)
