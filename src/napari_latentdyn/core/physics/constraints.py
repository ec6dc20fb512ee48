"""Velocities without divergence, without rotation, or of rigid bodies.

Each constraint is a projection: it gives the nearest velocity that satisfies the constraint. A
window shows a part of a larger flow, so that nothing is imposed at the border of the image.
Helmholtz and Hodge: a velocity is the sum of a part without divergence and a gradient, here
of a potential that is zero at the border. Such a gradient is orthogonal to *every* velocity
without divergence, also to those that flow through the border.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.knowledge.regions import Regions
from napari_latentdyn.core.observations.patches import Window
from napari_latentdyn.core.physics.sampling import pixel_grid
from napari_latentdyn.errors import SettingsError
from napari_latentdyn.settings import PhysicsSettings

__all__ = ["Constraint", "curl", "divergence", "divergence_free", "irrotational", "rigid"]

_Scalar = TypeVar("_Scalar", bound=np.generic)

#: Largest number of iterations around blocked pixels, and the decrease of the residual at which
#: they stop.
_ITERATIONS, _TOLERANCE = 300, 1e-9
#: Number of times that pixels which do not move with their body get less weight.
_REWEIGHTINGS = 6
#: Least deviation from a body, in pixels per interval, that counts as one.
_ROUNDING = 1e-4


@dataclass(frozen=True, eq=False)
class Constraint:
    """A constraint on the velocity half way between two images.

    Attributes
    ----------
    kind : {"divergence_free", "irrotational", "rigid"}
        Condition on the velocity.
    strength : float
        Part of the violation that is removed, from 0 to 1.
    regions : ndarray of int, shape (H, W), optional
        Number of the rigid body of each pixel of the first image; pixels of 0 are free. By default
        the whole image is one body. The other constraints do not use it.
    blocked : ndarray of bool, shape (H, W), optional
        Pixels without a condition, whose velocities do not change.
    """

    kind: Literal["divergence_free", "irrotational", "rigid"]
    strength: float = 1.0
    regions: NDArray[np.integer] | None = None
    blocked: NDArray[np.bool_] | None = None

    @classmethod
    def of(cls, physics: PhysicsSettings, regions: Regions) -> Self | None:
        """Return the constraint of the settings, and of the regions of an interval.

        None without one, or if it has no strength. Rigid regions alone are a constraint.

        Raises
        ------
        SettingsError
            If there are rigid regions, and another constraint is chosen.
        """
        kind, bodies = physics.constraint, regions.rigid
        if bodies is not None and kind not in ("none", "rigid"):
            raise SettingsError(
                "rigid regions must have the constraint rigid or none (physics.constraint); got "
                f"{kind}: choose one of them, or leave the rigid regions out."
            )
        if physics.constraint_strength == 0 or (kind == "none" and bodies is None):
            return None
        return cls(
            "rigid" if kind == "none" else kind,
            physics.constraint_strength,
            None if bodies is None else bodies[0],
            regions.blocked_between,
        )

    @property
    def exact(self) -> bool:
        """Whether velocities satisfy the condition to rounding."""
        return self.strength == 1.0

    def apply(self, velocity: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return velocities that satisfy the condition, as far as its strength demands.

        Parameters
        ----------
        velocity : Tensor, shape (B, 2, H, W)
            Velocity half way in pixels per interval.
        weight : Tensor, shape (B or 1, 1, H, W), optional
            How well each velocity is known, for rigid bodies.

        Returns
        -------
        Tensor, shape (B, 2, H, W)
        """
        regions, blocked = (
            None if part is None else torch.from_numpy(part).to(velocity.device)
            for part in self._resized((velocity.shape[-2], velocity.shape[-1]))
        )
        if self.kind == "rigid":
            if regions is not None:
                regions = _half_way(regions, velocity)
            if blocked is not None:
                regions = (~blocked).long() if regions is None else regions * ~blocked
            found = rigid(velocity, regions, weight)
        else:
            project = divergence_free if self.kind == "divergence_free" else irrotational
            found = project(velocity, blocked)
        return found if self.exact else torch.lerp(velocity, found, self.strength)

    def crop(self, window: Window, shape: tuple[int, int]) -> Constraint:
        """Return a window of the constraint at a size."""
        regions, blocked = self._resized(shape)
        if regions is not None:
            regions = np.asarray(regions[window.slices])
        if blocked is not None:
            blocked = np.asarray(blocked[window.slices])
        return Constraint(self.kind, self.strength, regions, blocked)

    def _resized(
        self, shape: tuple[int, int]
    ) -> tuple[NDArray[np.integer] | None, NDArray[np.bool_] | None]:
        return (
            None if self.regions is None else _nearest(self.regions, shape).astype(np.int64),
            None if self.blocked is None else _nearest(self.blocked, shape),
        )


