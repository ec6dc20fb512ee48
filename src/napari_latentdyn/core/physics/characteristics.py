"""The paths of points through the velocity fields of the stages (characteristics).

Positions and displacements are in pixels, rows before columns; a velocity is a
displacement per stage. `end` is the observation to which a path leads: 0 for the
first one, back in time, 1 for the last one.
"""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor

from napari_latentdyn.core.physics.sampling import sample

__all__ = ["Characteristics", "path_steps"]


class Characteristics:
    """The curves ``dx/dt = v(x, t)`` along which points move.

    Parameters
    ----------
    departure : {"euler", "midpoint"}
        "euler" moves a point through a stage with the velocity where it starts
        (HLG equation 5); "midpoint" with the velocity half way, which is second
        order and exactly reversible.
    iterations : int
        Fixed-point iterations of implicit relations. Each reduces the error by the
        gradient of the velocity per stage, which is well below one.
    """

    def __init__(
        self, departure: Literal["euler", "midpoint"] = "midpoint", iterations: int = 2
    ) -> None:
        self.departure = departure
        self.iterations = iterations

    def step(self, end: int, velocity: Tensor, positions: Tensor, length: float = 1.0) -> Tensor:
        """Follow positions (B, 2, h, w) through one stage, or a fraction `length` of it.

        `velocity` is the field of the stage, (B, 2, H, W) in pixels per stage.
        """
        signed = length if end else -length
        if self.departure == "midpoint":
            reach, iterations = 0.5, self.iterations - 1
        else:
            # Forwards, the velocity at the start is known.
            reach, iterations = 1.0, 0 if end else self.iterations
        move = signed * sample(velocity, positions)
        for _ in range(iterations):
            move = signed * sample(velocity, positions + reach * move)
        return positions + move

    def trace(self, end: int, fields: Tensor, positions: Tensor, time: float) -> Tensor:
        """Follow positions from a time to an observation: composed characteristics.

        Parameters
        ----------
        end : {0, 1}
            0 for the first observation, 1 for the last one.
        fields : Tensor, shape (B, n, 2, H, W)
            Velocity of each stage in pixels per stage.
        positions : Tensor, shape (B, 2, h, w)
            Positions at `time`.
        time : float
            Fraction of the interval in [0, 1].

        Returns
        -------
        Tensor, shape (B, 2, h, w)
            Positions in the observation.
        """
        for stage, length in path_steps(end, fields.shape[1], time):
            positions = self.step(end, fields[:, stage], positions, length)
        return positions


def path_steps(end: int, stages: int, time: float) -> list[tuple[int, float]]:
    """Return the stages between a time and an observation, and the fraction of each.

    They are in the order from the time, a fraction of the interval in [0, 1], to the
    observation `end`. `stages` is the number of stages of the interval.
    """
    if not 0.0 <= time <= 1.0:
        raise ValueError(f"the time must be between 0 and 1; got {time}")
    whole = min(math.floor(time * stages + 1e-6), stages)
    part = time * stages - whole
    passed = part > 1e-6
    if end == 0:
        return [(whole, part)] * passed + [(k, 1.0) for k in reversed(range(whole))]
    return [(whole, 1.0 - part)] * passed + [(k, 1.0) for k in range(whole + passed, stages)]
