"""From a velocity half way to characteristics and to one advection field per stage.

Two images determine one displacement at each pixel. The motion determines how a
point moves along it: in a steady flow it has the acceleration ``(u . grad) u``, so
that a rotation bends its path; a body that keeps its momentum moves straight on.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from napari_latentdyn.core.physics.operators import gradient, smooth
from napari_latentdyn.core.physics.sampling import pixel_grid, sample

__all__ = ["Motion", "acceleration", "path_ends", "pixel_ends", "stage_fields"]

Motion = Literal["steady", "inertial", "local"]

#: Change of the velocity's gradient, in pixels per interval and pixel squared, above which a
#: pixel counts as the edge of a moving body and not as part of a smooth flow.
_EDGE = 0.1


def acceleration(velocity: Tensor, motion: Motion) -> Tensor:
    """Return the acceleration of points that move with the flow, in pixels per interval squared.

    Parameters
    ----------
    velocity : Tensor, shape (B, 2, H, W)
        Velocity half way in pixels per interval.
    motion : {"steady", "inertial", "local"}
        Steady: ``(u . grad) u``. Inertial: none. Local: as steady where the field is
        smooth, none at its edges (a crack, a coast, the outline of a cell), because
        bodies on both sides move independently.

    Returns
    -------
    Tensor, shape (B, 2, H, W)
    """
    if motion == "inertial":
        return torch.zeros_like(velocity)
    rows, columns = gradient(velocity)
    steady = velocity[:, :1] * rows + velocity[:, 1:] * columns
    if motion == "steady":
        return steady
    # The sum of four squares is taken term by term: a stack of them exceeds the caches.
    bend = torch.zeros_like(velocity[:, :1])
    for part in (*gradient(rows), *gradient(columns)):
        bend += part.square().sum(dim=1, keepdim=True)
    return steady * torch.exp(-((smooth(bend.sqrt(), 1.0) / _EDGE) ** 2))


def path_ends(
    velocity: Tensor, change: Tensor, grid: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the positions in both images of the points that are at the pixels half way.

    The paths are parabolas, the solution of ``dx/dt = u`` to second order. `velocity` half
    way and `change`, its `acceleration`, are (B, 2, H, W), as are both results. The points
    may be at other positions `grid`, (1, 2, H, W).
    """
    if grid is None:
        grid = pixel_grid(*velocity.shape[-2:], device=velocity.device)
    return grid - velocity / 2 + change / 8, grid + velocity / 2 + change / 8


def pixel_ends(velocity: Tensor, motion: Motion) -> tuple[Tensor, Tensor]:
    """Return `path_ends` with the acceleration of a motion."""
    return path_ends(velocity, acceleration(velocity, motion))


def stage_fields(velocity: Tensor, stages: int, motion: Motion) -> Tensor:
    """Return the advection field of each stage from the velocity half way.

    The field is advected with the points: ``dv/dt + v . grad v = a``. In a steady flow
    ``dv/dt = 0``.

    Parameters
    ----------
    velocity : Tensor, shape (B, 2, H, W)
        Velocity half way in pixels per interval.
    stages : int
        Number n of stages.
    motion : {"steady", "inertial", "local"}
        See `acceleration`.

    Returns
    -------
    Tensor, shape (B, n, 2, H, W)
        Velocity in the middle of each stage, in pixels per stage.
    """
    if motion == "steady" or not bool(velocity.any()):
        return (velocity / stages)[:, None].expand(-1, stages, -1, -1, -1).contiguous()
    both = torch.cat([velocity, acceleration(velocity, motion)], dim=1)
    grid = pixel_grid(*velocity.shape[-2:], device=velocity.device)
    grid = grid.expand(len(velocity), -1, -1, -1)
    times = [(k + 0.5) / stages - 0.5 for k in range(stages)]
    fields: list[Tensor | None] = [None] * stages
    # The positions of a stage are the initial guess for the next one, away from half way.
    for direction in (1, -1):
        places = grid
        chosen = [k for k in range(stages) if (times[k] >= 0) == (direction > 0)]
        for k in chosen[::direction]:
            s = times[k]
            for _ in range(4):
                read = sample(both, places)
                places = grid - s * read[:, :2] - s * s / 2 * read[:, 2:]
            read = sample(both, places)
            fields[k] = (read[:, :2] + s * read[:, 2:]) / stages
    return torch.stack([f for f in fields if f is not None], dim=1)
