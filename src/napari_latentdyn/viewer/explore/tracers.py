"""Tracers and their paths as napari layers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_latentdyn.core.dynamics.grids import grid_points
from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.viewer.context import METADATA_KEY, LayerContext, LayerTuple

__all__ = ["head_layer", "points_layer", "start_points", "tracer_layer"]

#: Colours of tracks, from yellow to red: visible on dark and bright grey images.
_TRACKS = ((1.0, 0.85, 0.0), (1.0, 0.5, 0.0), (0.9, 0.1, 0.1))
#: Number of points along the longer side.
_POINTS = 16
#: Yellow with a black border is visible on dark and bright images.
_POINT_LOOKS: dict[str, Any] = {
    "face_color": "#ffd400",
    "border_color": "black",
    "border_width": 0.2,
    "symbol": "disc",
}


def start_points(shape: tuple[int, int], spacing: int | None = None) -> NDArray[np.float64]:
    """Return points on a grid in the middle of an image, (P, 2), as (y, x) in pixels."""
    return grid_points(shape, spacing or max(1, math.ceil(max(shape) / _POINTS)))


def points_layer(dynamics: Dynamics, points: ArrayLike) -> LayerTuple:
    """Return an editable layer of tracers."""
    places = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    transform = dynamics.placement.layer_kwargs()
    metadata = {METADATA_KEY: {"run_id": dynamics.run_id, "role": "tracer_points"}}
    looks = {
        "name": f"{dynamics.name} tracer points",
        "size": _point_size(dynamics),
        **_POINT_LOOKS,
        "ndim": 2,
    }
    return places, {**looks, **transform, "metadata": metadata}, "points"


def tracer_layer(
    dynamics: Dynamics, points: ArrayLike, start_time: float | None = None
) -> tuple[LayerTuple | None, int]:
    """Return the paths of points, (P, 2) in pixels, and the number of points that leave the image.

    The points are given at `start_time`, by default that of the first image. The layer is None if
    no point has a path, for example if all points are outside the image.
    """
    from napari.utils import Colormap

    paths = dynamics.trajectories(points, start_time=start_time)
    known = np.isfinite(paths[..., 0])
    number, frame = np.nonzero(known)
    if not len(number):
        return None, len(paths)
    data = np.column_stack([number, frame, paths[number, frame]])
    gone = np.zeros_like(paths[..., 0])
    step = np.hypot(*np.moveaxis(np.diff(paths, axis=1), -1, 0))
    gone[:, 1:] = np.cumsum(np.nan_to_num(step), axis=1)
    scale = dynamics.geometry
    looks: dict[str, Any] = {}
    if scale.units[0] == scale.units[1] and scale.pixel_size[0] == scale.pixel_size[1]:
        looks["features"] = {"distance": gone[number, frame] * scale.pixel_size[0]}
    else:
        looks["features"] = {"distance": gone[number, frame]}
    layer = LayerContext.of(dynamics).layer(
        data,
        "tracks",
        "tracers",
        "tracers",
        features=looks["features"],
        color_by="distance",
        colormaps_dict={"distance": Colormap(_TRACKS, name="distance")},
        tail_length=len(dynamics.times()),
        head_length=0,
        tail_width=5,
        # Additive blending hides lines on bright images.
        blending="translucent_no_depth",
    )
    return layer, int((~known.all(axis=1)).sum())


def head_layer(dynamics: Dynamics, tracks: LayerTuple) -> LayerTuple:
    """Return the positions of tracers at each time, from the layer that `tracer_layer` returns."""
    return LayerContext.of(dynamics).layer(
        tracks[0][:, 1:],
        "points",
        "tracer_heads",
        "tracer positions",
        size=_point_size(dynamics),
        **_POINT_LOOKS,
    )


def _point_size(dynamics: Dynamics) -> float:
    return max(1.5, max(dynamics.shape) / 60)
