"""Advection fields as arrows that can be read and drawn smoothly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_ARROWS", "Arrows", "make_arrows"]

# napari copies all arrows of all times whenever the time slider moves.
MAX_ARROWS = 100_000
# Arrows across the longer side of the image that the eye can still tell apart.
_ACROSS = 24


@dataclass(frozen=True)
class Arrows:
    """Arrows of a vectors layer.

    Attributes
    ----------
    data : ndarray of float32
        (N, 2, 3) start and projection along (t, y, x); t is an integer, and its
        projection 0.
    features : dict
        ``speed`` (N,) in pixels per stage, ``direction`` (N,) in degrees from the
        right counter-clockwise on the screen, and ``stage`` (N,).
    spacing : int
        Distance between the arrows in pixels.
    length : float
        Factor by which arrows are drawn longer than the motion of one stage.
    width : float
        Width of the arrows in pixels that goes with their spacing.
    """

    data: NDArray[np.float32]
    features: dict[str, NDArray[Any]]
    spacing: int
    length: float
    width: float


def make_arrows(
    velocity: NDArray[np.float32],
    stages: NDArray[np.integer] | None = None,
    spacing: int | None = None,
) -> Arrows:
    """Thin advection fields to arrows.

    Parameters
    ----------
    velocity : ndarray
        (n, 2, Y, X), (dy, dx) in pixels per stage. Places where it is not
        finite get no arrow.
    stages : ndarray of int, optional
        Stage whose arrows are shown at each position along the time axis; by
        default the stages themselves.
    spacing : int, optional
        Distance between arrows in pixels. It is made larger where there would
        be more than `MAX_ARROWS` in all.

    Returns
    -------
    Arrows
    """
    height, width = velocity.shape[-2:]
    chosen = np.arange(len(velocity)) if stages is None else np.asarray(stages)
    wanted = spacing or max(1, math.ceil(max(height, width) / _ACROSS))
    step = _enough(wanted, height, width, max(1, len(chosen)))
    rows, columns = _centred(height, step), _centred(width, step)
    thin = velocity[:, :, rows][..., columns]
    count = rows.size * columns.size
    data = np.zeros((len(chosen), count, 2, 3), np.float32)
    data[:, :, 0, 0] = np.arange(len(chosen))[:, None]
    data[:, :, 0, 1] = np.repeat(rows, columns.size)
    data[:, :, 0, 2] = np.tile(columns, rows.size)
    data[:, :, 1, 1:] = thin[chosen].reshape(len(chosen), 2, count).transpose(0, 2, 1)
    stage = np.repeat(chosen, count)
    flat = data.reshape(-1, 2, 3)
    finite = np.isfinite(flat).all(axis=(1, 2))
    flat, stage = flat[finite], stage[finite]
    speed = np.hypot(flat[:, 1, 1], flat[:, 1, 2])
    # Towards the right is 0, up the screen 90 degrees.
    direction = np.degrees(np.arctan2(-flat[:, 1, 1], flat[:, 1, 2]))
    features = {"speed": speed, "direction": direction, "stage": stage}
    length = readable_length(speed, step)
    return Arrows(np.ascontiguousarray(flat), features, step, length, max(0.5, step / 6))


def readable_length(speed: NDArray[np.floating], spacing: int) -> float:
    """Return the factor out of 1, 2, 5, 10, ... that makes long arrows about one spacing long.

    Parameters
    ----------
    speed : ndarray
        Lengths of the arrows in pixels.
    spacing : int
        Distance between arrows in pixels.
    """
    long = float(np.percentile(speed, 95)) if speed.size else 0.0
    if long <= 0:
        return 1.0
    # Noise that moves nothing must not look like motion: no more than a hundredfold.
    wanted = min(max(spacing / long, 0.01), 100.0)
    factors = [base * 10.0**power for power in range(-2, 3) for base in (1, 2, 5)]
    return min(factors[:13], key=lambda factor: abs(math.log(factor / wanted)))


def _enough(spacing: int, height: int, width: int, times: int) -> int:
    while times * math.ceil(height / spacing) * math.ceil(width / spacing) > MAX_ARROWS:
        spacing = max(spacing + 1, int(spacing * 1.05))
        if spacing >= 2 * max(height, width):
            break
    return spacing


def _centred(size: int, step: int) -> NDArray[np.intp]:
    count = math.ceil(size / step)
    return (np.arange(count) * step + (size - 1 - (count - 1) * step) // 2).astype(np.intp)
