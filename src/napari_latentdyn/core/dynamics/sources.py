"""Places from which the points at the pixels come: paths followed back on a coarse grid."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import CubicSpline

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics.motion import Motion

__all__ = ["source_places"]

Floats = NDArray[np.float64]

#: Distance in pixels between two nodes of the coarse grid.
_SPACING = 8
#: Error in pixels above which the pixels of a cell are followed one by one, and the factor by
#: which half the distance between nodes reduces the error at least, where it is large.
_TOLERANCE, _GAIN = 0.05, 4.0
#: Number of points that are followed together.
_MANY = 2**16


def source_places(motion: Motion, times: Floats, start_time: float) -> Iterator[Floats]:
    """Yield where the points at the pixels at each time are at the start time, (2, H, W).

    Paths vary smoothly between neighbours: the nodes of a coarse grid are followed, and a
    cubic spline gives the pixels between them. Where a grid of half as many nodes shows that
    the spline is not accurate, each pixel is followed. Outside of the image, the velocity
    is that at the border.

    Parameters
    ----------
    motion : Motion
        The motion.
    times : ndarray of float64, shape (T,)
        Times of the pixels, in the unit of the observations.
    start_time : float
        Time of the places.
    """
    rows, columns = (_Axis(size) for size in motion.shape)
    nodes = _points(rows.nodes, columns.nodes)
    pixels = _points(*(np.arange(size, dtype=np.float64) for size in motion.shape))

    def back(points: Floats, begin: Floats) -> Floats:
        paths = motion.trajectories(
            points, [start_time], begin, interpolation="linear", extend=True
        )
        return paths[:, 0] - points

    together = max(1, _MANY // len(nodes))
    for begin in range(0, len(times), together):
        part = times[begin : begin + together]
        moved = back(np.tile(nodes, (len(part), 1)), np.repeat(part, len(nodes)))
        for time, way in zip(part, moved.reshape(len(part), len(nodes), 2), strict=True):
            known = way.T.reshape(2, len(rows.nodes), len(columns.nodes))
            places = rows.fine @ known @ columns.fine.T
            places += pixels.T.reshape(places.shape)
            rough = np.abs(rows.check @ known @ columns.check.T - known).max(axis=0)
            doubtful = _cells(rough > _GAIN * _TOLERANCE, rows, columns) & _near(places)
            if doubtful.any():
                chosen = pixels[doubtful.ravel()]
                followed = chosen + back(chosen, np.full(len(chosen), time))
                places[:, doubtful] = followed.T
            yield places


class _Axis:
    """Nodes along one axis, and splines as matrices.

    `fine` (n, k) leads from the k nodes to the n pixels, `check` (k, k) from every second node
    to all nodes.
    """

    def __init__(self, size: int) -> None:
        cells = 2 * math.ceil((size - 1) / (2 * _SPACING))
        if size <= _SPACING:
            self.nodes = np.arange(size, dtype=np.float64)
            self.fine = self.check = np.eye(size)
        else:
            self.nodes = np.linspace(0.0, size - 1.0, cells + 1)
            self.fine = CubicSpline(self.nodes, np.eye(cells + 1))(np.arange(size))
            self.check = np.zeros((cells + 1, cells + 1))
            half = self.nodes[::2]
            self.check[:, ::2] = CubicSpline(half, np.eye(len(half)))(self.nodes)
        # Left node of the cell of each pixel.
        place = np.searchsorted(self.nodes, np.arange(size), side="right") - 1
        self.cell = np.clip(place, 0, max(0, len(self.nodes) - 2))


def _points(rows: Floats, columns: Floats) -> Floats:
    return np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)


def _cells(wrong: NDArray[np.bool_], rows: _Axis, columns: _Axis) -> NDArray[np.bool_]:
    """Return which pixels, (H, W), lie in a cell with a wrong node nearby."""
    # Beside a jump, a spline oscillates over the next cell, too.
    wide = ndimage.binary_dilation(wrong, np.ones((3, 3), bool))
    corners = ndimage.maximum_filter(wide, size=2, origin=-1)
    return np.asarray(corners[np.ix_(rows.cell, columns.cell)])


def _near(places: Floats) -> NDArray[np.bool_]:
    """Return which places, (2, H, W), may lie in the image."""
    limit = np.array(places.shape[1:])[:, None, None]
    return np.asarray(((places > -2.0) & (places < limit + 1.0)).all(axis=0))
