"""Points that are placed and carried along the motion, as napari layers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_latentdyn.core.dynamics.grids import grid_points
from napari_latentdyn.core.dynamics.trajectories import trajectories
from napari_latentdyn.viewer.explore.layers import reference_of
from napari_latentdyn.viewer.explore.subject import Subject
from napari_latentdyn.viewer.reference import METADATA_KEY, LayerTuple

__all__ = ["head_layer", "points_layer", "start_points", "tracer_layer"]

#: Colours of tracks, from yellow to red, which are told from grey images, dark or bright.
_TRACKS = ((1.0, 0.85, 0.0), (1.0, 0.5, 0.0), (0.9, 0.1, 0.1))
#: Points across the longer side.
_POINTS = 16
#: Yellow with a black border is told from dark and from bright images.
_POINT_LOOKS: dict[str, Any] = {
    "face_color": "#ffd400",
    "border_color": "black",
    "border_width": 0.2,
    "symbol": "disc",
}


def start_points(shape: tuple[int, int], spacing: int | None = None) -> NDArray[np.float64]:
    """Return points on a grid in the middle of an image, (P, 2), as (y, x) in pixels."""
    return grid_points(shape, spacing or max(1, math.ceil(max(shape) / _POINTS)))


def points_layer(subject: Subject, points: ArrayLike) -> LayerTuple:
    """Return points to be carried, which the user may move, add to and take away."""
    places = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    transform = subject.placement.layer_kwargs()
    metadata = {METADATA_KEY: {"run_id": subject.run_id, "role": "tracer_points"}}
    looks = {
        "name": f"{subject.name} tracer points",
        "size": _point_size(subject),
        **_POINT_LOOKS,
        "ndim": 2,
    }
    return places, {**looks, **transform, "metadata": metadata}, "points"


def tracer_layer(
    subject: Subject, points: ArrayLike, start_time: float = 0.0
) -> tuple[LayerTuple | None, int]:
    """Return the ways of points over the frames, and how many of them leave the image.

    Parameters
    ----------
    subject : Subject
        What is explored.
    points : array_like, shape (P, 2)
        Where they are at `start_time`, (y, x) in pixels.
    start_time : float
        As a fraction of the interval.

    Returns
    -------
    layer : LayerTuple or None
        Tracks; None if no point has a way, as where all lie outside.
    lost : int
        How many points are outside of the image at some time.
    """
    from napari.utils import Colormap

    paths = trajectories(subject.velocity, points, subject.times, start_time)
    known = np.isfinite(paths[..., 0])
    number, frame = np.nonzero(known)
    if not len(number):
        return None, len(paths)
    data = np.column_stack([number, frame, paths[number, frame]])
    gone = np.zeros_like(paths[..., 0])
    step = np.hypot(*np.moveaxis(np.diff(paths, axis=1), -1, 0))
    gone[:, 1:] = np.cumsum(np.nan_to_num(step), axis=1)
    scale = subject.geometry
    looks: dict[str, Any] = {}
    if scale.units[0] == scale.units[1] and scale.pixel_size[0] == scale.pixel_size[1]:
        looks["features"] = {"distance": gone[number, frame] * scale.pixel_size[0]}
    else:
        looks["features"] = {"distance": gone[number, frame]}
    layer = reference_of(subject).layer(
        data,
        "tracks",
        "tracers",
        "tracers",
        features=looks["features"],
        color_by="distance",
        colormaps_dict={"distance": Colormap(_TRACKS, name="distance")},
        tail_length=len(subject.times),
        head_length=0,
        tail_width=5,
        # Added to bright images, lines would vanish.
        blending="translucent_no_depth",
    )
    return layer, int((~known.all(axis=1)).sum())


def head_layer(subject: Subject, tracks: LayerTuple) -> LayerTuple:
    """Return where carried tracers are at each time, to be seen where their tracks are short.

    Parameters
    ----------
    subject : Subject
        What is explored.
    tracks : LayerTuple
        As `tracer_layer` returns it.
    """
    return reference_of(subject).layer(
        tracks[0][:, 1:],
        "points",
        "tracer_heads",
        "tracer positions",
        size=_point_size(subject),
        **_POINT_LOOKS,
    )


def _point_size(subject: Subject) -> float:
    return max(1.5, max(subject.shape) / 60)
