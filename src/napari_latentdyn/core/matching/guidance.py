"""Prior knowledge of the velocity half way, on the levels of a pyramid.

Still regions and walls cut the stiffness. A wall holds the velocity next to it along its edge.
Known displacements pull the velocity with the precision of their interpolation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from napari_latentdyn.core.knowledge.regions import nearest_free
from napari_latentdyn.core.matching.multigrid import restrict_sums
from napari_latentdyn.core.observations.patches import Window
from napari_latentdyn.core.physics.operators import halve, resize

__all__ = ["Guidance", "KnownVelocity", "LevelGuidance", "Pull", "along_walls"]

Mask = NDArray[np.bool_]
Shape = tuple[int, int]

#: Part of a pixel of a level that a region has to cover to count as a region there.
_COVERED = 0.5
#: Precision of the normal velocity next to a wall, in units of the normal equations.
_WALL = 1e3
#: Distance from a wall up to which pixels are next to it, and the standard deviation with which its
#: distance is smoothed to find its normal, both in pixels.
_NEXT, _NORMAL = 1.5, 2.0
#: Precision of one pixel with a standard deviation of one pixel, in units of the normal equations,
#: and the variance in squared pixels of a level that is added.
_PIXEL, _LEAST = 0.02, 0.02


@dataclass(frozen=True, eq=False)
class Pull:
    """A quadratic energy that pulls the velocity: ``(u - u0)' P (u - u0) / 2``.

    Attributes
    ----------
    precision : Tensor, shape (1, 2, H, W)
        Diagonal of the matrices P.
    cross : Tensor, shape (1, 1, H, W)
        Their other entry.
    target : Tensor, shape (1, 2, H, W)
        Products of P and the known velocity u0.
    """

    precision: Tensor
    cross: Tensor
    target: Tensor

    def each(self, change: Callable[[Tensor], Tensor]) -> Pull:
        """Return the energy with a change of all its parts."""
        return Pull(change(self.precision), change(self.cross), change(self.target))

    def __add__(self, other: Pull) -> Pull:
        return Pull(
            self.precision + other.precision, self.cross + other.cross, self.target + other.target
        )


@dataclass(frozen=True, eq=False)
class LevelGuidance:
    """Prior knowledge on one level.

    Attributes
    ----------
    blocked : Tensor of bool, shape (1, 1, H, W), or None
        Where nothing moves.
    pull : Pull or None
        What pulls the velocity.
    """

    blocked: Tensor | None = None
    pull: Pull | None = None

    @cached_property
    def coarse(self) -> LevelGuidance:
        """The same on a grid of half the size; the data of four pixels are added."""
        blocked = None if self.blocked is None else halve(self.blocked.float()) > 0.5
        return LevelGuidance(blocked, None if self.pull is None else self.pull.each(restrict_sums))

    @cached_property
    def stencils(self) -> tuple[Tensor, Tensor, Tensor] | None:
        """Weights of the second differences: zero where one touches a blocked pixel."""
        if self.blocked is None:
            return None
        free = 1.0 - self.blocked.float()
        rows = torch.minimum(torch.minimum(free[..., 2:, :], free[..., 1:-1, :]), free[..., :-2, :])
        columns = torch.minimum(
            torch.minimum(free[..., :, 2:], free[..., :, 1:-1]), free[..., :, :-2]
        )
        return rows, columns, -functional.max_pool2d(-free, 2, stride=1)

    @cached_property
    def _sources(self) -> tuple[Tensor, Tensor] | None:
        if self.blocked is None:
            return None
        mask = self.blocked[0, 0].cpu().numpy()
        if mask.all():
            return None
        rows, columns = torch.from_numpy(nearest_free(mask)).to(self.blocked.device)
        return rows, columns

    def extended(self, velocity: Tensor) -> Tensor:
        """Return velocities (B, 2, H, W) that continue from the nearest pixel that moves."""
        if self._sources is None:
            return velocity
        rows, columns = self._sources
        return velocity[..., rows, columns]

    def crop(self, window: Window) -> LevelGuidance:
        """Return a window of the guidance."""
        part = (..., *window.slices)
        blocked = None if self.blocked is None else self.blocked[part]
        return LevelGuidance(blocked, self.pull and self.pull.each(lambda values: values[part]))


@dataclass(frozen=True, eq=False)
class KnownVelocity:
    """Velocity half way that tracks give.

    Attributes
    ----------
    velocity : ndarray of float32, shape (2, H, W)
        In pixels per interval.
    variance : ndarray of float32, shape (H, W)
        Its variance in squared pixels.
    nearness : ndarray of float32, shape (H, W)
        1 at a track, and 0 far from all of them.
    """

    velocity: NDArray[np.float32]
    variance: NDArray[np.float32]
    nearness: NDArray[np.float32]


class Guidance:
    """Prior knowledge of the velocity half way between two images.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the images.
    device : torch.device
        Device of the computation.
    blocked, wall : ndarray of bool, shape (H, W), optional
        Where nothing moves, and the part of it that nothing flows into.
    known : KnownVelocity, optional
        Velocity that tracks give.
    """

    def __init__(
        self,
        shape: Shape,
        device: torch.device,
        *,
        blocked: Mask | None = None,
        wall: Mask | None = None,
        known: KnownVelocity | None = None,
    ) -> None:
        self._shape, self._device = shape, device
        self._blocked, self._wall = (self._mask(mask) for mask in (blocked, wall))
        self._known: tuple[Tensor, ...] | None = None
        if known is not None:
            planes = known.velocity, known.variance[None], known.nearness[None]
            self._known = tuple(torch.from_numpy(plane)[None].to(device) for plane in planes)
        self._levels: dict[Shape, LevelGuidance] = {}

    def offer(self, shape: Shape) -> tuple[Tensor, Tensor] | None:
        """Return the known velocity and its nearness on a level, None without one."""
        if self._known is None:
            return None
        velocity, _, nearness = (resize(plane, shape) for plane in self._known)
        return velocity * self._scale(shape), nearness

    def level(self, shape: Shape) -> LevelGuidance:
        """Return the guidance on a level of a size."""
        if shape not in self._levels:
            self._levels[shape] = self._on(shape)
        return self._levels[shape]

    def _on(self, shape: Shape) -> LevelGuidance:
        blocked = self._covered(self._blocked, shape)
        wall = self._covered(self._wall, shape)
        pull: Pull | None = None
        if wall is not None:
            normal = torch.from_numpy(wall_normals(wall[0, 0].cpu().numpy())).to(self._device)[None]
            cross = normal[:, :1] * normal[:, 1:]
            pull = Pull(_WALL * normal**2, _WALL * cross, torch.zeros_like(normal))
        if self._known is not None:
            scale = self._scale(shape)
            velocity = resize(self._known[0], shape) * scale
            precision = _PIXEL / (resize(self._known[1], shape) * scale**2 + _LEAST)
            own = Pull(precision, torch.zeros_like(precision[:, :1]), precision * velocity)
            pull = own if pull is None else pull + own
        return LevelGuidance(blocked, pull)

    def _scale(self, shape: Shape) -> Tensor:
        """Return the pixels of a level in a pixel of the images, (1, 2, 1, 1)."""
        ratio = [new / old for new, old in zip(shape, self._shape, strict=True)]
        return torch.tensor(ratio, device=self._device).view(1, 2, 1, 1)

    def _covered(self, mask: Tensor | None, shape: Shape) -> Tensor | None:
        return None if mask is None else resize(mask, shape) >= _COVERED

    def _mask(self, mask: Mask | None) -> Tensor | None:
        if mask is None:
            return None
        return torch.from_numpy(np.ascontiguousarray(mask, np.float32))[None, None].to(self._device)


def wall_normals(wall: Mask) -> NDArray[np.float32]:
    """Return the unit normals of pixels next to a wall (H, W), shape (2, H, W); 0 elsewhere."""
    normals = np.zeros((2, *wall.shape), np.float32)
    if not wall.any() or wall.all():
        return normals
    # The distance to the edge, negative in the wall.
    distance = ndimage.distance_transform_edt(~wall)
    signed = ndimage.gaussian_filter(distance - ndimage.distance_transform_edt(wall), _NORMAL)
    slope = np.stack(np.gradient(signed))
    slope /= np.maximum(np.hypot(*slope), 1e-6)
    beside = ~wall & (distance < _NEXT)
    normals[:, beside] = slope[:, beside]
    return normals


def along_walls(velocity: NDArray[np.float32], wall: Mask) -> NDArray[np.float32]:
    """Return velocities (..., 2, H, W) without the part that flows through a wall (H, W)."""
    normals = wall_normals(wall)
    through = (velocity * normals).sum(axis=-3, keepdims=True)
    return np.asarray(velocity - through * normals, np.float32)
