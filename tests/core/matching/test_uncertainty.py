"""The standard deviation of a velocity: large where the images say little, bounded everywhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.helpers import moved

from napari_latentdyn.core.matching import uncertainty
from napari_latentdyn.core.matching.calibration import Calibration
from napari_latentdyn.core.matching.pair import MaskedPair
from napari_latentdyn.core.matching.uncertainty import velocity_std

SIDE, SHIFT = 96, (3.0, -2.0)
CPU = torch.device("cpu")


def pair_of(first: np.ndarray, last: np.ndarray, valid: np.ndarray | None = None) -> MaskedPair:
    known = np.ones(first.shape, bool) if valid is None else valid
    images = [((image - 100) / 120 + 0.5).astype(np.float32)[None] for image in (first, last)]
    return MaskedPair.from_arrays((images[0], images[1]), (known, known), CPU)


def drift() -> MaskedPair:
    at = moved(SHIFT, (SIDE, SIDE))
    return pair_of(at(0), at(1))


def members(*errors: float) -> torch.Tensor:
    """Velocities of members that differ from the true one by errors in pixels."""
    true = torch.tensor(SHIFT).view(1, 2, 1, 1).expand(len(errors), 2, SIDE, SIDE)
    return true + torch.tensor(errors).view(-1, 1, 1, 1)


def std_of(pair: MaskedPair, *errors: float) -> tuple[np.ndarray, np.ndarray]:
    found = members(*errors)
    std, measured = velocity_std(found, torch.ones(len(found)), members(0.0)[0], pair, "steady")
    return std.numpy(), measured.numpy()


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(1e-3, 1e3), min_size=3, max_size=3),
    st.lists(st.floats(0, 2), min_size=3, max_size=3),
    st.integers(0, 2),
)
def test_a_larger_term_never_decreases_the_deviation(
    terms: list[float], powers: list[float], grown: int
) -> None:
    calibration = Calibration(0.7, tuple(powers))
    before = torch.tensor(terms, dtype=torch.float64).view(3, 1, 1)
    after = before.clone()
    after[grown] *= 2
    ratio = calibration.std(after) / calibration.std(before)
    torch.testing.assert_close(ratio, torch.full_like(ratio, 2 ** powers[grown]))
    expected = 0.7 * np.prod(np.array(terms) ** np.array(powers))
    assert float(calibration.std(before)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("spread", [0.1, 1.0])
def test_members_that_disagree_raise_the_deviation(spread: float) -> None:
    calm, _ = std_of(drift(), 0.0, 0.01)
    apart, measured = std_of(drift(), -spread, spread)
    inner = np.s_[10:-10, 10:-10]
    assert (apart > 1.5 * calm)[inner].all()
    assert measured[inner].all()
    # The spread alone would be the deviation of the members.
    assert 0.1 * spread < np.median(apart) < 2 * spread


def test_images_that_disagree_along_the_path_raise_the_deviation() -> None:
    at = moved(SHIFT, (SIDE, SIDE))
    noise = 8.0 * np.random.default_rng(0).normal(size=(2, SIDE, SIDE))
    clean, _ = std_of(drift(), 0.0, 0.05)
    noisy, _ = std_of(pair_of(at(0) + noise[0], at(1) + noise[1]), 0.0, 0.05)
    assert np.median(noisy) > 1.2 * np.median(clean)


def test_flat_places_are_not_measured_and_bounded() -> None:
    at = moved((0.0, 0.0), (SIDE, SIDE))
    image = at(0)
    image[:, SIDE // 2 :] = 100.0
    noise = 2.0 * np.random.default_rng(0).normal(size=(2, SIDE, SIDE))
    pair = pair_of(image + noise[0], image + noise[1])
    still = torch.zeros(2, 2, SIDE, SIDE)
    still[1] += 0.2
    std, measured = velocity_std(still, torch.ones(2), still[0], pair, "steady")
    flat, full = np.s_[12:-12, SIDE // 2 + 12 :], np.s_[12:-12, : SIDE // 2 - 12]
    assert not measured.numpy()[flat].any()
    assert measured.numpy()[full].mean() > 0.99
    assert np.median(std.numpy()[flat]) > 1.5 * np.median(std.numpy()[full])


def test_the_deviation_is_at_most_an_eighth_of_the_side() -> None:
    std, _ = std_of(drift(), -500.0, 500.0)
    assert std.max() == pytest.approx(SIDE / 8)
    assert np.isfinite(std).all()


def test_places_that_leave_or_are_missing_are_not_measured() -> None:
    at = moved(SHIFT, (SIDE, SIDE))
    valid = np.ones((SIDE, SIDE), bool)
    valid[40:60, 40:60] = False
    std, measured = std_of(pair_of(at(0), at(1), valid), 0.0, 0.05)
    assert not measured[42:58, 42:58].any()
    # Half way, points lie half of the shift away from where they enter.
    assert not measured[0].any()
    assert measured[10:35, 10:35].all()
    assert std[50, 50] > 1.3 * np.median(std[10:35, 10:35])


def test_tiles_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, measured = std_of(drift(), -0.1, 0.2)
    monkeypatch.setattr(uncertainty, "TILE", 40)
    parts, known = std_of(drift(), -0.1, 0.2)
    np.testing.assert_allclose(parts, whole, rtol=2e-3)
    np.testing.assert_array_equal(known, measured)


def test_one_member_has_a_deviation_without_spread() -> None:
    std, measured = std_of(drift(), 0.0)
    inner = np.s_[10:-10, 10:-10]
    assert measured[inner].all()
    assert 0.001 < np.median(std) < 0.2
