"""Conjugate gradients on small images, where calls cost more than numbers: without PyTorch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["SMALL", "solve_small"]

#: Pixels up to which this is the quicker way on a CPU.
SMALL = 128 * 128

Array = NDArray[np.float32]


def solve_small(
    data: tuple[Array, Array, Array],
    stiffness: list[Array],
    diagonal: tuple[Array, Array],
    target: Array,
    start: Array,
    damping: float,
    iterations: int,
    tolerance: float,
) -> Array:
    """Solve the normal equations of one linearisation by preconditioned conjugate gradients.

    Parameters
    ----------
    data : three ndarrays, shape (H, W)
        Weights of the data between rows and rows, columns and columns, rows and columns.
    stiffness : three ndarrays
        Weights of the second differences down (H - 2, W), across (H, W - 2)
        and mixed (H - 1, W - 1).
    diagonal : two ndarrays, shape (H, W)
        Diagonal of the whole matrix, for rows and for columns.
    target, start : ndarray, shape (2, H, W)
        Right-hand side, and where to start.
    damping : float
        Weight of the change itself.
    iterations : int
        Most of them.
    tolerance : float
        Part of the residual at which to stop.

    Returns
    -------
    ndarray, shape (2, H, W)
    """
    rr, cc, rc = data
    down, across, mixed = stiffness
    determinant = diagonal[0] * diagonal[1] - rc * rc
    inverse = (diagonal[1] / determinant, diagonal[0] / determinant, rc / determinant)

    def apply(x: Array) -> Array:
        y = damping * x
        y[0] += rr * x[0] + rc * x[1]
        y[1] += rc * x[0] + cc * x[1]
        bend = down * (x[:, 2:] - 2 * x[:, 1:-1] + x[:, :-2])
        y[:, 2:] += bend
        y[:, 1:-1] -= 2 * bend
        y[:, :-2] += bend
        bend = across * (x[..., 2:] - 2 * x[..., 1:-1] + x[..., :-2])
        y[..., 2:] += bend
        y[..., 1:-1] -= 2 * bend
        y[..., :-2] += bend
        slope = x[:, 1:] - x[:, :-1]
        bend = mixed * (slope[..., 1:] - slope[..., :-1])
        y[:, 1:, 1:] += bend
        y[:, 1:, :-1] -= bend
        y[:, :-1, 1:] -= bend
        y[:, :-1, :-1] += bend
        return y

    def precondition(x: Array) -> Array:
        z = np.empty_like(x)
        z[0] = inverse[0] * x[0] - inverse[2] * x[1]
        z[1] = inverse[1] * x[1] - inverse[2] * x[0]
        return z

    x = start.copy()
    left = target - apply(x)
    z = precondition(left)
    direction = z.copy()
    reduction = float(np.vdot(left, z))
    enough = tolerance**2 * reduction
    for _ in range(iterations):
        if reduction <= enough:
            break
        moved = apply(direction)
        step = np.float32(reduction / max(float(np.vdot(direction, moved)), 1e-20))
        x += step * direction
        left -= step * moved
        z = precondition(left)
        now = float(np.vdot(left, z))
        direction *= np.float32(now / max(reduction, 1e-20))
        direction += z
        reduction = now
    return x
