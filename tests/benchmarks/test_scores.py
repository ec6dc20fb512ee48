"""Scores of frames and of fields."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.accuracy import scores
from benchmarks.accuracy.fields import FieldTruth, field_error, read_field_truth, total_displacement


def test_psnr_of_a_known_error() -> None:
    truth = np.zeros((16, 16), np.float32)
    assert scores.psnr(truth + 0.1, truth) == pytest.approx(20, abs=1e-4)
    assert scores.psnr(truth, truth) == 99


def test_the_same_frame_scores_best() -> None:
    truth = np.random.default_rng(0).random((3, 32, 32)).astype(np.float32)
    score = scores.score(truth, truth)
    assert score["psnr"] == 99
    assert score["ssim"] == pytest.approx(1)
    assert score["grmse"] == 0
    assert score["sharp"] == pytest.approx(1)


def test_ssim_falls_with_noise_and_sharpness_with_blur() -> None:
    rng = np.random.default_rng(0)
    truth = np.kron(rng.random((8, 8)), np.ones((8, 8)))[None]
    noisy = truth + 0.1 * rng.normal(size=truth.shape)
    assert scores.score(noisy, truth)["ssim"] < 0.95
    assert scores.score(0.5 + 0.5 * (truth - 0.5), truth)["sharp"] == pytest.approx(0.5)


def test_frames_are_clipped_before_they_are_compared() -> None:
    truth = np.ones((1, 16, 16))
    assert scores.score(truth + 3, truth)["psnr"] == 99


def test_frames_without_numbers_are_refused() -> None:
    truth = np.zeros((1, 16, 16))
    with pytest.raises(ValueError, match="no numbers"):
        scores.score(truth * np.nan, truth)
    with pytest.raises(ValueError, match="shape"):
        scores.score(truth[0], truth)


def test_doubt_that_orders_the_errors_has_correlation_one() -> None:
    truth = np.zeros((2, 32, 40))
    error = np.kron(np.random.default_rng(0).random((2, 4, 5)), np.ones((8, 8)))
    assert scores.confidence_score(error**2, error, truth) == pytest.approx(1)
    assert scores.confidence_score(-error, error, truth) == pytest.approx(-1)
    assert scores.confidence_score(truth, error, truth) is None


def test_gaps_do_not_count_and_land_is_separate(tmp_path: Path) -> None:
    shape = (8, 10)
    gaps = np.zeros((3, *shape), bool)
    gaps[2, 0] = True
    land = np.zeros(shape, bool)
    land[:, :5] = True
    np.savez(tmp_path / "a_flow_total.npz", np.zeros((2, *shape), np.float32))
    np.savez(tmp_path / "a_gapmask.npz", gaps)
    np.savez(tmp_path / "a_landmask.npz", land)
    truth = read_field_truth(tmp_path, "a", shape)
    assert truth is not None
    found = np.zeros((2, *shape))
    found[:, 0] = 100
    found[0, 1:, 5:], found[1, 1:, 5:] = 3, 4
    error = field_error(found, truth)
    assert error == pytest.approx({"mean": 2.5, "median": 2.5, "land": 0, "rest": 5})
    assert read_field_truth(tmp_path, "b", shape) is None


def test_fields_of_stages_add_up() -> None:
    from napari_latentdyn.settings import Settings

    fields = np.zeros((4, 2, 24, 24), np.float32)
    fields[:, 0], fields[:, 1] = 0.5, -0.25
    went = total_displacement(fields, Settings().physics)
    truth = np.broadcast_to(np.reshape([2, -1], (2, 1, 1)), (2, 24, 24)).astype(np.float32)
    counted = np.ones((24, 24), bool)
    assert field_error(went, FieldTruth(truth, counted))["mean"] == pytest.approx(0, abs=1e-4)
