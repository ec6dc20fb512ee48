"""Outlines of bodies, and how far from them a point is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from training.scenes.draws import Draws


class Shape(Protocol):
    """An outline."""

    @property
    def centre(self) -> Tensor:
        """Return a point (y, x) inside."""

    @property
    def reach(self) -> float:
        """Return how far from the centre the outline can be."""

    def distance(self, points: Tensor) -> Tensor:
        """Return the distance (T, H, W) of points (T, 2, H, W), negative inside."""


@dataclass(frozen=True, eq=False)
class Ripple:
    """A few waves that make outlines irregular.

    Attributes
    ----------
    waves : Tensor of shape (M, 4)
        Wave vector (ky, kx), phase and amplitude.
    """

    waves: Tensor

    def __call__(self, points: Tensor) -> Tensor:
        """Return the sum of the waves (T, H, W) at points (T, 2, H, W)."""
        total = torch.zeros_like(points[:, 0])
        for ky, kx, phase, amplitude in self.waves.tolist():
            total += amplitude * torch.sin(ky * points[:, 0] + kx * points[:, 1] + phase)
        return total

    @classmethod
    def draw(cls, draws: Draws, height: float, *, count: int = 3, shortest: float = 8.0) -> Ripple:
        """Draw waves of a total height in pixels, the longer the higher."""
        waves = []
        for _ in range(count):
            wavelength = draws.log_uniform(shortest, 6 * shortest)
            vector = draws.direction(2 * math.pi / wavelength)
            share = wavelength / (6 * shortest)
            waves.append([*vector.tolist(), draws.uniform(0, 2 * math.pi), height * share])
        return cls(torch.tensor(waves))


@dataclass(frozen=True, eq=False)
class Ellipse:
    """An ellipse.

    Attributes
    ----------
    centre : Tensor of shape (2,)
        Its middle.
    axes : tuple of float
        Half its two lengths, in pixels.
    angle : float
        Of the first axis.
    """

    centre: Tensor
    axes: tuple[float, float]
    angle: float = 0.0

    @property
    def reach(self) -> float:
        """Return the longer half axis."""
        return max(self.axes)

    def distance(self, points: Tensor) -> Tensor:
        """Return the distance to first order near the outline."""
        c, s = math.cos(self.angle), math.sin(self.angle)
        y, x = (points - self.centre[:, None, None]).unbind(1)
        a, b = (c * y + s * x) / self.axes[0], (c * x - s * y) / self.axes[1]
        radius = torch.hypot(a, b) + 1e-6
        slope = torch.hypot(a / self.axes[0], b / self.axes[1]) / radius + 1e-6
        return (radius - 1) / slope


@dataclass(frozen=True, eq=False)
class Polygon:
    """An intersection of half planes with rippled edges.

    Attributes
    ----------
    centre : Tensor of shape (2,)
        A point inside.
    normals : Tensor of shape (P, 2)
        Unit vectors that point outwards.
    offsets : Tensor of shape (P,)
        Distances of the edges from the origin.
    reach : float
        See `Shape`.
    ripple : Ripple
        Added to the distance.
    signs : Tensor of shape (P,)
        Of the ripple at each edge: opposite ones make pieces fit that share an edge.
    """

    centre: Tensor
    normals: Tensor
    offsets: Tensor
    reach: float
    ripple: Ripple | None = None
    signs: Tensor = field(default_factory=lambda: torch.ones(1))

    def distance(self, points: Tensor) -> Tensor:
        """Return the distance from the nearest edge."""
        ripple = None if self.ripple is None else self.ripple(points)
        signs = self.signs.expand(len(self.offsets)).tolist()
        farthest: Tensor | None = None
        for (ny, nx), offset, sign in zip(
            self.normals.tolist(), self.offsets.tolist(), signs, strict=True
        ):
            distance = ny * points[:, 0] + nx * points[:, 1] - offset
            if ripple is not None:
                distance = distance + sign * ripple
            farthest = distance if farthest is None else torch.maximum(farthest, distance)
        assert farthest is not None
        return farthest


def draw_floe(draws: Draws, centre: Tensor, radius: float) -> Polygon:
    """Draw a convex polygon with an uneven outline."""
    count = draws.integer(4, 8)
    step = 2 * math.pi / count
    angles = (torch.arange(count) + 0.6 * (draws.rand(count) - 0.5)) * step
    angles = angles + draws.uniform(0, 2 * math.pi)
    normals = torch.stack([angles.sin(), angles.cos()], dim=1)
    distances = radius * (0.65 + 0.3 * draws.rand(count))
    ripple = Ripple.draw(draws, 0.15 * radius, shortest=max(4.0, radius / 2))
    return Polygon(centre, normals, normals @ centre + distances, 1.3 * radius, ripple)


def voronoi(draws: Draws, sites: Tensor, size: tuple[int, int]) -> list[Polygon]:
    """Divide the plane into the cells of sites (K, 2), with edges that fit into each other."""
    ripple = Ripple.draw(draws, draws.uniform(0, 4), shortest=6.0)
    cells = []
    for k, site in enumerate(sites):
        others = torch.cat([sites[:k], sites[k + 1 :]])
        across = others - site
        normals = across / (across.norm(dim=1, keepdim=True) + 1e-6)
        offsets = (normals * (others + site) / 2).sum(1)
        signs = torch.cat([-torch.ones(k), torch.ones(len(others) - k)])
        cells.append(Polygon(site, normals, offsets, 4.0 * max(size), ripple, signs))
    return cells
