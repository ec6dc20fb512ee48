"""The motion of one ensemble member: where the points of a window come from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.matching.ensemble import Ensemble
from napari_latentdyn.core.matching.multigrid import prolong
from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.patches import Window
from napari_latentdyn.core.physics.characteristics import Characteristics
from napari_latentdyn.core.physics.course import (
    Course,
    displacement,
    motion_terms,
    stage_fields,
)
from napari_latentdyn.core.physics.motion import Motion
from napari_latentdyn.core.physics.sampling import pixel_grid, sample

__all__ = ["Member", "MemberFields", "MemberVelocity", "NoMotion", "ensemble_members"]

#: Fixed-point iterations at every second pixel, before one at all pixels.
_ITERATIONS = 3
#: Distance in pixels up to which the acceleration depends on the velocity, and some more.
_NEIGHBOURS = 8
#: Weight of no motion below which it is left out.
_NEGLIGIBLE = 1e-3


class Member(Protocol):
    """A member of the ensemble."""

    @property
    def share(self) -> float:
        """Weight of the member."""

    @property
    def moves(self) -> bool:
        """False for the member without motion."""

    def places(self, window: Window, time: float, ends: Sequence[int]) -> list[Tensor]:
        """Return the positions of the points of a window in observations.

        `time` is a fraction of the interval, and each of the `ends` 0 for the first
        observation or 1 for the last one. The positions are (1, 2, h, w), in pixels.
        """


@dataclass(frozen=True, eq=False)
class MemberFields:
    """A member with a field for each stage, whose characteristics are traced.

    Attributes
    ----------
    fields : Tensor, shape (1, n, 2, H, W)
        Pixels per stage.
    paths : Characteristics
        Traces the paths.
    share : float
        Weight of the member.
    """

    fields: Tensor
    paths: Characteristics
    share: float = 1.0
    moves: bool = True

    def places(self, window: Window, time: float, ends: Sequence[int]) -> list[Tensor]:
        """Return the positions in observations; see `Member`."""
        grid = _pixels(window, self.fields)
        return [self.paths.trace(end, self.fields, grid, time) for end in ends]


@dataclass(frozen=True, eq=False)
class MemberVelocity:
    """A member with a velocity half way, on whose parabolas or cubics points move.

    Attributes
    ----------
    velocity : Tensor, shape (1, 2, H, W)
        Velocity half way in pixels per interval.
    motion : {"inertial", "local"}
        Acceleration along the paths.
    share : float
        Weight of the member.
    course : Course, optional
        Measured acceleration and jerk.
    """

    velocity: Tensor
    motion: Motion
    share: float = 1.0
    course: Course | None = None
    moves: bool = True

    def places(self, window: Window, time: float, ends: Sequence[int]) -> list[Tensor]:
        """Return the positions in observations; see `Member`."""
        later, grid = time - 0.5, _pixels(window, self.velocity)
        around = self._around(window)
        read = around.at(self._half_way(grid, later, around))
        # From the pixels and not from half way: at the time of an observation, its pixels stay.
        return [grid + displacement(read, later, end - 0.5) for end in ends]

    def _around(self, window: Window) -> _Motion:
        """Return velocity, acceleration and jerk around a window, which are computed once."""
        if window not in self._known:
            shape = (self.velocity.shape[-2], self.velocity.shape[-1])
            # The way half way, and the neighbours that the acceleration depends on.
            wide = window.grown(math.ceil(self._reach / 2) + _NEIGHBOURS, shape)
            velocity = self.velocity[(..., *wide.slices)]
            course = None if self.course is None else self.course.crop(wide)
            terms = motion_terms(velocity, self.motion, course)
            self._known.clear()
            self._known[window] = _Motion(terms, (wide.y, wide.x))
        return self._known[window]

    @cached_property
    def _known(self) -> dict[Window, _Motion]:
        return {}

    @cached_property
    def _reach(self) -> float:
        deviation = None if self.course is None else self.course.deviation
        far = 0.0 if deviation is None else 2 * float(np.abs(deviation).max(initial=0.0))
        return float(self.velocity.abs().max()) + far

    def _half_way(self, grid: Tensor, later: float, around: _Motion) -> Tensor:
        """Return the positions half way of the points that are at the pixels `later`."""
        if later == 0.0:
            return grid
        height, width = grid.shape[-2:]
        rows, columns = -(-height // 2), -(-width // 2)
        nodes = 2 * pixel_grid(rows, columns, device=grid.device) + grid[..., :1, :1] + 0.5
        half_way = nodes
        for _ in range(_ITERATIONS):
            half_way = around.before(nodes, half_way, later)
        half_way = grid + prolong(half_way - nodes, (height, width))
        # Where two motions meet, the iteration jumps from one to the other: it is damped.
        return (half_way + around.before(grid, half_way, later)) / 2


@dataclass(frozen=True, eq=False)
class _Motion:
    """`motion_terms` of a part of the image that begins at `origin`."""

    values: Tensor
    origin: tuple[int, int]

    def at(self, positions: Tensor) -> Tensor:
        """Interpolate at positions in pixels of the image."""
        return sample(self.values, positions, origin=self.origin)

    def before(self, positions: Tensor, half_way: Tensor, later: float) -> Tensor:
        """Improve an estimate of positions half way of points that are at `positions` later."""
        return positions - displacement(self.at(half_way), 0.0, later)


@dataclass(frozen=True, eq=False)
class NoMotion:
    """The member without motion; `like` is a tensor on the device of the computation."""

    like: Tensor
    share: float
    moves: bool = False

    def places(self, window: Window, time: float, ends: Sequence[int]) -> list[Tensor]:
        """Return the pixels of the window for each end."""
        return [_pixels(window, self.like)] * len(ends)


def ensemble_members(
    ensemble: Ensemble,
    fields: Tensor,
    model: LatentDynamics,
    trained: Callable[[Tensor, Tensor], Tensor] | None,
) -> list[Member]:
    """Return all members of an ensemble.

    Parameters
    ----------
    ensemble : Ensemble
        Velocities half way.
    fields : Tensor, shape (1, n, 2, H, W)
        Stage fields of the result in pixels per stage.
    model : LatentDynamics
        Its number of stages, motion and characteristics are used.
    trained : callable, optional
        Adds what training changed to the stage fields of a member, and returns the sum. Without
        training, points of all motions but "steady" move on parabolas.
    """
    stages, motion, paths = model.stages, model.settings.physics.motion, model.transport.paths

    def staged(velocity: NDArray[np.float32]) -> Tensor:
        own = torch.from_numpy(velocity).to(fields.device)[None]
        return stage_fields(own, stages, motion, ensemble.course)

    change = None if trained is None else fields - staged(ensemble.centre)
    members: list[Member] = []
    for velocity, share in zip(ensemble.velocities, ensemble.weights.tolist(), strict=True):
        if trained is not None and change is not None:
            members.append(MemberFields(trained(staged(velocity), change), paths, share))
        elif motion == "steady" and ensemble.course is None:
            members.append(MemberFields(staged(velocity), paths, share))
        else:
            own = torch.from_numpy(velocity).to(fields.device)[None]
            members.append(MemberVelocity(own, motion, share, ensemble.course))
    if ensemble.still > _NEGLIGIBLE:
        members.append(NoMotion(fields, ensemble.still))
    return members


def _pixels(window: Window, like: Tensor) -> Tensor:
    return pixel_grid(window.height, window.width, y=window.y, x=window.x, device=like.device)
