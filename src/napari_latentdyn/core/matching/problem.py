"""The linear problem of one linearisation: normal equations and their solution."""

from __future__ import annotations

from collections.abc import Generator

import torch
from torch import Tensor

from napari_latentdyn.core.matching.multigrid import restrict_sums
from napari_latentdyn.core.matching.small import SMALL, solve_small
from napari_latentdyn.core.physics.operators import second_differences, second_differences_adjoint

__all__ = ["TOLERANCE", "Problem"]

#: Second differences of the field, in pixels per interval, above which a kink costs no more than
#: in proportion.
_KINK = 0.01
_DAMPING = 1e-3
#: Conjugate gradients stop once what is left has shrunk to this part.
TOLERANCE = 0.03


class Problem:
    """Normal equations of one linearisation, solved by preconditioned conjugate gradients.

    Parameters
    ----------
    weight : Tensor, shape (1, F, H, W)
        Weights of the features.
    slopes : Tensor, shape (1, 2, F, H, W)
        Derivatives of the differences by the two components of the velocity.
    difference : Tensor, shape (1, F, H, W)
        Differences of the features.
    velocity : Tensor, shape (1, 2, H, W) or (1, 2, ceil(H / 2), ceil(W / 2))
        Where it is linearised; its grid is that of the solution.
    change : Tensor, of the same shape
        What is known of the solution, for the weights of the stiffness.
    stiffness : float
        Weight of the second differences.
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
        down, across = slopes[:, 0], slopes[:, 1]
        self.rr = (weight * down * down).sum(dim=1, keepdim=True)
        self.cc = (weight * across * across).sum(dim=1, keepdim=True)
        self.rc = (weight * down * across).sum(dim=1, keepdim=True)
        pull = torch.cat(
            [
                (weight * down * difference).sum(dim=1, keepdim=True),
                (weight * across * difference).sum(dim=1, keepdim=True),
            ],
            dim=1,
        )
        kink = _KINK
        if velocity.shape[-2:] != weight.shape[-2:]:
            # The same energy on the other grid: four pixels' data in one, and second differences
            # over twice the distance.
            self.rr, self.cc, self.rc = (
                restrict_sums(self.rr),
                restrict_sums(self.cc),
                restrict_sums(self.rc),
            )
            pull = restrict_sums(pull)
            kink *= 4
        bends = second_differences(velocity + change)
        self.bend_weights = [
            share * stiffness / torch.sqrt(bend.square().sum(dim=1, keepdim=True) + kink**2)
            for bend, share in zip(bends, (1.0, 1.0, 2.0), strict=True)
        ]
        self.target = -pull - self._stiff(velocity)
        diagonal = self._stiff_diagonal(velocity[:, :1]) + _DAMPING
        self.row_diagonal, self.column_diagonal = self.rr + diagonal, self.cc + diagonal
        self.determinant = self.row_diagonal * self.column_diagonal - self.rc**2

    def solve(self, x: Tensor, iterations: int) -> Generator[None, None, Tensor]:
        """Return the change of the velocity; `x` is where to start."""
        if x.device.type == "cpu" and x.shape[-2] * x.shape[-1] <= SMALL:
            yield
            return self._solve_small(x, iterations)
        left = self.residual(x)
        z = self.precondition(left)
        direction, reduction = z, (left * z).sum()
        enough = TOLERANCE**2 * float(reduction)
        for _ in range(iterations):
            if float(reduction) <= enough:
                break
            moved = self.apply(direction)
            step = reduction / (direction * moved).sum().clamp_min(1e-20)
            x = x + step * direction
            left = left - step * moved
            z = self.precondition(left)
            now = (left * z).sum()
            direction = z + now / reduction.clamp_min(1e-20) * direction
            reduction = now
            yield
        return x

    def _solve_small(self, x: Tensor, iterations: int) -> Tensor:
        solved = solve_small(
            (self.rr[0, 0].numpy(), self.cc[0, 0].numpy(), self.rc[0, 0].numpy()),
            [weight[0, 0].numpy() for weight in self.bend_weights],
            (self.row_diagonal[0, 0].numpy(), self.column_diagonal[0, 0].numpy()),
            self.target[0].numpy(),
            x[0].numpy(),
            _DAMPING,
            iterations,
            TOLERANCE,
        )
        return torch.from_numpy(solved)[None]

    def tensors(self) -> tuple[Tensor, ...]:
        """Return all that the solution depends on."""
        return (
            self.rr,
            self.cc,
            self.rc,
            *self.bend_weights,
            self.target,
            self.row_diagonal,
            self.column_diagonal,
            self.determinant,
        )

    def residual(self, x: Tensor) -> Tensor:
        """Return what is left of the right-hand side, (1, 2, H, W)."""
        return self.target - self.apply(x)

    def apply(self, x: Tensor) -> Tensor:
        """Multiply a change of the velocity, (1, 2, H, W), with the matrix."""
        rows, columns = x[:, :1], x[:, 1:]
        data = torch.cat(
            [self.rr * rows + self.rc * columns, self.rc * rows + self.cc * columns], 1
        )
        return data + self._stiff(x) + _DAMPING * x

    def precondition(self, x: Tensor) -> Tensor:
        """Divide by the 2 x 2 blocks of the diagonal, (1, 2, H, W)."""
        rows, columns = x[:, :1], x[:, 1:]
        return (
            torch.cat(
                [
                    self.column_diagonal * rows - self.rc * columns,
                    self.row_diagonal * columns - self.rc * rows,
                ],
                dim=1,
            )
            / self.determinant
        )

    def _stiff(self, x: Tensor) -> Tensor:
        bends = second_differences(x)
        rows, columns, mixed = (w * bend for w, bend in zip(self.bend_weights, bends, strict=True))
        return second_differences_adjoint(rows, columns, mixed, like=x)

    def _stiff_diagonal(self, like: Tensor) -> Tensor:
        rows, columns, mixed = self.bend_weights
        out = torch.zeros_like(like)
        out[..., 2:, :] += rows
        out[..., 1:-1, :] += 4 * rows
        out[..., :-2, :] += rows
        out[..., :, 2:] += columns
        out[..., :, 1:-1] += 4 * columns
        out[..., :, :-2] += columns
        for y in (slice(1, None), slice(None, -1)):
            for x in (slice(1, None), slice(None, -1)):
                out[..., y, x] += mixed
        return out
