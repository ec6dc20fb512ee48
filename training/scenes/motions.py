"""Motions of material that are known exactly at every time.

Material is named by where it is half way, at t = 1/2.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from training.scenes.draws import Canvas

HALF = 0.5


class Motion(ABC):
    """Where material is at any time of the interval."""

    @abstractmethod
    def departure(self, points: Tensor, times: Tensor) -> Tensor:
        """Find the material that is at given points.

        Parameters
        ----------
        points : Tensor of shape (T, 2, H, W)
            Positions (y, x).
        times : Tensor of shape (T,)
            When it is there.

        Returns
        -------
        Tensor of shape (T, 2, H, W)
            Where this material is half way.
        """

    @abstractmethod
    def arrival(self, points: Tensor, times: Tensor) -> Tensor:
        """Find where material that is at given points half way is at other times.

        The inverse of `departure`, with arguments of the same shapes.
        """


@dataclass(frozen=True)
class Clock:
    """How much of a steady motion has happened at a time: nothing half way, one in all.

    Attributes
    ----------
    acceleration : float
        Twice how much of the speed is gained from half way to the end.
    pulse : float
        How much slower than on average the motion is half way.
    """

    acceleration: float = 0.0
    pulse: float = 0.0

    def __call__(self, times: Tensor) -> Tensor:
        """Return the elapsed share, negative before half way."""
        u = times - HALF
        return u + self.acceleration * u**2 + self.pulse * (4 * u**3 - u)


@dataclass(frozen=True, eq=False)
class Still(Motion):
    """No motion."""

    def departure(self, points: Tensor, times: Tensor) -> Tensor:
        """Return the points."""
        return points

    def arrival(self, points: Tensor, times: Tensor) -> Tensor:
        """Return the points."""
        return points


@dataclass(frozen=True, eq=False)
class Drift(Motion):
    """A translation, at constant acceleration.

    Attributes
    ----------
    shift : Tensor of shape (2,)
        From the first to the last time.
    bend : Tensor of shape (2,)
        Acceleration; across the shift, it makes the path a parabola.
    """

    shift: Tensor
    bend: Tensor = field(default_factory=lambda: torch.zeros(2))

    def _moved(self, times: Tensor) -> Tensor:
        u = (times - HALF)[:, None]
        return (self.shift * u + self.bend * u**2)[:, :, None, None]

    def departure(self, points: Tensor, times: Tensor) -> Tensor:
        """Go back by the shift."""
        return points - self._moved(times)

    def arrival(self, points: Tensor, times: Tensor) -> Tensor:
        """Go on by the shift."""
        return points + self._moved(times)


@dataclass(frozen=True, eq=False)
class Affine(Motion):
    """The flow of a velocity that is linear in position: rotation, strain, shear, in any sum.

    Attributes
    ----------
    gradient : Tensor of shape (2, 2)
        Velocity gradient, over the interval.
    centre : Tensor of shape (2,)
        Where the velocity is zero.
    clock : Clock
        How the amplitude varies.
    """

    gradient: Tensor
    centre: Tensor
    clock: Clock = field(default_factory=Clock)

    def _flow(self, points: Tensor, elapsed: Tensor) -> Tensor:
        maps = torch.linalg.matrix_exp(self.gradient * elapsed[:, None, None])
        offset = self.centre - maps @ self.centre
        y, x = points[:, 0], points[:, 1]
        a = maps[:, :, :, None, None]
        return torch.stack(
            [a[:, i, 0] * y + a[:, i, 1] * x + offset[:, i, None, None] for i in (0, 1)],
            dim=1,
        )

    def departure(self, points: Tensor, times: Tensor) -> Tensor:
        """Apply the inverse matrix exponential."""
        return self._flow(points, -self.clock(times))

    def arrival(self, points: Tensor, times: Tensor) -> Tensor:
        """Apply the matrix exponential."""
        return self._flow(points, self.clock(times))


@dataclass(frozen=True, eq=False)
class Flow(Motion):
    """The flow of velocity fields on a canvas, each with an amplitude of its own.

    Between its samples a field is what linear interpolation makes of it; the characteristics of
    this are integrated by the midpoint rule.

    Attributes
    ----------
    canvas : Canvas
        What the fields are sampled on, once a pixel.
    fields : Tensor of shape (K, 2, h, w)
        Steady velocities (dy, dx), in pixels per interval.
    clocks : sequence of Clock
        How their amplitudes vary.
    steps : int
        Steps from half way to either end.
    """

    canvas: Canvas
    fields: Tensor
    clocks: Sequence[Clock]
    steps: int = 8

    def departure(self, points: Tensor, times: Tensor) -> Tensor:
        """Follow characteristics from the times to half way."""
        return self._follow(points, times, torch.full_like(times, HALF))

    def arrival(self, points: Tensor, times: Tensor) -> Tensor:
        """Follow characteristics from half way to the times."""
        return self._follow(points, torch.full_like(times, HALF), times)

    def _follow(self, points: Tensor, start: Tensor, stop: Tensor) -> Tensor:
        moving = (start != stop).nonzero()[:, 0]
        result = points.clone()
        if len(moving) == 0:
            return result
        here, now = points[moving], start[moving]
        step = (stop - start)[moving] / self.steps
        span = step[:, None, None, None]
        for _ in range(self.steps):
            # Amplitudes averaged over a step make a change of the clock alone exact.
            amplitudes = torch.stack(
                [(clock(now + step) - clock(now)) / step for clock in self.clocks], dim=1
            )
            halfway = here + span / 2 * self._velocity(here, amplitudes)
            here = here + span * self._velocity(halfway, amplitudes)
            now = now + step
        result[moving] = here
        return result

    def _velocity(self, points: Tensor, amplitudes: Tensor) -> Tensor:
        flat = self.fields.flatten(0, 1)
        found = self.canvas.lookup(flat, points, mode="bilinear", padding="border")
        per_field = found.unflatten(1, (-1, 2)) * amplitudes[:, :, None, None, None]
        total: Tensor = per_field.sum(1)
        return total


@dataclass(frozen=True, eq=False)
class Composed(Motion):
    """One motion carried along by another.

    Attributes
    ----------
    outer, inner : Motion
        What carries, and what is carried.
    """

    outer: Motion
    inner: Motion

    def departure(self, points: Tensor, times: Tensor) -> Tensor:
        """Undo the outer motion first."""
        return self.inner.departure(self.outer.departure(points, times), times)

    def arrival(self, points: Tensor, times: Tensor) -> Tensor:
        """Do the inner motion first."""
        return self.outer.arrival(self.inner.arrival(points, times), times)


def rotation(angle: float) -> Tensor:
    """Return the velocity gradient of a rotation by this angle over the interval."""
    return torch.tensor([[0.0, angle], [-angle, 0.0]])


def strain(rate: float, angle: float) -> Tensor:
    """Return the velocity gradient of a pure strain: stretching along one axis."""
    c, s = rate * math.cos(2 * angle), rate * math.sin(2 * angle)
    return torch.tensor([[-c, s], [s, c]])


def shear(rate: float, angle: float) -> Tensor:
    """Return the velocity gradient of a simple shear along one axis."""
    along = torch.tensor([math.sin(angle), math.cos(angle)])
    across = torch.tensor([math.cos(angle), -math.sin(angle)])
    return rate * torch.outer(along, across)


def divergence(rate: float) -> Tensor:
    """Return the velocity gradient of an even expansion."""
    return rate / 2 * torch.eye(2)
