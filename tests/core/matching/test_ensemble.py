"""How members are put in the middle, and how much each one counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.helpers import finished, moved, texture

from napari_latentdyn.core.matching.consensus import consensus_velocity, weighted_median
from napari_latentdyn.core.matching.ensemble import Ensemble, held_out_weights
from napari_latentdyn.core.matching.holdout import FOLDS, HoldOut
from napari_latentdyn.core.matching.pair import MaskedPair
from napari_latentdyn.core.matching.pyramid import match_members

WEIGHTS = st.lists(st.floats(0.0625, 1, width=32), min_size=1, max_size=6)


def stack(values: list[float]) -> torch.Tensor:
    return torch.tensor(values).view(-1, 1, 1, 1).expand(-1, 2, 3, 4)


@settings(max_examples=60, deadline=None)
@given(WEIGHTS, st.integers(0, 99))
def test_the_median_lies_among_the_members_and_moves_with_them(
    weights: list[float], seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    velocities = torch.randn(len(weights), 2, 3, 4, generator=generator)
    shares = torch.tensor(weights)
    middle = weighted_median(velocities, shares)
    assert middle.shape == (2, 3, 4)
    assert bool((middle >= velocities.amin(dim=0) - 1e-6).all())
    assert bool((middle <= velocities.amax(dim=0) + 1e-6).all())
    torch.testing.assert_close(weighted_median(2 * velocities + 3, shares), 2 * middle + 3)
    order = torch.randperm(len(weights), generator=generator)
    torch.testing.assert_close(weighted_median(velocities[order], shares[order]), middle)
    torch.testing.assert_close(weighted_median(velocities, 7 * shares), middle)


@pytest.mark.parametrize(
    ("values", "weights", "expected"),
    [
        ([3.0], [0.2], 3.0),
        ([1.0, 5.0], [1.0, 1.0], 3.0),
        ([1.0, 5.0, 100.0], [1.0, 1.0, 1.0], 5.0),
        ([0.0, 1.0, 2.0, 50.0], [1.0, 1.0, 1.0, 1.0], 1.5),
        ([0.0, 12.0, 12.1], [0.3, 0.5, 0.2], 10.5),
    ],
)
def test_the_median_of_a_few(values: list[float], weights: list[float], expected: float) -> None:
    found = weighted_median(stack(values), torch.tensor(weights))
    torch.testing.assert_close(found, torch.full_like(found, expected), atol=1e-4, rtol=1e-4)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 1) | st.just(np.inf), min_size=1, max_size=6),
    st.floats(0, 1) | st.just(np.inf),
    st.floats(0, 1e6),
)
def test_weights_add_up_and_follow_the_errors(
    errors: list[float], still: float, places: float
) -> None:
    weights, rest = held_out_weights(np.array(errors), still, places)
    assert weights.dtype == np.float32
    assert float(weights.sum()) + rest == pytest.approx(1, abs=1e-5)
    assert weights.min() > 0
    assert rest >= 0
    order = np.argsort(errors)
    assert np.all(np.diff(weights[order]) <= 1e-7)


def test_a_member_that_leaves_the_image_is_not_the_best() -> None:
    weights, still = held_out_weights(np.array([np.inf, 0.1]), 0.3, 1e4)
    assert weights[0] < 1e-5
    assert weights[1] > 0.9
    weights, still = held_out_weights(np.array([np.inf, np.inf]), np.inf, 1e4)
    assert weights.tolist() == [0.5, 0.5]
    assert still == 0.0


def judge(side: int = 96) -> HoldOut:
    """Blocks of two images whose scene drifts by (4, -2)."""
    at = moved((4.0, -2.0), (side, side))
    images = [torch.from_numpy((at(t) - 40) / 120).float()[None, None] for t in (0, 1)]
    half = MaskedPair((images[0], images[1])).resized((side // 2, side // 2))
    return HoldOut(half, "local")


def constant(dy: float, dx: float, side: int = 48) -> torch.Tensor:
    return torch.tensor([dy, dx]).view(1, 2, 1, 1).expand(1, 2, side, side).contiguous()


def test_hidden_blocks_judge_a_velocity() -> None:
    holdout = judge()

    def error(velocity: torch.Tensor | None) -> float:
        found = holdout.still(0) if velocity is None else holdout.errors(velocity, 0)
        squares, weight = found[0]
        return float(np.sqrt(squares / weight))

    right, nearly, still = error(constant(2.0, -1.0)), error(constant(2.4, -1.0)), error(None)
    assert right < 0.02
    assert 2 * right < nearly < still
    assert error(constant(0.0, 0.0)) == pytest.approx(still, abs=1e-4)
    assert holdout.errors(constant(500.0, 0.0), 0).tolist() == [[0.0, 0.0]]
    both = holdout.errors(torch.cat([constant(2.0, -1.0), constant(2.4, -1.0)]), 0)
    assert np.sqrt(both[:, 0] / both[:, 1]).tolist() == pytest.approx([right, nearly])


def test_other_blocks_are_hidden_each_time_and_something_is_left() -> None:
    holdout = judge()
    first, second = (holdout.hidden(fold) for fold in range(FOLDS))
    assert first.shape == (1, 1, 48, 48)
    assert not torch.equal(first, second)
    assert 0.2 < float(first.float().mean()) < 0.6
    assert torch.equal(holdout.hidden(0), judge().hidden(0))
    small = [torch.rand(1, 1, 10, 35) for _ in range(2)]
    hidden = HoldOut(MaskedPair((small[0], small[1])), "steady").hidden(1)
    assert hidden.shape == (1, 1, 10, 35)
    assert hidden.any()
    assert not hidden.all()


def test_missing_pixels_judge_nothing() -> None:
    at = moved((4.0, -2.0), (96, 96))
    images = [torch.from_numpy((at(t) - 40) / 120).float()[None, None] for t in (0, 1)]
    masks = [torch.zeros_like(image) for image in images]
    pair = MaskedPair((images[0], images[1]), (masks[0], masks[1]))
    assert HoldOut(pair, "local").still(0).tolist() == [[0.0, 0.0]]


def test_nothing_follows_from_no_places() -> None:
    weights, still = held_out_weights(np.array([0.01, 0.5]), 0.01, 0.0)
    assert weights.tolist() == [0.5, 0.5]
    assert still == 0.0


def test_standing_still_counts_where_nothing_predicts_better() -> None:
    noise = held_out_weights(np.array([0.1, 0.1]), 0.1, 1e4)[1]
    motion = held_out_weights(np.array([0.02, 0.02]), 0.1, 1e4)[1]
    assert noise == pytest.approx(1 / 3, abs=0.02)
    assert motion < 1e-3


def test_an_ensemble_comes_back_from_its_arrays() -> None:
    weights = np.array([0.4, 0.35], np.float32)
    velocities = np.random.default_rng(0).random((2, 2, 5, 6), np.float32)
    one = Ensemble(velocities, weights, 0.25, velocities[1])
    again = Ensemble.from_arrays(one.to_arrays())
    np.testing.assert_array_equal(again.velocities, one.velocities)
    np.testing.assert_array_equal(again.weights, one.weights)
    np.testing.assert_array_equal(again.centre, one.centre)
    assert again.still == one.still
    with pytest.raises(KeyError):
        Ensemble.from_arrays({})


def weighed(first: np.ndarray, last: np.ndarray, members: int = 4) -> Ensemble:
    everywhere = np.ones(first.shape, bool)
    search = match_members(
        tuple(((image - 40) / 120).astype(np.float32) for image in (first, last)),
        (everywhere, everywhere),
        np.zeros(2, np.float32),
        members,
        "local",
        torch.device("cpu"),
        weigh=True,
    )
    _, (ensemble, _) = finished(search)
    return ensemble


def test_hidden_blocks_tell_motion_from_change_without_any() -> None:
    """Noise that is new every time cannot be followed, a texture that drifts can."""
    at = moved((2.0, -1.0), (96, 96))
    drifts = weighed(at(0), at(1), 2)
    changes = weighed(texture((96, 96), 0), texture((96, 96), 1), 2)
    assert drifts.still < 1e-3
    assert changes.still > 0.1


def test_the_arrows_follow_the_members_that_see_a_body_move_over_still_ground() -> None:
    """A square of 32 pixels moves by 12: the arrows follow it."""
    ground, body = 0.35 * texture((128, 128), 0), 80 + texture((32, 32), 1)
    images = []
    for column in (40, 52):
        image = ground.copy()
        image[48:80, column : column + 32] = body
        images.append(image)
    ensemble = weighed(*images)
    inside = np.s_[52:76, 53:71]
    assert abs(ensemble.centre[1][inside].mean() - 12) < 0.5
    assert np.abs(ensemble.centre[:, :30]).mean() < 0.1


def test_the_member_that_fits_better_in_a_place_counts_more_there() -> None:
    """Two of three members miss a body that moves by 12 pixels."""
    ground, body = 0.35 * texture((128, 128), 0), 80 + texture((32, 32), 1)
    first, last = ground.copy(), ground.copy()
    first[48:80, 40:72], last[48:80, 52:84] = body, body
    pair = MaskedPair.from_arrays(
        (
            ((first - 40) / 120)[None].astype(np.float32),
            ((last - 40) / 120)[None].astype(np.float32),
        ),
        (np.ones(first.shape, bool), np.ones(first.shape, bool)),
        torch.device("cpu"),
    )
    velocities = torch.zeros(3, 2, 128, 128)
    velocities[2, 1, 48:80, 46:78] = 12.0
    equal = torch.full((3,), 1 / 3)
    inside = np.s_[1, 52:76, 53:71]
    assert float(weighted_median(velocities, equal)[inside].abs().max()) == 0.0
    centre = consensus_velocity(velocities, equal, pair, "local")
    assert float(centre[inside].mean()) > 7
    assert float(centre[:, :30].abs().max()) < 0.1
