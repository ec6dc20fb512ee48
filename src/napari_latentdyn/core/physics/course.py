"""The course of points through an interval: velocity half way, acceleration and jerk.

With the time s from -1/2 to 1/2, a point that is at x half way moves on
``x + s u + s^2/2 a + (s^3 - s/4)/6 j``. Its ends depend on the acceleration but not on the jerk,
and the displacement u neither on the one nor on the other: so the paths of two neighbouring
intervals meet at their common observation without a kink.

A deviation that was measured on tracks between the images is added. It is zero at both ends,
linear in time between evenly spaced knots, and may therefore have a kink at any time of day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.observations.patches import Window
from napari_latentdyn.core.physics.motion import Motion, acceleration
from napari_latentdyn.core.physics.sampling import pixel_grid, sample

__all__ = ["Course", "displacement", "motion_terms", "stage_fields", "velocity_along"]


@dataclass(frozen=True, eq=False)
class Course:
    """Acceleration and jerk of one interval, measured from its neighbours in a series.

    Attributes
    ----------
    acceleration : ndarray of float32, shape (2, H, W)
        In pixels per interval squared.
    jerk : ndarray of float32, shape (2, H, W)
        In pixels per interval cubed.
    share : float
        Part of them that counts, from 0 to 1; the rest is the acceleration of the motion that
        one interval alone suggests.
    deviation : ndarray of float32, shape (m - 1, 2, H, W) or (m - 1, 2, 1, 1), optional
        Deviation from this course in pixels at the inner knots of m equal parts of the interval.
    """

    acceleration: NDArray[np.float32]
    jerk: NDArray[np.float32]
    share: float
    deviation: NDArray[np.float32] | None = None

    @classmethod
    def unknown(cls, shape: tuple[int, int]) -> Course:
        """Return a course of images of a shape (H, W) of which nothing was measured."""
        nothing = np.zeros((2, *shape), np.float32)
        return cls(nothing, nothing, 0.0)

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Return whether all fields are finite and of a shape (2, H, W), and the share fits."""
        parts = [self.acceleration, self.jerk]
        if self.deviation is not None:
            if self.deviation.ndim != 4 or self.deviation.shape[2:] not in (shape[1:], (1, 1)):
                return False
            parts += [np.broadcast_to(part, shape) for part in self.deviation]
        valid = all(part.shape == shape and bool(np.isfinite(part).all()) for part in parts)
        return valid and 0.0 <= self.share <= 1.0

    def crop(self, window: Window) -> Course:
        """Return a window of the course."""
        part = (..., *window.slices)
        deviation = self.deviation
        if deviation is not None and deviation.shape[2:] != (1, 1):
            deviation = deviation[part]
        return Course(self.acceleration[part], self.jerk[part], self.share, deviation)


def motion_terms(velocity: Tensor, motion: Motion, course: Course | None = None) -> Tensor:
    """Return velocity, acceleration and, with a course, jerk of each point half way.

    Parameters
    ----------
    velocity : Tensor, shape (B, 2, H, W)
        Displacement per interval, in pixels.
    motion : {"steady", "inertial", "local"}
        Acceleration as far as it was not measured; see `acceleration`.
    course : Course, optional
        The measured acceleration and jerk.

    Returns
    -------
    Tensor, shape (B, 4, H, W), or (B, 6, H, W) with a course
        A deviation adds two channels for each inner knot.
    """
    change = acceleration(velocity, motion)
    if course is None:
        return torch.cat([velocity, change], dim=1)
    measured, jerk = (
        torch.from_numpy(np.ascontiguousarray(part)).to(velocity)[None]
        for part in (course.acceleration, course.jerk)
    )
    change = torch.lerp(change, measured.expand_as(change), course.share)
    terms = [velocity, change, course.share * jerk.expand_as(change)]
    if course.deviation is not None:
        knots = torch.from_numpy(np.ascontiguousarray(course.deviation)).to(velocity)
        terms += [knot[None].expand_as(change) for knot in knots]
    return torch.cat(terms, dim=1)


def displacement(terms: Tensor, start: float, end: float) -> Tensor:
    """Return the way of points from one time to another, (B, 2, H, W) in pixels.

    `terms` are `motion_terms`, and the times lie between -1/2 and 1/2.
    """
    factors = (
        end - start,
        (end**2 - start**2) / 2,
        (end**3 - start**3 - (end - start) / 4) / 6,
    )
    return _sum(terms, factors + _deviations(terms, start, end))


def velocity_along(terms: Tensor, time: float, span: float = 1e-3) -> Tensor:
    """Return the velocity of points at a time, (B, 2, H, W) in pixels per interval.

    That of a deviation, which may have a kink, is the mean over a `span` of time.
    """
    changes = _deviations(terms, time - span / 2, time + span / 2)
    factors = (1.0, time, time**2 / 2 - 1 / 24, *(change / span for change in changes))
    return _sum(terms, factors)


def _deviations(terms: Tensor, start: float, end: float) -> tuple[float, ...]:
    """Return the factors of the knots of a deviation for the way between two times."""
    knots = np.linspace(-0.5, 0.5, max(terms.shape[1] // 2 - 1, 2))[1:-1]
    parts = len(knots) + 1
    hats = [np.maximum(0.0, 1.0 - np.abs(time - knots) * parts) for time in (start, end)]
    return tuple((hats[1] - hats[0]).tolist())


def stage_fields(
    velocity: Tensor, stages: int, motion: Motion, course: Course | None = None
) -> Tensor:
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
    course : Course, optional
        Measured acceleration and jerk.

    Returns
    -------
    Tensor, shape (B, n, 2, H, W)
        Velocity in the middle of each stage, in pixels per stage.
    """
    if course is None and (motion == "steady" or not bool(velocity.any())):
        return (velocity / stages)[:, None].expand(-1, stages, -1, -1, -1).contiguous()
    terms = motion_terms(velocity, motion, course)
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
                places = grid - displacement(sample(terms, places), 0.0, s)
            fields[k] = velocity_along(sample(terms, places), s, 1 / stages) / stages
    return torch.stack([f for f in fields if f is not None], dim=1)


def _sum(terms: Tensor, factors: tuple[float, ...]) -> Tensor:
    total = factors[0] * terms[:, :2]
    for number in range(1, terms.shape[1] // 2):
        total = total + factors[number] * terms[:, 2 * number : 2 * number + 2]
    return total
