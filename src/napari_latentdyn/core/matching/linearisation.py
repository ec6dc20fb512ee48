"""One level of the pyramid: a robust least-squares problem, linearised repeatedly.

The problem is solved for the velocity ``u`` half way between the images. It minimises

    sum_x rho(f_last(x + u/2 + a/8) - f_first(x - u/2 + a/8)) + stiffness * |D2 u|

with the features ``f``, the acceleration ``a`` of the chosen motion and second differences
``D2``, which do not penalise affine motion. Both penalties are robust, so that cracks and
new features do not distort the velocity around them. The members of the ensemble are one
batch.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_latentdyn.core.matching.guidance import LevelGuidance
from napari_latentdyn.core.matching.multigrid import COARSE_PIXELS, prolong
from napari_latentdyn.core.matching.normal_equations import NormalEquations
from napari_latentdyn.core.matching.pair import MaskedPair
from napari_latentdyn.core.matching.propagation import propagate
from napari_latentdyn.core.physics.constraints import Constraint
from napari_latentdyn.core.physics.motion import Motion, acceleration, path_ends
from napari_latentdyn.core.physics.operators import gradient, halve

__all__ = ["BRIEF", "FULL", "SHORT", "Schedule", "refine"]

#: Difference of features above which the robust penalty stops growing: the pixel shows something
#: new.
_OUTLIER = 0.1
#: Largest change of the velocity from one linearisation to the next, in pixels.
_LARGEST_CHANGE = 2.0
#: Shorter side in pixels up to which the linear problems are solved on two levels.
_TWO_LEVELS = 48


@dataclass(frozen=True)
class Schedule:
    """Number of iterations on one level.

    The data term is linearised several times; before some of these times, velocities are
    propagated between neighbours. Each linearisation is solved with several reweightings
    of the robust penalties, each in at most `iterations` of the conjugate gradients.
    """

    linearisations: int
    propagate_before: tuple[int, ...]
    iterations: int
    reweightings: int = 2


#: For an initial velocity without information, the same in less time, and for an initial velocity
#: that only lacks detail.
FULL = Schedule(5, (2, 4), 24)
BRIEF = Schedule(3, (1,), 30)
SHORT = Schedule(2, (1,), 16)


def refine(
    pair: MaskedPair,
    velocity: Tensor,
    stiffness: Tensor,
    motion: Motion,
    schedule: Schedule,
    hidden: Tensor | None = None,
    guidance: LevelGuidance | None = None,
    constraint: Constraint | None = None,
) -> Generator[None, None, Tensor]:
    """Improve velocities half way, (B, 2, H, W) in pixels per interval, on one level.

    `pair` holds the features of both images, `stiffness` (B, 1, 1, 1) the weights of the
    second differences. The images are not compared where `hidden`, (B, 1, H, W), is true, and
    `guidance` is what the user knows. A `constraint` is applied after each linearisation. Yields
    between the iterations.
    """
    coarse = pair.shape[0] * pair.shape[1] > COARSE_PIXELS
    space = None
    for number in range(schedule.linearisations):
        if number in schedule.propagate_before:
            velocity = propagate(pair, velocity, acceleration(velocity, motion))
            yield
        difference, slopes, seen = _linearise(pair, velocity, acceleration(velocity, motion))
        if hidden is not None:
            seen = seen & ~hidden
        counts = seen.to(velocity.dtype)
        change = torch.zeros_like(velocity)
        on_grid = halve(velocity) if coarse else velocity
        known = guidance.coarse if guidance is not None and coarse else guidance
        solution = torch.zeros_like(on_grid)
        for _ in range(schedule.reweightings):
            left = difference + (slopes * change[:, :, None]).sum(dim=1)
            weight = counts * (4 * _OUTLIER**3) / (left**2 + _OUTLIER**2) ** 2
            equations = NormalEquations(
                weight, slopes, difference, on_grid, solution, stiffness, known
            )
            if space is None and min(pair.shape) <= _TWO_LEVELS:
                space = equations.coarse_space()
            solution = yield from equations.solve(solution, schedule.iterations, space)
            if known is not None:
                solution = known.extended(solution)
            change = prolong(solution, pair.shape) if coarse else solution
        velocity = velocity + change.clamp(-_LARGEST_CHANGE, _LARGEST_CHANGE)
        if constraint is not None:
            texture = (weight[:, None] * slopes.square()).sum(dim=(1, 2))[:, None]
            velocity = constraint.apply(velocity, texture)
        if guidance is not None:
            velocity = guidance.extended(velocity)
    return velocity


def _linearise(pair: MaskedPair, velocity: Tensor, change: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the difference of the features, its derivative, and where both images are seen."""
    carried = pair.half_way(path_ends(velocity, change))
    # The derivatives half way: those of the images, carried there, take three times as long.
    slopes = torch.stack(gradient((carried.first + carried.last) / 2), dim=1)
    return carried.difference, slopes, carried.seen
