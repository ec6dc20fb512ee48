"""The paths of points through the velocity fields of the stages (characteristics).

Positions and displacements are in pixels, rows before columns; a velocity is a
displacement per stage.
"""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor

from napari_latentdyn.core.physics.sampling import sample

__all__ = ["Characteristics", "split_time"]


class Characteristics:
    """The curves ``dx/dt = v(x, t)`` along which points move.

    Parameters
    ----------
    departure : {"euler", "midpoint"}
        "euler" carries a point through a stage with the velocity where it starts
        (HLG equation 5); "midpoint" with the velocity half way, which is second
        order and exactly reversible.
    iterations : int
        Fixed-point iterations of implicit relations; each gains a factor of the
        velocity's gradient per stage, which is well below one.
    """

    def __init__(
        self, departure: Literal["euler", "midpoint"] = "midpoint", iterations: int = 2
    ) -> None:
        self.departure = departure
        self.iterations = iterations

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
        reach = 0.5 if self.departure == "midpoint" else 1.0
        move = part * sample(velocity, positions)
        for _ in range(self.iterations - 1 if reach == 0.5 else self.iterations):
            move = part * sample(velocity, positions - reach * move)
        return positions - move

    def forward(self, velocity: Tensor, positions: Tensor, part: float = 1.0) -> Tensor:
        """Follow positions on in time through one stage, or a part of it; as `backward`."""
        move = part * sample(velocity, positions)
        if self.departure == "midpoint":
            for _ in range(self.iterations - 1):
                move = part * sample(velocity, positions + 0.5 * move)
        return positions + move

    def trace(self, end: int, fields: Tensor, positions: Tensor, time: float) -> Tensor:
        """Follow positions from a time to an observation.

        Parameters
        ----------
        end : int
            0 for the first observation (see `trace_back`), 1 for the last one
            (see `trace_on`).
        fields, positions, time
            As in `trace_back`.
        """
        return (self.trace_back, self.trace_on)[end](fields, positions, time)

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
        whole, part = split_time(fields.shape[1], time)
        if part > 0:
            positions = self.backward(fields[:, whole], positions, part)
        for k in reversed(range(whole)):
            positions = self.backward(fields[:, k], positions)
        return positions

    def trace_on(self, fields: Tensor, positions: Tensor, time: float) -> Tensor:
        """Follow positions from a time on to the end; arguments as in `trace_back`."""
        n = fields.shape[1]
        whole, part = split_time(n, time)
        if part > 0:
            positions = self.forward(fields[:, whole], positions, 1.0 - part)
            whole += 1
        for k in range(whole, n):
            positions = self.forward(fields[:, k], positions)
        return positions


def split_time(stages: int, time: float) -> tuple[int, float]:
    """Split a time into whole stages that are over and the part of the next one.

    Parameters
    ----------
    stages : int
        Number of stages of the interval.
    time : float
        Fraction of the interval in [0, 1].
    """
    if not 0.0 <= time <= 1.0:
        raise ValueError(f"the time {time} lies outside of [0, 1]")
    position = time * stages
    whole = min(math.floor(position + 1e-6), stages)
    part = position - whole
    return whole, part if part > 1e-6 else 0.0