def divergence(velocity: Tensor) -> Tensor:
    """Return the divergence of velocities (B, 2, H, W) at inner pixels, (B, 1, H - 2, W - 2).

    It is computed from central differences, and is the negative adjoint of the gradient of a
    potential that is zero at the border.
    """
    rows = velocity[:, :1, 2:, 1:-1] - velocity[:, :1, :-2, 1:-1]
    columns = velocity[:, 1:, 1:-1, 2:] - velocity[:, 1:, 1:-1, :-2]
    return (rows + columns) / 2


def curl(velocity: Tensor) -> Tensor:
    """Return the vorticity of velocities (B, 2, H, W) at inner pixels, (B, 1, H - 2, W - 2)."""
    return divergence(_turned(velocity))


def divergence_free(velocity: Tensor, blocked: Tensor | None = None) -> Tensor:
    """Return the nearest velocities without divergence at inner pixels.

    Parameters
    ----------
    velocity : Tensor, shape (B, 2, H, W)
        Any velocities; in pixels per interval as elsewhere.
    blocked : Tensor of bool, shape (H, W), optional
        Pixels whose divergence is not removed, and whose velocities do not change.

    Returns
    -------
    Tensor, shape (B, 2, H, W)
    """
    if min(velocity.shape[-2:]) < 3:
        return velocity
    # The potential is larger than the velocity by the number of pixels, which costs digits.
    device = "cpu" if velocity.device.type == "mps" else velocity.device
    exact = velocity.to(device, torch.float64)
    if blocked is None or not bool(blocked.any()):
        potential = _solve(divergence(exact))
        return (exact + _gradient(potential)).to(velocity)
    free = (~blocked).to(exact)
    return (exact + free * _gradient(_solve_around(exact, free))).to(velocity)


def irrotational(velocity: Tensor, blocked: Tensor | None = None) -> Tensor:
    """Return the nearest velocities without rotation at inner pixels; see `divergence_free`."""
    return -_turned(divergence_free(_turned(velocity), blocked))


def rigid(velocity: Tensor, regions: Tensor | None = None, weight: Tensor | None = None) -> Tensor:
    """Return the velocities of rigid bodies that are nearest to given velocities.

    A body that turns by the angle ``w`` in the interval has the velocity
    ``t + 2 sin(w / 2) J (x - c)`` half way, with the rotation ``J`` by a right angle: the
    displacement is linear in the position for any angle. Pixels that do not move with most of
    their body get less weight (Cauchy).

    Parameters
    ----------
    velocity : Tensor, shape (B, 2, H, W)
        Velocity half way in pixels per interval.
    regions : Tensor of int, shape (H, W), optional
        Number of the body of each pixel; velocities do not change where it is 0 or less. By
        default the whole image is one body.
    weight : Tensor, shape (B or 1, 1, H, W), optional
        How well each velocity is known; by default all are equal.

    Returns
    -------
    Tensor, shape (B, 2, H, W)
    """
    height, width = velocity.shape[-2:]
    if regions is None:
        regions = torch.ones((height, width), dtype=torch.long, device=velocity.device)
    bodies, number = regions.clamp(min=0).unique(return_inverse=True)
    if not bool((bodies > 0).any()):
        return velocity
    device = "cpu" if velocity.device.type == "mps" else velocity.device
    given, number = velocity.to(device, torch.float64).flatten(2), number.to(device).flatten()
    batch, count = len(given), len(bodies)
    known = torch.ones_like(given[:, :1])
    if weight is not None:
        # Where no velocity is known, all count alike.
        known = weight.to(given).expand(batch, -1, -1, -1).flatten(2)
        known = known + 1e-6 * known.mean(dim=2, keepdim=True).clamp_min(1e-12)
    rows, columns = torch.meshgrid(
        torch.arange(height).to(given), torch.arange(width).to(given), indexing="ij"
    )
    places = torch.stack([rows, columns]).flatten(1)[None]

    def sums(values: Tensor) -> Tensor:
        """Sum over the pixels of each body, at each of its pixels."""
        total = values.new_zeros((batch, values.shape[1], count))
        return total.index_add_(2, number, values)[..., number]

    found, share = given, known
    for _ in range(_REWEIGHTINGS):
        total = sums(share).clamp_min(1e-30)
        arm, mean = places - sums(share * places) / total, sums(share * given) / total
        across = torch.stack([-arm[:, 1], arm[:, 0]], dim=1)
        moment = sums(share * across.square().sum(dim=1, keepdim=True))
        spin = sums(share * (across * (given - mean)).sum(dim=1, keepdim=True))
        found = mean + spin / moment.clamp_min(1e-12) * across
        left = (given - found).square().sum(dim=1, keepdim=True)
        spread = sums(share * left) / total
        share = known / (1 + left / (spread + _ROUNDING**2)) ** 2
    moved = torch.where(bodies.to(device)[number] > 0, found, given)
    return moved.view_as(velocity).to(velocity)


