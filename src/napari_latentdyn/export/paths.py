"""Paths of points that move with the fields."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["thinned", "trajectories"]

_SUBSTEPS = 4


def thinned(size: int, spacing: int) -> NDArray[np.intp]:
    """Return evenly spaced indices of an axis, half a spacing or more from its ends."""
    count = max(1, size // spacing)
    return np.arange(count) * spacing + (size - 1 - (count - 1) * spacing) // 2


def trajectories(
    velocity: NDArray[np.float32],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    *,
    check: Callable[[], None] = lambda: None,
) -> NDArray[np.float64]:
    """Follow points along the fields from the first image on.

    dx/dt = v_k(x) within stage k, by the classical Runge-Kutta method with four
    steps to a stage and bilinear interpolation.

    Parameters
    ----------
    velocity : ndarray, shape (n, 2, Y, X)
        (dy, dx) in pixels per stage.
    rows, columns : ndarray of int
        Where paths start: every row with every column, in pixels.
    check : callable
        Called once a stage; may raise.

    Returns
    -------
    ndarray, shape (N, 4)
        id, time as a fraction of the interval, y, x; sorted by id, then time. A
        path ends where it leaves the image, or where the field is not finite.
    """
    stages, _, height, width = velocity.shape
    y, x = (part.ravel() for part in np.meshgrid(rows, columns, indexing="ij"))
    places = np.stack([y, x]).astype(np.float64)
    ids = np.arange(places.shape[1])
    points = [np.vstack([ids, np.zeros(len(ids)), places])]
    limits = np.array([[height - 1], [width - 1]], dtype=np.float64)
    for stage in range(stages):
        check()
        for _ in range(_SUBSTEPS):
            places = _step(velocity[stage], places, 1 / _SUBSTEPS)
        inside = np.isfinite(places).all(axis=0)
        inside &= ((places >= 0) & (places <= limits)).all(axis=0)
        ids, places = ids[inside], places[:, inside]
        points.append(np.vstack([ids, np.full(len(ids), (stage + 1) / stages), places]))
    table = np.concatenate(points, axis=1).T
    return np.asarray(table[np.lexsort((table[:, 1], table[:, 0]))])


def _step(
    field: NDArray[np.float32], places: NDArray[np.float64], length: float
) -> NDArray[np.float64]:
    def velocity(at: NDArray[np.float64]) -> NDArray[np.float64]:
        known = np.nan_to_num(at)
        moved = [ndimage.map_coordinates(c, known, order=1, mode="nearest") for c in field]
        # What is lost stays lost.
        return np.where(np.isfinite(at), np.stack(moved), np.nan)

    k1 = velocity(places)
    k2 = velocity(places + 0.5 * length * k1)
    k3 = velocity(places + 0.5 * length * k2)
    k4 = velocity(places + length * k3)
    return places + length / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
