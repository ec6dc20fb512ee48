"""Where points start, and the table of their ways."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.dynamics.trajectories import trajectories

__all__ = ["grid_tracks"]


def grid_tracks(
    velocity: NDArray[np.float32], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Follow a grid of points along the fields from the first image on.

    Parameters
    ----------
    velocity : ndarray, shape (n, 2, Y, X)
        (dy, dx) in pixels per stage.
    rows, columns : ndarray of int
        Where tracks start: every row with every column, in pixels.

    Returns
    -------
    ndarray, shape (N, 4)
        id, time as a fraction of the interval, y, x; sorted by id, then time. A
        track ends where it leaves the image.

    Raises
    ------
    DerivedError
        If the fields hold values that are no numbers.
    """
    times = np.linspace(0.0, 1.0, len(velocity) + 1)
    points = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    paths = trajectories(velocity, points, times)
    number, time = np.nonzero(np.isfinite(paths[..., 0]))
    return np.column_stack([number, times[time], paths[number, time]])