def _half_way(regions: Tensor, velocity: Tensor) -> Tensor:
    """Return the regions of the first image (H, W) where their mean velocity has them half way."""
    height, width = regions.shape
    grid = pixel_grid(height, width, device=velocity.device)
    rows, columns = (grid - velocity.mean(dim=0, keepdim=True) / 2)[0].round().long()
    return regions[rows.clamp(0, height - 1), columns.clamp(0, width - 1)]


def _turned(velocity: Tensor) -> Tensor:
    """Turn velocities by a right angle: the divergence of the result is the vorticity."""
    return torch.stack([-velocity[:, 1], velocity[:, 0]], dim=1)


def _gradient(potential: Tensor) -> Tensor:
    """Return the gradient of potentials of inner pixels (B, 1, H - 2, W - 2), (B, 2, H, W).

    The potential is zero at the border and outside of the image.
    """
    wide = torch.nn.functional.pad(potential, (2, 2, 2, 2))
    rows = wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]
    columns = wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2]
    return torch.cat([rows, columns], dim=1) / 2


def _solve(right: Tensor) -> Tensor:
    """Return the potential whose gradient has the negative divergence `right`.

    Central differences couple every second pixel of each axis. So these are four problems, each
    solved by sine transforms.
    """
    potential = torch.zeros_like(right)
    for y in (0, 1):
        for x in (0, 1):
            part = right[..., y::2, x::2]
            if part.numel() == 0:
                continue
            waves = [
                torch.sin(torch.arange(1, n + 1).to(part) * (torch.pi / (2 * (n + 1)))) ** 2
                for n in part.shape[-2:]
            ]
            count = 4 * (part.shape[-2] + 1) * (part.shape[-1] + 1)
            solved = _sines(part) / (waves[0][:, None] + waves[1]) / count
            potential[..., y::2, x::2] = _sines(solved)
    return potential


def _sines(values: Tensor) -> Tensor:
    """Return the sine transform (DST-I) of both axes, whose square is ``4 (h + 1) (w + 1)``."""
    for axis in (-2, -1):
        zero = torch.zeros_like(values.narrow(axis, 0, 1))
        odd = torch.cat([zero, values, zero, -values.flip(axis)], dim=axis)
        spectrum = torch.fft.rfft(odd, dim=axis).imag
        values = -spectrum.narrow(axis, 1, values.shape[axis])
    return values


def _solve_around(velocity: Tensor, free: Tensor) -> Tensor:
    """Return the potential with which velocities of free pixels (H, W) lose their divergence.

    Conjugate gradients, preconditioned with the solution that ignores blocked pixels.
    """
    around = torch.stack([free[:-2, 1:-1], free[2:, 1:-1], free[1:-1, :-2], free[1:-1, 2:]])
    # A pixel between blocked ones has nothing that could be changed.
    inner = free[1:-1, 1:-1] * (around.sum(dim=0) > 0)
    residual = inner * divergence(velocity)
    potential = torch.zeros_like(residual)
    direction, before = torch.zeros_like(residual), None
    start = float(residual.square().sum())
    for _ in range(_ITERATIONS):
        if float(residual.square().sum()) <= _TOLERANCE**2 * start:
            break
        better = inner * _solve(residual)
        norm = (residual * better).sum(dim=(1, 2, 3), keepdim=True)
        if before is not None:
            direction = direction * (norm / before.clamp_min(1e-300))
        direction = better + direction
        product = -inner * divergence(free * _gradient(direction))
        step = norm / (direction * product).sum(dim=(1, 2, 3), keepdim=True).clamp_min(1e-300)
        potential += step * direction
        residual = residual - step * product
        before = norm
    return potential


def _nearest(values: NDArray[_Scalar], shape: tuple[int, int]) -> NDArray[_Scalar]:
    """Return values (H, W) at the nearest pixels of another size."""
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(int)
        for new, old in zip(shape, values.shape, strict=True)
    )
    return values[np.ix_(rows, columns)]
