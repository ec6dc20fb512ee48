"""The normal equations against the energy that they minimise, and their solution."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.helpers import finished
from torch import Tensor

from napari_latentdyn.core.matching.normal_equations import NormalEquations
from napari_latentdyn.core.physics.operators import second_differences

STIFFNESS, DAMPING, KINK = 0.2, 1e-3, 0.01
Data = tuple[Tensor, Tensor, Tensor, Tensor]


def noise(seed: int, shape: tuple[int, int] = (40, 52), dtype: torch.dtype = torch.float32) -> Data:
    """Weights, slopes, differences and a velocity."""
    random = torch.Generator().manual_seed(seed)
    sizes = ((1, 2), (1, 2, 2), (1, 2), (1, 2))
    made = [torch.randn(*size, *shape, generator=random, dtype=dtype) for size in sizes]
    return made[0].abs(), made[1], made[2], made[3]


def equations(data: Data) -> NormalEquations:
    return NormalEquations(*data, torch.zeros_like(data[3]), STIFFNESS)


def energy(data: Data) -> Callable[[Tensor], Tensor]:
    """Half of the weighted squares of what a change leaves of differences and bends."""
    weight, slopes, difference, velocity = data
    shares = [
        share * STIFFNESS / torch.sqrt(bend.square().sum(dim=1, keepdim=True) + KINK**2)
        for bend, share in zip(second_differences(velocity), (1, 1, 2), strict=True)
    ]

    def of(change: Tensor) -> Tensor:
        left = difference + (slopes * change[:, :, None]).sum(dim=1)
        bends = second_differences(velocity + change)
        stiff = sum((s * b.square()).sum() for s, b in zip(shares, bends, strict=True))
        return ((weight * left.square()).sum() + stiff + DAMPING * change.square().sum()) / 2

    return of


@pytest.mark.parametrize("shape", [(3, 3), (4, 7), (12, 9)])
def test_the_residual_is_the_negative_gradient_of_the_energy(shape: tuple[int, int]) -> None:
    data = noise(0, shape, torch.float64)
    change = noise(1, shape, torch.float64)[3].requires_grad_()
    (gradient,) = torch.autograd.grad(energy(data)(change), change)
    torch.testing.assert_close(equations(data).residual(change.detach()), -gradient)


def test_the_preconditioner_inverts_the_blocks_on_the_diagonal() -> None:
    shape = (5, 6)
    data = noise(2, shape, torch.float64)
    one = equations(data)
    hessian = torch.autograd.functional.hessian(energy(data), torch.zeros_like(data[3]))
    values = noise(3, shape, torch.float64)[3]
    found = one._matrix.precondition(values)[0]
    for y in range(shape[0]):
        for x in range(shape[1]):
            block = hessian[0, :, y, x, 0, :, y, x]
            torch.testing.assert_close(block @ found[:, y, x], values[0, :, y, x])


@pytest.mark.parametrize("seed", [1, 2])
def test_iterations_reduce_the_energy_and_the_residual(seed: int) -> None:
    data = noise(seed)
    one, start = equations(data), torch.zeros(1, 2, 40, 52)
    few, many = (finished(one.solve(start, count))[1] for count in (5, 200))
    cost = energy(data)
    assert cost(many) < cost(few) < cost(start)
    assert float(one.residual(many).norm()) < 0.5 * float(one.residual(start).norm())
    assert not start.any()


def test_each_member_of_a_batch_has_its_own_solution() -> None:
    one, other = noise(4), noise(7)
    both = tuple(torch.cat(pair) for pair in zip(one, other, strict=True))
    start = torch.zeros(2, 2, 40, 52)
    batch = NormalEquations(*both, start, torch.tensor([0.2, 2.0]).view(2, 1, 1, 1))
    _, found = finished(batch.solve(start, 7))
    for number, (data, stiffness) in enumerate(((one, 0.2), (other, 2.0))):
        alone = NormalEquations(*data, start[:1], stiffness)
        _, solution = finished(alone.solve(start[:1], 7))
        torch.testing.assert_close(found[number : number + 1], solution, atol=1e-4, rtol=1e-3)


def slanted(shape: tuple[int, int]) -> tuple[Data, Tensor]:
    """Data everywhere that ask for an affine change, and this change."""
    random = torch.Generator().manual_seed(8)
    rows, columns = torch.meshgrid(*(torch.linspace(-1, 1, side) for side in shape), indexing="ij")
    truth = torch.stack([rows - 2 * columns, 0.5 + rows + columns])[None]
    slopes = torch.randn(1, 2, 2, *shape, generator=random)
    difference = -(slopes * truth[:, :, None]).sum(dim=1)
    return (torch.ones_like(difference), slopes, difference, torch.zeros_like(truth)), truth


@settings(max_examples=20, deadline=None)
@given(st.integers(8, 40), st.integers(8, 40))
def test_a_coarse_space_finds_affine_motion_in_few_iterations(height: int, width: int) -> None:
    data, truth = slanted((height, width))
    stiff = NormalEquations(*data, torch.zeros_like(truth), 300.0)
    start = torch.zeros_like(truth)
    _, without = finished(stiff.solve(start, 8))
    _, found = finished(stiff.solve(start, 8, stiff.coarse_space()))
    assert float((found - truth).abs().mean()) < 0.02
    assert float((without - truth).abs().mean()) > 5 * float((found - truth).abs().mean())


def test_a_solution_is_left_as_it_is() -> None:
    one = equations(noise(6))
    one.target.zero_()
    start = torch.zeros(1, 2, 40, 52)
    steps, found = finished(one.solve(start, 50))
    assert len(steps) == 1
    assert torch.equal(found, start)
