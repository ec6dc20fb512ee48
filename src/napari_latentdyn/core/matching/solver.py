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
from napari_latentdyn.core.matching.multigrid import SINGLE, prolong, restrict
from napari_latentdyn.core.matching.problem import Problem
from napari_latentdyn.core.matching.propagation import propagate
from napari_latentdyn.core.matching.recorded import Solver
from napari_latentdyn.core.physics.motion import Motion, acceleration, ends
from napari_latentdyn.core.physics.operators import gradient
from napari_latentdyn.core.physics.sampling import pixel_grid, sample

__all__ = ["FULL", "SHORT", "Effort", "refine"]

#: Differences of features well above this are forgiven: the pixel shows something new.
_FORGIVEN = 0.1
#: Longest change of the velocity from one linearisation to the next, in pixels.
_LONGEST_CHANGE = 2.0


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


#: From nothing, as on all smaller images, and from a velocity that is right except for its detail.
FULL = Effort(6, (3, 5), 100)
SHORT = Effort(2, (1,), 100, reweightings=1)


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
    shape = (velocity.shape[-2], velocity.shape[-1])
    coarse = shape[0] * shape[1] > SINGLE
    solver = Solver()
    for warp in range(effort.warps):
        if warp in effort.propagate_before:
            velocity = propagate(level, velocity, acceleration(velocity, motion))
            yield
        difference, slopes, seen = _linearise(level, velocity, acceleration(velocity, motion))
        whole = torch.zeros_like(velocity)
        bent = restrict(velocity) if coarse else velocity
        change = torch.zeros_like(bent)
        for _ in range(effort.reweightings):
            left = difference + (slopes * whole[:, :, None]).sum(dim=1)
            weight = seen * (4 * _FORGIVEN**3) / (left**2 + _FORGIVEN**2) ** 2
            problem = Problem(weight, slopes, difference, bent, change, recipe.stiffness)
            change = yield from solver.solve(problem, change, effort.iterations)
            whole = prolong(change, shape) if coarse else change
        velocity = velocity + whole.clamp(-_LONGEST_CHANGE, _LONGEST_CHANGE)
    return velocity


def _linearise(level: Level, velocity: Tensor, change: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Difference of the features, its derivative by the velocity, and where both are seen."""
    grid = pixel_grid(*velocity.shape[-2:], device=velocity.device)
    origins, goals = ends(velocity, change, grid)
    count = level.first.shape[1]
    read = []
    for values, places in ((level.first, origins), (level.last, goals)):
        read.append(sample(torch.cat([values, *gradient(values)], dim=1), places))
    difference = read[1][:, :count] - read[0][:, :count]
    slopes = ((read[0] + read[1])[:, count:] / 2).unflatten(1, (2, count))
    return difference, slopes, level.seen(origins, goals).to(velocity.dtype)
