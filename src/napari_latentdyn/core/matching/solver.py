"""One level of the matching: a robust least-squares problem, linearised again and again.

Minimised is, over the velocity ``u`` half way between the images,

    sum_x rho(f_last(x + u/2 + a/8) - f_first(x - u/2 + a/8)) + stiffness * |D2 u|

with the features ``f``, the acceleration ``a`` of the chosen motion, and second
differences ``D2``, which leave every affine motion free; both penalties are
robust, so that cracks and new features do not bend the field around them.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_latentdyn.core.matching.features import Recipe
from napari_latentdyn.core.matching.level import Level
from napari_latentdyn.core.matching.propagation import propagate
from napari_latentdyn.core.matching.small import SMALL, solve_small
from napari_latentdyn.core.motion import Motion, acceleration, ends
from napari_latentdyn.core.operators import (
    gradient,
    second_differences,
    second_differences_adjoint,
)
from napari_latentdyn.core.physics import pixel_grid, sample

__all__ = ["FULL", "SHORT_FINE", "SHORT_HALF", "Effort", "refine"]

#: Differences of features well above this are forgiven: the pixel shows something new.
_FORGIVEN = 0.1
#: Second differences of the field, in pixels per interval, above which a kink costs no more than
#: in proportion.
_KINK = 0.01
#: Longest change of the velocity from one linearisation to the next, in pixels.
_LONGEST_CHANGE = 2.0
_DAMPING = 1e-3
#: Conjugate gradients stop once what is left has shrunk to this part.
_TOLERANCE = 0.03


@dataclass(frozen=True)
class Effort:
    """How long the velocity is improved on one level.

    Attributes
    ----------
    warps : int
        Times that the data term is linearised.
    propagate_before : tuple of int
        Those before which motion edges are moved by propagation.
    iterations : int
        Steps of the conjugate gradients for each linear problem.
    reweightings : int
        Linear problems for each linearisation.
    """

    warps: int
    propagate_before: tuple[int, ...]
    iterations: int
    reweightings: int = 2


#: From nothing, as on all small images, and from a velocity that is right but for its detail, at
#: half and full size.
FULL = Effort(6, (3, 5), 100)
SHORT_HALF = Effort(2, (1,), 40, reweightings=1)
SHORT_FINE = Effort(2, (1,), 20, reweightings=1)


def refine(
    level: Level, velocity: Tensor, recipe: Recipe, motion: Motion, effort: Effort
) -> Generator[None, None, Tensor]:
    """Improve the velocity half way on one level.

    Parameters
    ----------
    level : Level
        The images.
    velocity : Tensor, shape (1, 2, H, W)
        Start, in pixels per interval.
    recipe : Recipe
        Weights.
    motion : {"steady", "inertial", "local"}
        How points travel.
    effort : Effort
        How long.

    Yields
    ------
    None
        Often enough to be interrupted.

    Returns
    -------
    Tensor, shape (1, 2, H, W)
    """
    for warp in range(effort.warps):
        if warp in effort.propagate_before:
            velocity = propagate(level, velocity, acceleration(velocity, motion))
            yield
        difference, slopes, seen = _linearise(level, velocity, acceleration(velocity, motion))
        change = torch.zeros_like(velocity)
        for _ in range(effort.reweightings):
            left = difference + (slopes * change[:, :, None]).sum(dim=1)
            weight = seen * (4 * _FORGIVEN**3) / (left**2 + _FORGIVEN**2) ** 2
            problem = _Problem(weight, slopes, difference, velocity, change, recipe.stiffness)
            change = yield from problem.solve(change, effort.iterations)
        velocity = velocity + change.clamp(-_LONGEST_CHANGE, _LONGEST_CHANGE)
    return velocity


def _linearise(level: Level, velocity: Tensor, felt: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Difference of the features, its derivative by the velocity, and where both are seen."""
    grid = pixel_grid(*velocity.shape[-2:], device=velocity.device)
    origins, goals = ends(velocity, felt, grid)
    count = level.first.shape[1]
    read = []
    for values, places in ((level.first, origins), (level.last, goals)):
        read.append(sample(torch.cat([values, *gradient(values)], dim=1), places))
    difference = read[1][:, :count] - read[0][:, :count]
    slopes = ((read[0] + read[1])[:, count:] / 2).unflatten(1, (2, count))
    return difference, slopes, level.seen(origins, goals).to(velocity.dtype)


class _Problem:
    """Normal equations of one linearisation, solved by preconditioned conjugate gradients."""

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
        bends = second_differences(velocity + change)
        self.bend_weights = [
            share * stiffness / torch.sqrt(bend.square().sum(dim=1, keepdim=True) + _KINK**2)
            for bend, share in zip(bends, (1.0, 1.0, 2.0), strict=True)
        ]
        self.target = -pull - self._stiff(velocity)
        diagonal = self._stiff_diagonal(velocity[:, :1]) + _DAMPING
        self.row_diagonal, self.column_diagonal = self.rr + diagonal, self.cc + diagonal
        self.determinant = self.row_diagonal * self.column_diagonal - self.rc**2

    def solve(self, x: Tensor, iterations: int) -> Generator[None, None, Tensor]:
        if x.device.type == "cpu" and x.shape[-2] * x.shape[-1] <= SMALL:
            yield
            return self._solve_small(x, iterations)
        left = self.target - self._apply(x)
        z = self._precondition(left)
        direction, reduction = z, (left * z).sum()
        enough = _TOLERANCE**2 * float(reduction)
        for _ in range(iterations):
            if float(reduction) <= enough:
                break
            moved = self._apply(direction)
            step = reduction / (direction * moved).sum().clamp_min(1e-20)
            x = x + step * direction
            left = left - step * moved
            z = self._precondition(left)
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
            _TOLERANCE,
        )
        return torch.from_numpy(solved)[None]

    def _apply(self, x: Tensor) -> Tensor:
        rows, columns = x[:, :1], x[:, 1:]
        data = torch.cat(
            [self.rr * rows + self.rc * columns, self.rc * rows + self.cc * columns], 1
        )
        return data + self._stiff(x) + _DAMPING * x

    def _precondition(self, x: Tensor) -> Tensor:
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
