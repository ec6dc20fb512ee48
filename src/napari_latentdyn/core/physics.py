"""The latent PDE: advection along the fields, and the characteristics it is solved with.

Positions and displacements are in pixels, rows before columns; a velocity is a
displacement per stage.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from napari_latentdyn.core.limiter import limited
from napari_latentdyn.core.spline import spline_sample
from napari_latentdyn.settings import PhysicsSettings

__all__ = ["Advection", "inside", "pixel_grid", "sample"]


def pixel_grid(
    height: int, width: int, *, y: int = 0, x: int = 0, device: torch.device | None = None
) -> Tensor:
    """Return the positions of the pixels of a window, shape (1, 2, height, width)."""
    rows = torch.arange(y, y + height, dtype=torch.float32, device=device)
    columns = torch.arange(x, x + width, dtype=torch.float32, device=device)
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"))[None]


def sample(
    values: Tensor,
    positions: Tensor,
    interpolation: Literal["bilinear", "bicubic", "spline", "nearest"] = "bilinear",
    origin: tuple[int, int] = (0, 0),
    *,
    limiter: bool = False,
) -> Tensor:
    """Read values between the pixels.

    Outside the image the nearest border value is returned: what flows in from
    outside is taken to be what is seen at the border.

    Parameters
    ----------
    values : Tensor, shape (B, C, H, W)
        Values at the pixels.
    positions : Tensor, shape (B, 2, h, w)
        Where to read, in pixels.
    interpolation : {"bilinear", "bicubic", "spline", "nearest"}
        Kernel; bicubic is the cubic convolution with a = -0.75, spline the
        cubic B-spline (see `spline_sample`).
    origin : (int, int)
        Position of the first pixel of `values`, where these are a window.
    limiter : bool
        Keep what is read within the values of the four pixels around its place,
        see `limited`. The kernels "bilinear" and "nearest" do so anyway.

    Returns
    -------
    Tensor, shape (B, C, h, w)
    """
    if limiter and interpolation in ("spline", "bicubic"):
        values = values.expand(positions.shape[0], -1, -1, -1)
        moved = positions - positions.new_tensor(origin).view(1, 2, 1, 1)
        return limited(sample(values, moved, interpolation), values, moved)
    height, width = values.shape[-2:]
    if interpolation == "spline":
        moved = positions - positions.new_tensor(origin).view(1, 2, 1, 1)
        return spline_sample(values.expand(positions.shape[0], -1, -1, -1), moved)
    rows = (positions[:, 0] - origin[0]) * (2.0 / max(height - 1, 1)) - 1.0
    columns = (positions[:, 1] - origin[1]) * (2.0 / max(width - 1, 1)) - 1.0
    return functional.grid_sample(
        values.expand(positions.shape[0], -1, -1, -1),
        # Plane by plane: interleaving them would take as long as reading.
        torch.stack([columns, rows], dim=1).movedim(1, -1).to(values.dtype),
        mode=interpolation,
        padding_mode="border",
        align_corners=True,
    )


def inside(positions: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return where positions (B, 2, h, w) lie within an image, as (B, 1, h, w) of bool."""
    rows, columns = positions[:, :1], positions[:, 1:]
    slack = 0.5
    return (
        (rows >= -slack)
        & (rows <= shape[0] - 1 + slack)
        & (columns >= -slack)
        & (columns <= shape[1] - 1 + slack)
    )


