"""The linear problems of one linearisation: normal equations, and conjugate gradients for them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from napari_latentdyn.core.matching.guidance import LevelGuidance
from napari_latentdyn.core.matching.multigrid import restrict_sums
from napari_latentdyn.core.physics.operators import (
    add_second_differences_adjoint,
    second_differences,
)

__all__ = ["CoarseSpace", "NormalEquations", "conjugate_gradients"]

#: Second differences of the velocity, in pixels per interval, above which the penalty grows
#: linearly.
_KINK = 0.01
_DAMPING = 1e-3
#: On a processor, conjugate gradients stop once the norm of each residual has decreased by this
#: factor, which is tested each time that this number of iterations is done.
_TOLERANCE, _BETWEEN_TESTS = 0.03, 8
#: Distance in pixels between the nodes of the coarse space.
_SPACING = 5.0


class NormalEquations:
    """Normal equations of one linearisation, for a batch of members.

    Parameters
    ----------
    weight : Tensor, shape (B, F, H, W)
        Weights of the features.
    slopes : Tensor, shape (B, 2, F, H, W)
        Derivatives of the differences with respect to both components of the velocity.
    difference : Tensor, shape (B, F, H, W)
        Differences of the features.
    velocity : Tensor, shape (B, 2, H, W) or (B, 2, ceil(H / 2), ceil(W / 2))
        Velocity of the linearisation; the solution has the same grid.
    change : Tensor, of the same shape
        Estimate of the solution, from which the weights of the stiffness follow.
    stiffness : float, or Tensor of shape (B, 1, 1, 1)
        Weight of the second differences.
    guidance : LevelGuidance, optional
        What the user knows, on the grid of the velocity.

    Attributes
    ----------
    target : Tensor, shape (B, 2, h, w)
        Right-hand side.
    """

    def __init__(
        self,
        weight: Tensor,
        slopes: Tensor,
        difference: Tensor,
        velocity: Tensor,
        change: Tensor,
        stiffness: float | Tensor,
        guidance: LevelGuidance | None = None,
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
        if guidance is not None and guidance.pull is not None:
            pull = guidance.pull
            squares, cross = squares + pull.precision, cross + pull.cross
            force = force + _multiply_blocks(pull.precision, pull.cross, velocity) - pull.target
        bends = second_differences(velocity + change)
        weights = [
            share * stiffness / torch.sqrt(bend.square().sum(dim=1, keepdim=True) + kink**2)
            for bend, share in zip(bends, (1.0, 1.0, 2.0), strict=True)
        ]
        if guidance is not None and guidance.stencils is not None:
            weights = [w * s for w, s in zip(weights, guidance.stencils, strict=True)]
        self._matrix = _Matrix(squares + _DAMPING, cross, (weights[0], weights[1], weights[2]))
        stiff = self._matrix.add_stiffness(torch.zeros_like(velocity), velocity)
        self.target = -force - stiff

    def solve(
        self, start: Tensor, iterations: int, space: CoarseSpace | None = None
    ) -> Generator[None, None, Tensor]:
        """Return the change of the velocity, (B, 2, h, w), from an initial estimate.

        Yields between at most `iterations` iterations, which are fewer with a coarse `space`.
        """
        return conjugate_gradients(self._matrix, self.target, start, iterations, space)

    def coarse_space(self) -> CoarseSpace:
        """Return a coarse space for these and similar equations."""
        return CoarseSpace(self._matrix)

    def residual(self, x: Tensor) -> Tensor:
        """Return the residual of a change of the velocity, both (B, 2, h, w)."""
        return self.target - self._matrix.apply(x)


@dataclass(frozen=True, eq=False)
class _Matrix:
    """The matrices of a batch, and their preconditioners.

    `diagonal` (B, 2, h, w) and `cross` (B, 1, h, w) are the data term, `weights` those of
    the second differences: (B, 1, h - 2, w), (B, 1, h, w - 2) and (B, 1, h - 1, w - 1).
    """

    diagonal: Tensor
    cross: Tensor
    weights: tuple[Tensor, Tensor, Tensor]

    @cached_property
    def _inverse(self) -> tuple[Tensor, Tensor]:
        """Inverse of the 2 x 2 blocks on the diagonal: its diagonal and its other entry."""
        whole = self.diagonal.clone()
        add_second_differences_adjoint(whole, *self.weights, squared=True)
        determinant = whole[:, :1] * whole[:, 1:] - self.cross * self.cross
        return whole.flip(1) / determinant, -self.cross / determinant

    def member(self, number: int) -> _Matrix:
        """Return the matrix of one member."""
        part = slice(number, number + 1)
        rows, columns, mixed = (weight[part] for weight in self.weights)
        return _Matrix(self.diagonal[part], self.cross[part], (rows, columns, mixed))

    def apply(self, x: Tensor) -> Tensor:
        """Multiply changes of the velocity, (B, 2, h, w), with the matrices."""
        return self.add_stiffness(_multiply_blocks(self.diagonal, self.cross, x), x)

    def add_stiffness(self, y: Tensor, x: Tensor) -> Tensor:
        """Add the product of the stiffness term and `x` to `y`, and return `y`."""
        rows, columns, mixed = second_differences(x)
        rows *= self.weights[0]
        columns *= self.weights[1]
        mixed *= self.weights[2]
        add_second_differences_adjoint(y, rows, columns, mixed)
        return y

    def precondition(self, x: Tensor) -> Tensor:
        """Multiply with the inverse of the 2 x 2 blocks on the diagonal."""
        return _multiply_blocks(*self._inverse, x)


class CoarseSpace:
    """Solution among fields that are bilinear between few nodes: the second level.

    Information travels by two pixels with each iteration, but between all nodes at once.
    Affine motions, which stiffness does not penalise, are found in the first iteration.
    """

    def __init__(self, matrix: _Matrix) -> None:
        members, _, height, width = matrix.diagonal.shape
        self._rows, self._columns = (_hats(side, matrix.diagonal) for side in (height, width))
        nodes = torch.einsum("ay,bx->abyx", self._rows, self._columns).flatten(0, 1)[:, None]
        zero = torch.zeros_like(nodes)
        fields = torch.cat([torch.cat([nodes, zero], dim=1), torch.cat([zero, nodes], dim=1)])
        products = [matrix.member(number).apply(fields) for number in range(members)]
        reduced = torch.stack([self._restrict(product).flatten(1) for product in products])
        # Rounding makes the matrix slightly asymmetric.
        reduced = (reduced + reduced.transpose(1, 2)) / 2
        self._factor = torch.linalg.cholesky(reduced)

    def correct(self, residual: Tensor) -> Tensor:
        """Return the change of the velocity among these fields, (B, 2, h, w)."""
        reduced = self._restrict(residual)
        nodes = torch.cholesky_solve(reduced.flatten(1)[..., None], self._factor)
        return self._rows.T @ nodes.view_as(reduced) @ self._columns

    def _restrict(self, values: Tensor) -> Tensor:
        return self._rows @ values @ self._columns.T


def _hats(side: int, like: Tensor) -> Tensor:
    """Return the weights of the nodes at each pixel, (nodes, side); they add up to one."""
    count = max(4, round(side / _SPACING))
    places = torch.linspace(0, count - 1, side, dtype=like.dtype, device=like.device)
    nodes = torch.arange(count, dtype=like.dtype, device=like.device)[:, None]
    return (1 - (places - nodes).abs()).clamp_min(0)


def _multiply_blocks(diagonal: Tensor, cross: Tensor, x: Tensor) -> Tensor:
    """Multiply `x` with a symmetric 2 x 2 matrix at each pixel."""
    return torch.addcmul(diagonal * x, cross, x.flip(1))


def conjugate_gradients(
    matrix: _Matrix,
    target: Tensor,
    start: Tensor,
    iterations: int,
    space: CoarseSpace | None = None,
) -> Generator[None, None, Tensor]:
    """Solve a batch of normal equations by preconditioned conjugate gradients.

    The initial estimate `start` and the right-hand side `target` are (B, 2, h, w), as is
    the solution that is returned. Yields between at most `iterations` iterations.
    """

    def precondition(values: Tensor) -> Tensor:
        smooth = matrix.precondition(values)
        return smooth if space is None else smooth + space.correct(values)

    x = start.clone()
    residual = target - matrix.apply(x)
    direction = precondition(residual)
    norm = _dot(residual, direction)
    tolerance = _TOLERANCE**2 * norm
    # On other devices a test waits for all that was launched, and takes longer than iterations.
    tested = target.device.type == "cpu"
    for number in range(iterations):
        if number % _BETWEEN_TESTS == 0:
            yield
            if tested and bool((norm <= tolerance).all()):
                break
        product = matrix.apply(direction)
        step = norm / _dot(direction, product).clamp_min(1e-20)
        x.addcmul_(step, direction)
        residual.addcmul_(step, product, value=-1)
        z = precondition(residual)
        before, norm = norm, _dot(residual, z)
        direction = torch.addcmul(z, norm / before.clamp_min(1e-20), direction)
    return x


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the scalar product of each member of a batch, (B, 1, 1, 1)."""
    return (a * b).sum(dim=(1, 2, 3), keepdim=True)
