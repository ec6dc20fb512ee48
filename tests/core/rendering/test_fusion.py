"""One state out of many: who is seen counts, and who disagrees is doubted."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from napari_latentdyn.core.physics.sampling import pixel_grid
from napari_latentdyn.core.rendering import fusion
from napari_latentdyn.core.rendering.fusion import UNSEEN, Carried, agreement, is_seen, visibility
from napari_latentdyn.equations import EQUATIONS

SIDE = 24
INNER = (..., slice(4, -4), slice(4, -4))
SEEN = torch.ones(1, 1, SIDE, SIDE)


def noise(channels: int = 2, seed: int = 0) -> Tensor:
    return torch.rand(1, channels, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def level(value: float, channels: int = 1) -> Tensor:
    return torch.full((1, channels, SIDE, SIDE), value)


def fuse(members: list[list[Carried]], shares: list[float | Tensor]) -> Tensor:
    return fusion.fuse(members, shares, EQUATIONS["source"])


def both(first: Tensor, last: Tensor, time: float = 0.5) -> list[Carried]:
    return [Carried(first, SEEN, 1 - time), Carried(last, SEEN, time)]


@settings(max_examples=20, deadline=None)
@given(st.floats(-30, 30, width=32), st.floats(-30, 30, width=32))
def test_all_is_visible_where_the_scene_moves_as_a_whole(dy: float, dx: float) -> None:
    seen = visibility(pixel_grid(SIDE, SIDE) + torch.tensor([dy, dx]).view(1, 2, 1, 1))
    assert seen.shape == (1, 1, SIDE, SIDE)
    torch.testing.assert_close(seen[INNER], torch.ones_like(seen[INNER]), atol=1e-4, rtol=0)


def test_what_was_squeezed_to_nothing_is_not_visible() -> None:
    places = pixel_grid(SIDE, SIDE)
    line, point = places.clone(), torch.full_like(places, 7.0)
    line[:, 0] = 7.0
    mirrored = places.clone()
    mirrored[:, 1] *= -1
    for collapsed in (line, point, mirrored):
        assert float(visibility(collapsed).abs().max()) < 1e-4


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 3, width=32), st.floats(0, 3, width=32))
def test_visibility_is_the_share_of_the_area_that_is_there(down: float, across: float) -> None:
    places = pixel_grid(SIDE, SIDE) * torch.tensor([down, across]).view(1, 2, 1, 1)
    seen = visibility(places)
    assert float(seen.min()) >= 0
    assert float(seen.max()) <= 1 + 1e-6
    expected = min(1.0, down * across)
    torch.testing.assert_close(
        seen[INNER], torch.full_like(seen[INNER], expected), atol=1e-4, rtol=0
    )


def test_a_crack_is_seen_only_after_it_opened() -> None:
    """Below and above the crack the plates are seen, within it nothing."""
    places = pixel_grid(SIDE, SIDE)
    places[:, 0, 8:16] = 8.0
    places[:, 0, 16:] -= 8.0
    seen = visibility(places)[0, 0, :, 12]
    assert float(seen[10:14].max()) < 0.05
    assert float(seen[3:5].min()) > 0.95
    assert float(seen[19:21].min()) > 0.95


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.floats(0, 1), st.integers(0, 9))
def test_members_that_are_all_the_same_give_what_one_gives(
    members: int, time: float, seed: int
) -> None:
    one = both(noise(seed=seed), noise(seed=seed + 1), time)
    torch.testing.assert_close(
        fuse([one] * members, [1.0] * members), fuse([one], [1.0]), atol=1e-6, rtol=0
    )
    expected = (1 - time) * one[0].state + time * one[1].state
    torch.testing.assert_close(fuse([one], [0.5]), expected, atol=1e-6, rtol=0)


def test_members_count_alike_however_well_they_see() -> None:
    dim = Carried(level(0.0), 0.1 * SEEN, 1.0)
    clear = Carried(level(1.0), SEEN, 1.0)
    torch.testing.assert_close(fuse([[dim], [clear]], [1.0, 1.0]), level(0.5))


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 0.9), st.floats(-1, 1, width=32))
def test_an_end_that_is_not_seen_has_no_influence(time: float, other: float) -> None:
    seen = SEEN.clone()
    seen[..., : SIDE // 2] = 0.0
    state = noise(1)
    fused = fuse([[Carried(state, SEEN, 1 - time), Carried(level(other), seen, time)]], [1.0])
    left, right = (..., slice(None, SIDE // 2)), (..., slice(SIDE // 2, None))
    assert float((fused - state)[left].abs().max()) < 2 * UNSEEN * time / (1 - time) + 1e-5
    expected = (1 - time) * state + time * other
    torch.testing.assert_close(fused[right], expected[right], atol=1e-5, rtol=0)


def test_where_no_end_is_seen_time_decides() -> None:
    ends = [Carried(level(0.0), 0 * SEEN, 0.25), Carried(level(1.0), 0 * SEEN, 0.75)]
    torch.testing.assert_close(fuse([ends], [1.0]), level(0.75))
    assert torch.isfinite(agreement([ends], [1.0], 1)).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5), st.floats(0, 1), st.integers(0, 9))
def test_confidence_is_one_where_all_agree(members: int, time: float, seed: int) -> None:
    state = noise(seed=seed)
    sure = agreement([both(state, state, time)] * members, [1.0] * members, 2)
    assert sure.shape == (1, 1, SIDE, SIDE)
    torch.testing.assert_close(sure, torch.ones_like(sure), atol=1e-4, rtol=0)


def test_confidence_is_one_half_where_states_scatter_by_five_per_cent() -> None:
    among_members = [[Carried(level(v), SEEN, 1.0)] for v in (0.45, 0.55)]
    between_ends = [both(level(0.45), level(0.55), 0.5)]
    for members in (among_members, between_ends):
        sure = agreement(members, [1.0] * len(members), 1)
        torch.testing.assert_close(sure, level(0.5), atol=1e-3, rtol=0)


@settings(max_examples=20, deadline=None)
@given(st.floats(1e-6, 0.5), st.floats(-1, 1, width=32))
def test_confidence_has_no_jump_at_the_ends(time: float, other: float) -> None:
    """Close to an end, the other one has no say: their difference counts by time (1 - time)."""
    sure = agreement([both(level(0.0), level(other), time)], [1.0], 1)
    expected = 1 / (1 + time * (1 - time) * other**2 / 0.05**2)
    torch.testing.assert_close(sure, level(expected), atol=2e-3, rtol=0)


def test_a_member_counts_by_its_share() -> None:
    members = [[Carried(level(v), SEEN, 1.0)] for v in (0.0, 1.0)]
    torch.testing.assert_close(fuse(members, [0.3, 0.1]), level(0.25))
    heavier, lighter = (agreement(members, [a, 1 - a], 1) for a in (0.5, 0.9))
    assert float(heavier.max()) < float(lighter.min())


def test_a_share_may_differ_from_place_to_place() -> None:
    members = [[Carried(level(v), SEEN, 1.0)] for v in (0.0, 1.0)]
    share = SEEN.clone()
    share[..., : SIDE // 2] = 0.0
    fused = fuse(members, [1.0, share])
    torch.testing.assert_close(fused[..., : SIDE // 2], level(0.0)[..., : SIDE // 2])
    torch.testing.assert_close(fused[..., SIDE // 2 :], level(0.5)[..., SIDE // 2 :])
    assert torch.isfinite(agreement(members, [1.0, share], 1)).all()


def test_a_place_is_seen_where_any_end_shows_it() -> None:
    half = SEEN.clone()
    half[..., : SIDE // 2] = 0.0
    assert is_seen([Carried(level(0.0), half, 0.5), Carried(level(0.0), 0 * SEEN, 0.5)]).equal(half)
    assert bool((is_seen(both(level(0.0), level(0.0))) == 1).all())


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 1, width=32), st.floats(0, 1, width=32), st.integers(2, 4))
def test_confidence_falls_with_scatter(one: float, other: float, members: int) -> None:
    pattern = noise(1, seed=3)
    small, large = sorted((one, other))

    def sure(scatter: float) -> Tensor:
        return agreement(
            [[Carried(level(0.3) + i * scatter * pattern, SEEN, 1.0)] for i in range(members)],
            [1.0] * members,
            1,
        )

    little, much = sure(small), sure(large)
    assert float((much - little).max()) <= 1e-6
    assert 0 <= float(much.min()) <= float(little.max()) <= 1 + 1e-6
    if large - small > 0.01:
        assert float(much.mean()) < float(little.mean())


def test_confidence_is_lower_only_around_the_place_in_doubt() -> None:
    other = level(0.5)
    other[..., 10:14, 3:5] = 0.9
    sure = agreement([[Carried(level(0.5), SEEN, 1.0)], [Carried(other, SEEN, 1.0)]], [1.0, 1.0], 1)
    assert float(sure[..., 11:13, 3:5].max()) < 0.5
    assert float(sure[..., 16:].min()) > 0.99


@pytest.mark.parametrize("channels", [1, 2])
def test_confidence_looks_at_the_leading_channels_only(channels: int) -> None:
    other = level(0.5, channels=2)
    other[:, 1] = 0.9
    members = [[Carried(level(0.5, channels=2), SEEN, 1.0)], [Carried(other, SEEN, 1.0)]]
    sure = float(agreement(members, [1.0, 1.0], channels).mean())
    assert sure == pytest.approx(1.0, abs=1e-4) if channels == 1 else sure < 0.2


@pytest.mark.parametrize("time", [0.0, 0.2, 0.5, 0.9])
def test_what_one_end_alone_shows_is_trusted_by_its_share(time: float) -> None:
    """The other one's state is not believed, and cannot confirm it either."""
    members = [[Carried(level(0.5), SEEN, 1 - time), Carried(level(0.9), 0 * SEEN, time)]]
    sure = agreement(members, [1.0], 1)
    torch.testing.assert_close(sure, level(1 - time), atol=0.15, rtol=0)
    assert float(sure.max()) <= 1 - time + 1e-6
