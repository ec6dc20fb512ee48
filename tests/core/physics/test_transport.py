"""States are carried stage by stage, as in the paper."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from napari_latentdyn.core.physics.sampling import pixel_grid, sample
from napari_latentdyn.core.physics.transport import Transport
from napari_latentdyn.settings import PhysicsSettings

SIDE = 65
CENTRE = (SIDE - 1) / 2


def constant(dy: float, dx: float, stages: int) -> Tensor:
    field = torch.tensor([dy, dx]).view(1, 1, 2, 1, 1) / stages
    return field.expand(1, stages, 2, SIDE, SIDE).contiguous()


def rotation(angle: float, stages: int) -> Tensor:
    """Velocity of a rigid rotation by an angle in all, about the centre."""
    rows, columns = (pixel_grid(SIDE, SIDE) - CENTRE).unbind(dim=1)
    field = torch.stack([-columns, rows], dim=1) * (angle / stages)
    return field[:, None].expand(-1, stages, -1, -1, -1)


def gaussian(dy: float = 0.0, dx: float = 0.0, sigma: float = 3.0) -> Tensor:
    rows, columns = (pixel_grid(SIDE, SIDE) - CENTRE).unbind(dim=1)
    return torch.exp(-((rows - dy) ** 2 + (columns - dx) ** 2) / (2 * sigma**2))[:, None]


def test_stages_carry_a_bump_to_where_it_belongs_but_blur_it() -> None:
    fields = constant(8.4, -6.3, 6)
    transport = Transport(PhysicsSettings(interpolation="bilinear"))
    carried = transport.by_stages(gaussian(), fields, 0, 1.0)
    assert float((carried - gaussian(8.4, -6.3)).abs().max()) < 0.15
    assert float(carried.max()) < 0.95
    places = transport.paths.trace(0, fields, pixel_grid(SIDE, SIDE), 1.0)
    once = sample(gaussian(), places, "bicubic")
    assert float((once - gaussian(8.4, -6.3)).abs().max()) < 0.02


def test_carrying_back_undoes_carrying_on() -> None:
    fields = constant(6.0, -4.0, 2)
    transport = Transport(PhysicsSettings())
    on = transport.by_stages(gaussian(), fields, 0, 1.0)
    again = transport.by_stages(on, fields, 1, 0.0)
    assert float((again - gaussian()).abs().max()) < 1e-3


@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize("time", [0.0, 0.3, 0.5, 1.0])
def test_stages_and_characteristics_agree_on_smooth_states(time: float, end: int) -> None:
    fields, state = rotation(0.5, 5), gaussian(4.0, 7.0, sigma=6.0)
    transport = Transport(PhysicsSettings())
    carried = transport.by_stages(state, fields, end, time)
    places = transport.paths.trace(end, fields, pixel_grid(SIDE, SIDE), time)
    once = sample(state, places, "bicubic")
    assert float((carried - once)[..., 8:-8, 8:-8].abs().max()) < 0.05


def test_what_flows_in_repeats_the_border() -> None:
    state = pixel_grid(SIDE, SIDE)[:, 1:]
    moved = Transport(PhysicsSettings()).by_stages(state, constant(0.0, 10.0, 2), 0, 1.0)
    # A spline is filtered before it is read: zero to the rounding of values up to 64.
    assert float(moved[..., :10].abs().max()) < 1e-5
    torch.testing.assert_close(moved[..., 10:], state[..., :-10], atol=1e-4, rtol=0)


def test_both_images_meet_half_way() -> None:
    # A point at (0, 15) from the centre moves up first.
    angle, radius = 0.4, 15.0
    first = gaussian(0.0, radius, sigma=5.0)
    last = gaussian(-radius * math.sin(angle), radius * math.cos(angle), sigma=5.0)
    between = gaussian(-radius * math.sin(angle / 2), radius * math.cos(angle / 2), sigma=5.0)
    transport = Transport(PhysicsSettings())
    carried = transport.half_way((first, last), rotation(angle, 4), "spline")
    for image in (carried.first, carried.last):
        torch.testing.assert_close(image, between, atol=0.01, rtol=0)
    assert bool(carried.seen[..., 9:-9, 9:-9].all())
    corners = carried.seen[..., :: SIDE - 1, :: SIDE - 1]
    assert not corners.any()
