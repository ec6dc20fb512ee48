"""Images carried half way, compared where both contain the place."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_latentdyn.core.physics.halfway import HalfWay, carry_half_way
from napari_latentdyn.core.physics.motion import pixel_ends
from napari_latentdyn.core.physics.sampling import pixel_grid

SIDE = 24


def drifting(channels: int = 2) -> tuple[Tensor, Tensor]:
    """Images that move by four rows down."""
    random = torch.Generator().manual_seed(0)
    scene = torch.rand(1, channels, SIDE + 4, SIDE, generator=random)
    return scene[..., 4:, :], scene[..., :-4, :]


def carried(masks: tuple[Tensor, Tensor] | None = None) -> HalfWay:
    velocity = torch.tensor([4.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, SIDE, SIDE)
    return carry_half_way(drifting(), pixel_ends(velocity, "local"), masks)


def test_a_drift_is_removed_where_both_images_contain_the_place() -> None:
    half = carried()
    assert not half.difference[..., 2:-2, :].abs().max() > 1e-5
    assert not half.seen_first[..., :2, :].any()
    assert not half.seen_last[..., -2:, :].any()
    assert half.seen[..., 2:-2, :].all()
    assert not half.seen[..., :2, :].any()


def test_missing_pixels_are_not_seen_where_they_move_to() -> None:
    valid = [torch.ones(1, 1, SIDE, SIDE) for _ in range(2)]
    valid[0][..., 10, 5] = valid[1][..., 18, 9] = 0.0
    missing = ~carried((valid[0], valid[1])).seen[0, 0, 2:-2]
    assert {(y + 2, x) for y, x in missing.nonzero().tolist()} == {(12, 5), (16, 9)}


@pytest.mark.parametrize("one_scene", ["images", "places"])
def test_one_image_or_one_place_serves_a_whole_batch(one_scene: str) -> None:
    grid = pixel_grid(SIDE, SIDE)
    images, places = drifting(), (grid, grid + 1)
    together = {
        "images": (images, tuple(p.expand(3, -1, -1, -1) for p in places)),
        "places": (tuple(i.expand(3, -1, -1, -1) for i in images), places),
    }[one_scene]
    half = carry_half_way(*together)  # type: ignore[arg-type]
    expected = carry_half_way(images, places)
    assert half.first.shape == (3, 2, SIDE, SIDE)
    torch.testing.assert_close(half.last[1:2], expected.last)


def test_distances_are_limited_and_averaged_over_what_is_seen() -> None:
    seen = torch.ones(1, 1, SIDE, SIDE, dtype=torch.bool)
    seen[..., 12:] = False
    last = torch.full((1, 2, SIDE, SIDE), 0.1)
    last[..., 12:] = 5.0
    half = HalfWay(torch.zeros_like(last), last, seen, torch.ones_like(seen))
    assert float(half.distance(0.5).max()) == 0.5
    local = half.local_distance(0.5, 2.0)[..., :12]
    torch.testing.assert_close(local, torch.full_like(local, 0.2), rtol=0.01, atol=0)
