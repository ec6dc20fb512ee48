"""The linear problem of one linearisation: normal equations, and conjugate gradients for them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import cached_property
from typing import Generic

import torch
from torch import Tensor

from napari_latentdyn.core.matching.multigrid import restrict_sums
from napari_latentdyn.core.physics.operators import (
    Array,
    add_second_differences_adjoint,
    second_differences,
)

__all__ = ["NormalEquations", "conjugate_gradients"]

#: Second differences of the velocity, in pixels per interval, above which the penalty grows
#: linearly.
_KINK = 0.01
_DAMPING = 1e-3
#: Conjugate gradients stop once the norm of the residual has decreased by this factor.
_TOLERANCE = 0.03
#: Number of pixels up to which NumPy is faster than PyTorch on a CPU: its calls cost less.
_NUMPY_PIXELS = 128 * 128


class NormalEquations:
    """Normal equations of one linearisation.

    Parameters
    ----------
    weight : Tensor, shape (1, F, H, W)
        Weights of the features.
    slopes : Tensor, shape (1, 2, F, H, W)
        Derivatives of the differences with respect to both components of the velocity.
    difference : Tensor, shape (1, F, H, W)
        Differences of the features.
    velocity : Tensor, shape (1, 2, H, W) or (1, 2, ceil(H / 2), ceil(W / 2))
        Velocity of the linearisation; the solution has the same grid.
    change : Tensor, of the same shape
        Estimate of the solution, from which the weights of the stiffness follow.
    stiffness : float
        Weight of the second differences.

    Attributes
    ----------
    target : Tensor, shape (2, h, w)
        Right-hand side.
    """

    def __init__(
        self,
        weight: Tensor,
        slopes: Tensor,
        difference: Tensor,
        velocity: Tensor,
        change: Tensor,
        stiffness: float,
    ) -> None:
        weighted = weight[:, None] * slopes
        squares = (weighted * slopes).sum(dim=2)
        cross = (weighted[:, :1] * slopes[:, 1:]).sum(dim=2)
        force = (weighted * difference[:, None]).sum(dim=2)
        kink = _KINK
        if velocity.shape[-2:] != weight.shape[-2:]:
            # The same energy on the coarse grid: the data of four pixels are added, and second
            # differences are taken over twice the distance.
            squares, cross, force = (restrict_sums(data) for data in (squares, cross, force))
            kink *= 4
        bends = second_differences(velocity + change)
        weights = [
            share * stiffness / torch.sqrt(bend.square().sum(dim=1) + kink**2)
            for bend, share in zip(bends, (1.0, 1.0, 2.0), strict=True)
        ]
        diagonal, cross = squares[0] + _DAMPING, cross[0, 0]
        self._matrix = _Matrix(diagonal, cross, (weights[0], weights[1], weights[2]))
        stiff = self._matrix.add_stiffness(torch.zeros_like(velocity[0]), velocity[0])
        self.target = -force[0] - stiff

    def solve(self, start: Tensor, iterations: int) -> Generator[None, None, Tensor]:
        """Return the change of the velocity, (1, 2, h, w), from an initial estimate.

        Yields after each of at most `iterations` iterations.
        """
        x = start[0].clone()
        if x.device.type == "cpu" and x[0].numel() <= _NUMPY_PIXELS:
            m = self._matrix
            down, across, mixed = (weight.numpy() for weight in m.weights)
            in_numpy = _Matrix(m.diagonal.numpy(), m.cross.numpy(), (down, across, mixed))
            yield from conjugate_gradients(in_numpy, self.target.numpy(), x.numpy(), iterations)
        else:
            yield from conjugate_gradients(self._matrix, self.target, x, iterations)
        return x[None]

    def residual(self, x: Tensor) -> Tensor:
        """Return the residual of a change of the velocity, both (1, 2, h, w)."""
        return (self.target - self._matrix.apply(x[0]))[None]


@dataclass(frozen=True, eq=False)
class _Matrix(Generic[Array]):
    """The matrix and its preconditioner, on tensors of any device or on NumPy arrays.

    `diagonal` (2, h, w) and `cross` (h, w) are the data term, `weights` those of the
    second differences: (1, h - 2, w), (1, h, w - 2) and (1, h - 1, w - 1).
    """

    diagonal: Array
    cross: Array
    weights: tuple[Array, Array, Array]

    @cached_property
    def _inverse(self) -> tuple[Array, Array]:
        """Inverse of the 2 x 2 blocks on the diagonal: its diagonal and its other entry."""
        whole = self.diagonal + 0.0
        add_second_differences_adjoint(whole, *self.weights, squared=True)
        determinant = whole[0] * whole[1] - self.cross * self.cross
        inverse = whole / determinant
        inverse[0], inverse[1] = whole[1] / determinant, whole[0] / determinant
        return inverse, -self.cross / determinant

    def apply(self, x: Array) -> Array:
        """Multiply a change of the velocity, (2, h, w), with the matrix."""
        return self.add_stiffness(_multiply_blocks(self.diagonal, self.cross, x), x)

    def add_stiffness(self, y: Array, x: Array) -> Array:
        """Add the product of the stiffness term and `x` to `y`, and return `y`."""
        rows, columns, mixed = second_differences(x)
        rows *= self.weights[0]
        columns *= self.weights[1]
        mixed *= self.weights[2]
        add_second_differences_adjoint(y, rows, columns, mixed)
        return y

    def precondition(self, x: Array) -> Array:
        """Multiply with the inverse of the 2 x 2 blocks on the diagonal."""
        return _multiply_blocks(*self._inverse, x)


def _multiply_blocks(diagonal: Array, cross: Array, x: Array) -> Array:
    """Multiply `x` with a symmetric 2 x 2 matrix at each pixel."""
    y = diagonal * x
    y[0] += cross * x[1]
    y[1] += cross * x[0]
    return y


def conjugate_gradients(
    matrix: _Matrix[Array], target: Array, x: Array, iterations: int
) -> Generator[None, None, None]:
    """Solve normal equations by preconditioned conjugate gradients.

    The initial estimate `x`, (2, h, w) as the right-hand side `target`, is replaced by the
    solution. Yields after each of at most `iterations` iterations.
    """
    residual = target - matrix.apply(x)
    direction = matrix.precondition(residual)
    norm = _dot(residual, direction)
    tolerance = _TOLERANCE**2 * norm
    for _ in range(iterations):
        if norm <= tolerance:
            break
        product = matrix.apply(direction)
        step = norm / max(_dot(direction, product), 1e-20)
        x += step * direction
        residual -= step * product
        z = matrix.precondition(residual)
        before, norm = norm, _dot(residual, z)
        direction *= norm / max(before, 1e-20)
        direction += z
        yield


def _dot(a: Array, b: Array) -> float:
    return float(a.ravel() @ b.ravel())