class Advection:
    """Pure advection, ``dz/dt + v . grad z = 0`` (HLG equations 3c, 5 and 6).

    A value keeps its size and moves: ``z(x + v_k dt, t_k + dt) = z(x, t_k)``.
    It is solved in semi-Lagrangian form: for every pixel the place is found
    from which its value comes, and the state is read there.

    Parameters
    ----------
    settings : PhysicsSettings
        `departure`: "euler" carries a point with the velocity where it starts
        (equation 5); "midpoint" with the velocity half way, which is second
        order and exactly reversible. `transport`, `interpolation` and
        `limiter`: see `carry`.
    """

    #: Fixed-point iterations of the implicit relations below; each gains a factor of the
    #: velocity's gradient per stage, which is well below one.
    ITERATIONS = 2

    def __init__(self, settings: PhysicsSettings) -> None:
        self.settings = settings

    def backward(self, velocity: Tensor, positions: Tensor, part: float = 1.0) -> Tensor:
        """Follow positions back in time through one stage, or a part of it.

        Parameters
        ----------
        velocity : Tensor, shape (B, 2, H, W)
            Field of the stage in pixels per stage.
        positions : Tensor, shape (B, 2, h, w)
            Where points are at the end.
        part : float
            Fraction of the stage.

        Returns
        -------
        Tensor, shape (B, 2, h, w)
            Where they were at the start.
        """
        reach = 0.5 if self.settings.departure == "midpoint" else 1.0
        move = part * sample(velocity, positions)
        for _ in range(self.ITERATIONS - 1 if reach == 0.5 else self.ITERATIONS):
            move = part * sample(velocity, positions - reach * move)
        return positions - move

    def forward(self, velocity: Tensor, positions: Tensor, part: float = 1.0) -> Tensor:
        """Follow positions on in time through one stage, or a part of it; as `backward`."""
        move = part * sample(velocity, positions)
        if self.settings.departure == "midpoint":
            for _ in range(self.ITERATIONS - 1):
                move = part * sample(velocity, positions + 0.5 * move)
        return positions + move

    def trace_back(self, fields: Tensor, positions: Tensor, time: float) -> Tensor:
        """Follow positions from a time back to the start: composed characteristics.

        Parameters
        ----------
        fields : Tensor, shape (B, n, 2, H, W)
            Velocity of each stage in pixels per stage.
        positions : Tensor, shape (B, 2, h, w)
            Where points are at `time`.
        time : float
            Fraction of the interval in [0, 1].

        Returns
        -------
        Tensor, shape (B, 2, h, w)
            Where they were at time 0.
        """
        whole, part = _stage(fields.shape[1], time)
        if part > 0:
            positions = self.backward(fields[:, whole], positions, part)
        for k in reversed(range(whole)):
            positions = self.backward(fields[:, k], positions)
        return positions

    def trace_on(self, fields: Tensor, positions: Tensor, time: float) -> Tensor:
        """Follow positions from a time on to the end; arguments as in `trace_back`."""
        n = fields.shape[1]
        whole, part = _stage(n, time)
        if part > 0:
            positions = self.forward(fields[:, whole], positions, 1.0 - part)
            whole += 1
        for k in range(whole, n):
            positions = self.forward(fields[:, k], positions)
        return positions

    def carry(self, state: Tensor, fields: Tensor, time: float) -> Tensor:
        """Interpolate a state stage by stage from time 0 to a time, as in the paper.

        Every stage reads the state of the one before between its pixels, which
        blurs a little each time; `trace_back` and one reading do not.

        Parameters
        ----------
        state : Tensor, shape (B, c, H, W)
            Latent state at time 0.
        fields : Tensor, shape (B, n, 2, H, W)
            Velocity of each stage in pixels per stage.
        time : float
            Fraction of the interval in [0, 1].

        Returns
        -------
        Tensor, shape (B, c, H, W)
        """
        grid = pixel_grid(*state.shape[-2:], device=state.device).expand(len(state), -1, -1, -1)
        whole, part = _stage(fields.shape[1], time)
        for k in range(whole):
            state = self._read(state, self.backward(fields[:, k], grid))
        if part > 0:
            state = self._read(state, self.backward(fields[:, whole], grid, part))
        return state

    def carry_back(self, state: Tensor, fields: Tensor, time: float) -> Tensor:
        """Interpolate a state stage by stage from time 1 back to a time; as `carry`."""
        grid = pixel_grid(*state.shape[-2:], device=state.device).expand(len(state), -1, -1, -1)
        n = fields.shape[1]
        whole, part = _stage(n, time)
        for k in reversed(range(whole + (part > 0), n)):
            state = self._read(state, self.forward(fields[:, k], grid))
        if part > 0:
            state = self._read(state, self.forward(fields[:, whole], grid, 1.0 - part))
        return state

    def _read(self, state: Tensor, positions: Tensor) -> Tensor:
        settings = self.settings
        return sample(state, positions, settings.interpolation, limiter=settings.limiter)


def _stage(stages: int, time: float) -> tuple[int, float]:
    """Split a time into whole stages that are over and the part of the next one."""
    if not 0.0 <= time <= 1.0:
        raise ValueError(f"the time {time} lies outside of [0, 1]")
    position = time * stages
    whole = min(math.floor(position + 1e-6), stages)
    part = position - whole
    return whole, part if part > 1e-6 else 0.0
