"""From a velocity half way to the paths of points.

Two images determine one displacement at each pixel. The motion determines how a
point moves along it: in a steady flow it has the acceleration ``(u . grad) u``, so
that a rotation bends its path; a body that keeps its momentum moves straight on.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from napari_latentdyn.core.physics.operators import gradient, smooth
from napari_latentdyn.core.physics.sampling import pixel_grid

__all__ = ["Motion", "acceleration", "path_ends", "pixel_ends"]

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
