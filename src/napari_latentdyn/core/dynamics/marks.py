"""Shapes and tracks that lie on observations, carried to other times."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_latentdyn.core.dynamics.carrying import check_finite, check_some_inside
from napari_latentdyn.core.dynamics.trajectories import checked_points
from napari_latentdyn.core.geometry.shapes import ellipse, vertices_problem
from napari_latentdyn.errors import DerivedError
from napari_latentdyn.settings.text import shown

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics.motion import Motion

__all__ = ["CARRIED_AS", "bendable", "carry_shape", "fill_tracks", "touches"]

Floats = NDArray[np.float64]

#: Type of a shape after it was carried, by its type before.
CARRIED_AS = {
    "ellipse": "polygon",
    "line": "line",
    "path": "path",
    "polygon": "polygon",
    "rectangle": "polygon",
}
#: Longest edge in pixels, and the number of vertices of an ellipse at least.
_EDGE, _ELLIPSE = 8.0, 32
#: Number of vertices that a shape gets at most.
_MOST = 2000


def bendable(vertices: ArrayLike, kind: str) -> Floats:
    """Return a shape with so many vertices that its edges can bend.

    Parameters
    ----------
    vertices : array_like, shape (N, 2)
        (y, x) in pixels, as napari has them: the corners of the box of an ellipse.
    kind : {"ellipse", "line", "path", "polygon", "rectangle"}
        Type of the shape.

    Returns
    -------
    ndarray of float64, shape (M, 2)
        Vertices of a shape of the type `CARRIED_AS`, the first ones among them. A line keeps its
        two ends.

    Raises
    ------
    DerivedError
        If the type is unknown, or the number of vertices does not fit.
    """
    if kind not in CARRIED_AS:
        raise DerivedError(
            f"the type of a shape must be {', '.join(list(CARRIED_AS)[:-1])} or rectangle; got "
            f"{shown(kind)}."
        )
    points = checked_points(vertices)
    check_finite(points, "the vertices of a shape")
    problem = vertices_problem(kind, len(points))
    if problem is not None:
        raise DerivedError(problem)
    if kind == "line":
        return points
    if kind == "ellipse":
        size = float(np.hypot(*(points[[1, 3]] - points[0]).T).sum())
        return ellipse(points, int(np.clip(math.pi * size / 2 / _EDGE, _ELLIPSE, _MOST)))
    ends = np.roll(points, -1, axis=0) if kind != "path" else points[1:]
    lengths = np.hypot(*(ends - points[: len(ends)]).T)
    edge = max(_EDGE, float(lengths.sum()) / _MOST)
    parts = []
    for start, end, length in zip(points, ends, lengths, strict=False):
        share = np.arange(max(1, math.ceil(length / edge)))[:, None]
        parts.append(start + (end - start) * share / len(share))
    return np.concatenate(parts if kind != "path" else [*parts, points[-1:]])


def carry_shape(
    motion: Motion,
    vertices: ArrayLike,
    kind: str,
    times: ArrayLike | None = None,
    start_time: float | None = None,
) -> Floats:
    """Carry the vertices of a shape from one time to others along the motion.

    Outside of the image, vertices move with the velocity at its border.

    Parameters
    ----------
    motion : Motion
        The motion.
    vertices, kind
        As `bendable` takes them.
    times : array_like, shape (T,), optional
        Times of the result; those of the motion by default.
    start_time : float, optional
        Time of the shape; that of the first observation by default.

    Returns
    -------
    ndarray of float64, shape (T, M, 2)
        Vertices of a shape of the type `CARRIED_AS`.

    Raises
    ------
    DerivedError
        If type and vertices do not fit, or the shape is outside of the image.
    SettingsError
        If a time lies outside of the observations.
    """
    points = bendable(vertices, kind)
    if not touches(points, motion.shape):
        # The sentence on its vertices.
        check_some_inside(points, motion.shape, "a shape")
    return motion.trajectories(points, times, start_time, extend=True).swapaxes(0, 1)


def touches(vertices: Floats, shape: tuple[int, int]) -> bool:
    """Return whether the box around vertices (N, 2) and an image of a shape (H, W) overlap."""
    limit = np.array(shape) - 0.5
    return bool((vertices.max(axis=0) >= -0.5).all() and (vertices.min(axis=0) <= limit).all())


def fill_tracks(
    motion: Motion, tracks: ArrayLike, times: ArrayLike | None = None
) -> tuple[Floats, NDArray[np.bool_]]:
    """Fill the gaps of tracks by following the detections at both sides of each gap.

    The place at a time between two detections is the mean of the earlier detection, followed
    forwards, and the later one, followed backwards, each weighted by the time to the other.

    Parameters
    ----------
    motion : Motion
        The motion.
    tracks : array_like, shape (N, 4)
        Detections: number of the track, time in the unit of the observations, y and x in pixels.
    times : array_like, shape (T,), optional
        Times at which tracks have a place between their first and last detections; those of
        the observations by default.

    Returns
    -------
    tracks : ndarray of float64, shape (M, 4)
        All detections and the filled places, in the order of tracks and times.
    filled : ndarray of bool, shape (M,)
        Whether a place was filled.

    Raises
    ------
    DerivedError
        If the tracks have another shape, are not finite, have two places at one time, or lie
        outside of the image, or if no track has two detections.
    SettingsError
        If a time lies outside of the observations.
    """
    rows = _checked_tracks(motion, tracks)
    wanted = motion.observation_times if times is None else motion.checked_times(times)
    wanted = np.unique(wanted)
    follows = rows[1:, 0] == rows[:-1, 0]
    if not follows.any():
        raise DerivedError(
            "a track must have two detections or more, between which places are filled; got "
            f"{len(rows)} track{'s' * (len(rows) > 1)} with one detection."
        )
    before, after = rows[:-1][follows], rows[1:][follows]
    found = [rows]
    # Detections at the same times are followed together.
    spans, which = np.unique(
        np.stack([before[:, 1], after[:, 1]], axis=1), axis=0, return_inverse=True
    )
    for number, (begin, end) in enumerate(spans):
        inner = wanted[(wanted > begin) & (wanted < end)]
        if not inner.size:
            continue
        chosen = which.ravel() == number
        forth = motion.trajectories(before[chosen, 2:], inner, begin, extend=True)
        back = motion.trajectories(after[chosen, 2:], inner, end, extend=True)
        share = ((inner - begin) / (end - begin))[:, None]
        places = (1 - share) * forth + share * back
        numbers = np.repeat(before[chosen, 0], len(inner))
        moments = np.tile(inner, int(chosen.sum()))
        found.append(np.column_stack([numbers, moments, places.reshape(-1, 2)]))
    every = np.concatenate(found)
    filled = np.arange(len(every)) >= len(rows)
    order = np.lexsort((every[:, 1], every[:, 0]))
    return every[order], filled[order]


def _checked_tracks(motion: Motion, tracks: ArrayLike) -> Floats:
    """Return the detections in the order of tracks and times."""
    try:
        rows = np.asarray(tracks, np.float64)
    except (TypeError, ValueError):
        rows = np.zeros(0)
    if rows.ndim != 2 or rows.shape[1] != 4 or not len(rows):
        raise DerivedError(
            "tracks must be numbers (N, 4): track, time, y and x of one detection or more; got "
            f"the shape {np.shape(tracks)}."
        )
    check_some_inside(rows[:, 2:], motion.shape, "the detections of tracks")
    if not np.isfinite(rows[:, 0]).all() or (rows[:, 0] != np.rint(rows[:, 0])).any():
        raise DerivedError("the numbers of tracks must be whole numbers.")
    motion.checked_times(rows[:, 1])
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    same = (rows[1:, :2] == rows[:-1, :2]).all(axis=1)
    if same.any():
        number, time = rows[1:][same][0, :2]
        raise DerivedError(
            f"a track must have one place at each time; got two or more of track {number:.0f} at "
            f"time {time:g}."
        )
    return rows
