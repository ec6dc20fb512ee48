"""Every equation against an analytic solution, forwards and backwards, both ways to solve it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.physics.operators import area_ratio
from napari_latentdyn.core.physics.sampling import pixel_grid, sample
from napari_latentdyn.core.physics.transport import Transport
from napari_latentdyn.core.rendering.fusion import Carried, fuse
from napari_latentdyn.core.rendering.meeting import Meetings
from napari_latentdyn.equations import EQUATIONS, Compared
from napari_latentdyn.equations.sparse_source import DURATION
from napari_latentdyn.settings import PhysicsSettings

SIDE = 97
CENTRE = (SIDE - 1) / 2
#: A flow that turns and converges: radians and logarithm of lengths over the interval.
TURN, STRETCH = 0.6, -0.25
STAGES = 8
INNER = (..., slice(12, -12), slice(12, -12))
#: Value of zero intensity, as normalised images have it.
ZERO = -0.3
#: Largest error of the two ways to solve an equation, in a state of unit size.
BOUNDS = {"characteristics": 0.003, "stages": 0.012}


def spiral(stages: int = STAGES, sign: float = 1.0) -> Tensor:
    """Velocity of the flow in pixels per stage, the same at every stage."""
    rows, columns = (pixel_grid(SIDE, SIDE) - CENTRE).unbind(dim=1)
    field = torch.stack([STRETCH * rows - TURN * columns, TURN * rows + STRETCH * columns], dim=1)
    return (sign * field / stages)[:, None].expand(-1, stages, -1, -1, -1)


def origins(time: float) -> tuple[Tensor, Tensor]:
    """Where the points at the pixels were at time 0, from the centre."""
    rows, columns = (pixel_grid(SIDE, SIDE) - CENTRE).unbind(dim=1)
    cos, sin = math.cos(TURN * time), math.sin(TURN * time)
    shrink = math.exp(-STRETCH * time)
    return shrink * (cos * rows + sin * columns), shrink * (cos * columns - sin * rows)


def bump(place: tuple[Tensor, Tensor], dy: float, dx: float) -> Tensor:
    rows, columns = place
    return torch.exp(-((rows - dy) ** 2 + (columns - dx) ** 2) / (2 * 8.0**2))[:, None]


def advected(time: float) -> Tensor:
    return bump(origins(time), 6.0, 12.0)


def advected_with_source(time: float) -> Tensor:
    place = origins(time)
    return bump(place, 6.0, 12.0) + time * 0.5 * bump(place, -10.0, 4.0)


def density(time: float) -> Tensor:
    """A density grows as areas shrink, by exp(-2 STRETCH time)."""
    return ZERO + advected(time) * math.exp(-2 * STRETCH * time)


def diffused(time: float) -> Tensor:
    """A Gaussian bump, whose variance changes by convergence and by diffusion."""
    area = math.exp(2 * STRETCH * time)
    kappa = float(CONSTANTS["diffusivity"][0])
    variance = 8.0**2 + kappa * (1 - 1 / area) / STRETCH
    rows, columns = origins(time)
    squares = (rows - 6.0) ** 2 + (columns - 12.0) ** 2
    return (8.0**2 / variance * torch.exp(-squares / (2 * variance)))[:, None]


def grown(time: float) -> Tensor:
    """A bump that grows in one place and decays in another."""
    place = origins(time)
    rate = 1.2 * bump(place, -4.0, 9.0) - 1.5 * bump(place, 16.0, 12.0)
    return ZERO + bump(place, 6.0, 12.0) * torch.exp(rate * time)


def grown_to_capacity(time: float) -> Tensor:
    """A bump that grows in one place and decays in another, by the solution of Verhulst."""
    place = origins(time)
    rate = 3.0 * bump(place, -4.0, 9.0) - 2.0 * bump(place, 16.0, 12.0)
    start = 0.6 * bump(place, 6.0, 12.0)
    factor = torch.exp(rate * time)
    return ZERO + start * factor / (1 + start * (factor - 1))


def onset() -> Tensor:
    """When a source acts, at the places of the last observation."""
    return 0.5 + 0.3 * torch.tanh(origins(1.0)[0] / 20)[0]


def appeared(time: float) -> Tensor:
    """A bump, and another one that appears from one side to the other."""
    place = origins(time)
    start = (0.5 + 0.3 * torch.tanh(place[0] / 20))[:, None] * (1 - DURATION)
    passed = ((time - start) / DURATION).clamp(0.0, 1.0)
    return bump(place, 6.0, 12.0) + passed * 0.3 * bump(place, -10.0, 4.0)


#: Coefficients of the exact solutions.
CONSTANTS = {
    name: np.array([value], np.float32)
    for name, value in {"diffusivity": 4.0, "capacity": 1.0, "rate": 0.7}.items()
}
CONSTANTS |= {"onset": onset().numpy(), "sudden": np.ones((SIDE, SIDE), np.float32)}
#: A new equation is added here with its exact solution.
EXACT: dict[str, Callable[[float], Tensor]] = {
    "advection": advected,
    "source": advected_with_source,
    "continuity": density,
    "diffusion": diffused,
    "growth": grown,
    "limited_growth": grown_to_capacity,
    "sparse_source": appeared,
}
#: Diffusion has no solution back in time, and the onset belongs to the last observation.
REVERSIBLE = [name for name in EQUATIONS if name not in ("diffusion", "sparse_source")]


def solved(
    name: str,
    how: Literal["stages", "characteristics"],
    ends: list[Tensor],
    fields: Tensor,
    time: float,
    constants: Mapping[str, NDArray[np.float32]] = CONSTANTS,
) -> Tensor:
    """Solve an equation from both observations."""
    transport = Transport(PhysicsSettings(equation=name))
    equation = transport.equation
    grid = pixel_grid(SIDE, SIDE)
    everywhere = torch.ones(1, 1, SIDE, SIDE)
    carried = []
    for end in equation.ends:
        places = transport.paths.trace(end, fields, grid, time)
        if how == "stages":
            state = transport.by_stages(ends[end], fields, end, time, ZERO)
        else:
            read = sample(ends[end], places, "spline")
            state = transport.along(read, places, time - end, ZERO)
        share = equation.shares(time)[end]
        if share > 0:
            carried.append(Carried(state, everywhere, share, places))
    zeros = (torch.full((1, 1, 1, 1), ZERO),) * 2
    known = {name: constants[name] for name in equation.constants}
    return fuse([carried], [1.0], equation, Meetings(time, zeros, known))


def test_every_equation_has_an_exact_solution_here() -> None:
    assert set(EXACT) == set(EQUATIONS)


@pytest.mark.parametrize("time", [0.0, 0.25, 0.6, 1.0])
@pytest.mark.parametrize("how", ["characteristics", "stages"])
@pytest.mark.parametrize("name", EQUATIONS)
def test_the_solution_is_the_exact_one(
    name: str, how: Literal["stages", "characteristics"], time: float
) -> None:
    found = solved(name, how, [EXACT[name](0.0), EXACT[name](1.0)], spiral(), time)
    error = float((found - EXACT[name](time))[INNER].abs().max())
    assert error < BOUNDS[how]


@pytest.mark.parametrize("time", [0.0, 0.25, 0.6, 1.0])
@pytest.mark.parametrize("how", ["characteristics", "stages"])
@pytest.mark.parametrize("name", REVERSIBLE)
def test_the_solution_backwards_is_the_exact_one(
    name: str, how: Literal["stages", "characteristics"], time: float
) -> None:
    # The last observation comes first and everything moves the other way.
    ends = [EXACT[name](1.0), EXACT[name](0.0)]
    found = solved(name, how, ends, spiral(sign=-1.0), 1.0 - time)
    error = float((found - EXACT[name](time))[INNER].abs().max())
    assert error < BOUNDS[how]


@pytest.mark.parametrize("name", EQUATIONS)
def test_the_error_is_of_second_order_in_the_stages(name: str) -> None:
    ends = [EXACT[name](0.0), EXACT[name](1.0)]

    def error(stages: int) -> float:
        found = solved(name, "characteristics", ends, spiral(stages), 0.5)
        return float((found - EXACT[name](0.5))[INNER].abs().max())

    assert error(2) > 3 * error(4)


@pytest.mark.parametrize("name", EQUATIONS)
def test_the_first_observation_is_met(name: str) -> None:
    ends = [EXACT[name](0.0), EXACT[name](1.0)]
    torch.testing.assert_close(
        solved(name, "characteristics", ends, spiral(), 0.0), ends[0], atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("time", [0.25, 0.5, 0.75, 1.0])
def test_continuity_conserves_mass(time: float) -> None:
    ends = [density(0.0), density(1.0)]
    found = solved("continuity", "characteristics", ends, spiral(), time)
    mass, start = (float((state - ZERO).sum()) for state in (found, ends[0]))
    assert mass == pytest.approx(start, rel=2e-3)
    moved = solved("advection", "characteristics", [advected(0.0)] * 2, spiral(), time)
    converged = math.exp(2 * STRETCH * time)
    assert float(moved.sum()) == pytest.approx(converged * float(advected(0.0).sum()), rel=2e-3)


def test_continuity_averages_the_noise_of_paths() -> None:
    transport = Transport(PhysicsSettings(equation="continuity"), channels=1)
    noise = torch.randn(1, 2, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    places = pixel_grid(SIDE, SIDE) + 0.1 * noise
    flat = torch.ones(1, 1, SIDE, SIDE)
    found = transport.along(flat, places, 1.0)
    assert float((found - flat)[INNER].std()) < 0.02 < float(area_ratio(places)[INNER].std())
    assert float(found[INNER].mean()) == pytest.approx(1.0, abs=0.01)


@settings(max_examples=20, deadline=None)
@example("sparse_source", 2.3e-309, 0)
@example("diffusion", 2.3e-309, 0)
@example("growth", math.nextafter(1.0, 0.0), 0)
@given(
    name=st.sampled_from(list(EQUATIONS)),
    time=st.floats(0.0, 1.0),
    seed=st.integers(0, 99),
)
def test_nothing_changes_where_nothing_moves_and_both_images_are_equal(
    name: str, time: float, seed: int
) -> None:
    image = torch.rand(1, 2, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))
    still = torch.zeros(1, 2, 2, SIDE, SIDE)
    zero = torch.full((2, 1, 1), ZERO)
    seen = torch.ones(SIDE, SIDE, dtype=torch.bool)
    compared = Compared(image[0], image[0], seen, (zero, zero))
    estimated = EQUATIONS[name].coefficients(compared, {})
    found = solved(name, "characteristics", [image, image], still, time, estimated)
    torch.testing.assert_close(found, image, atol=1e-4, rtol=1e-4)


def test_features_only_move() -> None:
    state = torch.cat([density(0.0), advected(0.0)], dim=1)
    transport = Transport(PhysicsSettings(equation="continuity"), channels=1)
    places = transport.paths.trace(0, spiral(), pixel_grid(SIDE, SIDE), 1.0)
    found = transport.along(sample(state, places, "spline"), places, 1.0, ZERO)
    assert float((found[:, :1] - density(1.0))[INNER].abs().max()) < 0.01
    assert float((found[:, 1:] - advected(1.0))[INNER].abs().max()) < 0.01


@pytest.mark.parametrize("name", EQUATIONS)
def test_every_equation_says_what_it_is_for(name: str) -> None:
    equation = EQUATIONS[name]
    assert equation.name == name
    for text in (equation.title, equation.formula, equation.conserves, equation.choose):
        assert text.strip()
    assert equation.choose.endswith(".")
    for time in (0.0, 0.3, 1.0):
        assert sum(equation.shares(time)) == pytest.approx(1.0)
