"""Layers that lie on the images of a result, carried along its motion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.dynamics.carrying import Kind
from napari_latentdyn.core.dynamics.channels import frames_of
from napari_latentdyn.core.dynamics.marks import CARRIED_AS, carry_shape, fill_tracks, touches
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.geometry.units import metres
from napari_latentdyn.core.runfolder.schema import InputReport
from napari_latentdyn.errors import DerivedError
from napari_latentdyn.viewer.context import LayerContext, LayerTuple, mark_of
from napari_latentdyn.viewer.frames import front_sizes
from napari_latentdyn.viewer.layer_geometry import geometry_of_layer
from napari_latentdyn.viewer.layers import image_data
from napari_latentdyn.viewer.snapshot import is_rgb, snapshot
from napari_latentdyn.viewer.timeline import timeline_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Layer

    from napari_latentdyn.core.dynamics.result import Dynamics

__all__ = ["Begin", "Source", "begins", "can_carry", "carried_layer", "source_of"]

Floats = NDArray[np.float64]
#: Time at which a layer lies: that of the slider, the index of an image, or, for a layer with a
#: time axis, all images, the axis of the frames, or one that counts images.
Begin = int | Literal["slider", "all", "frames", "images"]


@dataclass(frozen=True, eq=False)
class Source:
    """Contents of a layer, in pixels of the result.

    `data` are one array of pixels, points (N, 2), a list of vertices (M, 2), or tracks (N, 4)
    with times; `times` (N,) belong to points and shapes, or (1,) to pixels, and are None for all
    images. `looks` are arguments of the new layer.
    """

    kind: str
    data: Any
    times: Floats | None
    name: str
    key: str
    looks: dict[str, Any] = field(default_factory=dict)
    types: Sequence[str] = ()


def can_carry(layer: Layer) -> bool:
    """Return whether a layer has a kind that can be carried, and was not made by this plugin."""
    return _kind(layer) is not None and not mark_of(layer) and layer.ndim >= 2


def _kind(layer: Layer) -> str | None:
    from napari.layers import Image, Labels, Points, Shapes, Tracks

    kinds = {Labels: "labels", Image: "image", Points: "points", Shapes: "shapes", Tracks: "tracks"}
    return next((name for kind, name in kinds.items() if isinstance(layer, kind)), None)


def begins(layer: Layer, dynamics: Dynamics) -> list[tuple[Begin, str]]:
    """Return the times at which a layer may lie, with texts; the first is the default."""
    known, line = dynamics.observation_times, timeline_of(dynamics)
    unit = dynamics.time_unit if dynamics.interval is not None else ""
    images: list[tuple[Begin, str]] = [
        (k, f"image {k + 1} ({time:g} {unit})" if unit else f"image {k + 1}")
        for k, time in enumerate(dynamics.elapsed(known).tolist())
    ]
    kind = _kind(layer)
    if layer.ndim == 2:
        return [("slider", "time of the slider"), *images]
    if kind in ("labels", "image"):
        count = int(np.prod(front_sizes(layer)))
        if count == len(known):
            return [("all", "all images"), *images]
        return [("slider", "time of the slider"), *(images if count == 1 else [])]
    axes: list[tuple[Begin, str]] = [
        ("frames", "times of the frames"),
        ("images", "numbers of the images"),
    ]
    on_frames = np.allclose((layer.scale[0], layer.translate[0]), line.of_frames)
    if kind == "tracks":
        # Most tracks count the images in which something was detected.
        on_frames = on_frames and np.max(layer.data[:, 1], initial=0) > len(known) - 1
    return axes if on_frames else axes[::-1]


def source_of(layer: Layer, dynamics: Dynamics, begin: Begin, slider: float) -> Source:
    """Copy the contents of a layer; `slider` is the time of the slider.

    Raises
    ------
    DerivedError
        If the layer does not fit the images of the result.
    """
    kind = _kind(layer)
    if layer.ndim > 3:
        raise DerivedError(
            f"the layer '{layer.name}' must have the axes y and x, or time before them; got "
            f"{layer.ndim} axes."
        )
    assert kind is not None
    read = _pixels if kind in ("labels", "image") else _marks
    return read(layer, kind, dynamics, begin, slider)


def carried_layer(
    dynamics: Dynamics,
    source: Source,
    should_stop: Callable[[], bool] | None = None,
    on_frame: Callable[[int, int], None] | None = None,
) -> LayerTuple:
    """Return a layer with the contents of another one at the times of the frames."""
    times = dynamics.times()
    looks: dict[str, Any] = dict(source.looks)
    data: Any
    if source.kind in ("labels", "image"):
        stops: dict[str, Any] = {"should_stop": should_stop, "on_frame": on_frame}
        kind: Kind = "image" if source.kind == "image" else "labels"
        if kind == "image" and source.times is None:
            data = frames_of(dynamics, source.data, times, **stops)
        else:
            data = dynamics.carry(source.data, times, source.times, kind=kind, **stops)
        if kind == "image":
            colour = InputReport(dtype=looks.pop("dtype", None))
            data, looks["rgb"] = image_data(data, colour, bool(looks["rgb"]))
    elif source.kind == "points":
        data = _carried_points(dynamics, source, looks)
    elif source.kind == "shapes":
        data = _carried_shapes(dynamics, source, looks)
    else:
        data = _filled_tracks(dynamics, source, looks)
    context = LayerContext.of(dynamics)
    made = context.layer(data, source.kind, f"carried {source.key}", "", **looks)
    made[1]["name"] = f"{source.name} carried"
    return made


# ------------------------------------------------------------------------- pixels


def _pixels(layer: Any, kind: str, dynamics: Dynamics, begin: Begin, slider: float) -> Source:
    known = dynamics.observation_times
    sizes, shape = front_sizes(layer), dynamics.shape
    count = int(np.prod(sizes))
    rgb = is_rgb(layer)
    full = layer.level_shapes[0] if layer.multiscale else layer.data.shape
    plane = tuple(map(int, full[layer.ndim - 2 : layer.ndim]))
    if plane != shape:
        raise DerivedError(
            f"the layer '{layer.name}' must have the size of the images, {shape[0]} x {shape[1]} "
            f"pixels; got {plane[0]} x {plane[1]}."
        )
    _check_place(layer, dynamics)
    frames = dynamics.times()
    if count not in (1, len(known), len(frames)):
        raise DerivedError(
            f"the layer '{layer.name}' must have one plane, or one for each of {len(known)} "
            f"images; got {count}."
        )
    if begin == "all":
        planes = [snapshot(layer, index=(k,)) for k in range(count)]
        times = None
    else:
        when = float(known[begin]) if isinstance(begin, int) else slider
        times = np.array([when])
        axis = known if count == len(known) else frames
        place = int(np.abs(axis - when).argmin()) if count > 1 else 0
        planes = [snapshot(layer, index=(place,) * len(sizes))]
    arrays = []
    for one in planes:
        if kind == "labels":
            array = one.array if one.missing is None else np.where(one.missing, 0, one.array)
        else:
            array = one.known
        arrays.append(np.moveaxis(array, -1, 0) if rgb else array)
    data = np.stack(arrays) if begin == "all" else arrays[0]
    looks: dict[str, Any] = {"opacity": layer.opacity, "blending": layer.blending}
    if kind == "labels":
        looks["colormap"] = layer.colormap
    else:
        looks["rgb"] = rgb
        if rgb:
            looks["dtype"] = str(layer.dtype)
        else:
            looks |= {"colormap": layer.colormap, "gamma": layer.gamma}
            looks["contrast_limits"] = tuple(layer.contrast_limits)
    return Source(kind, data, times, layer.name, str(layer.unique_id), looks)


def _check_place(layer: Any, dynamics: Dynamics) -> None:
    """Refuse a layer whose pixels do not lie on those of the images."""
    place = dynamics.placement
    own, factor = _place(layer, place)
    corners = np.array([[0, 0, 1], [*(np.array(dynamics.shape) - 1), 1]], np.float64).T
    wanted = place.matrix @ corners
    found = own.matrix @ corners
    apart = np.abs(found[:2] * factor - wanted[:2]) / np.array(place.pixel_size)[:, None]
    if apart.max() > 0.5:
        raise DerivedError(
            f"the layer '{layer.name}' must lie on the images of the result: its corner is "
            f"{apart.max():.3g} pixels away; set its scale and translation first."
        )


def _place(layer: Any, place: Geometry) -> tuple[Geometry, float]:
    """Return the place of a layer, and the factor from its units to those of the images."""
    own = geometry_of_layer(layer, (0,) * (layer.ndim - 2))
    # Names of files may be spelled otherwise; napari adds plain numbers where one is a pixel.
    mine, theirs = metres(own.units[0]), metres(place.units[0])
    return own, mine / theirs if mine and theirs else 1.0


# -------------------------------------------------------------- points and others


def _marks(layer: Any, kind: str, dynamics: Dynamics, begin: Begin, slider: float) -> Source:
    own, factor = _place(layer, dynamics.placement)
    world = np.diag([factor, factor, 1.0]) @ own.matrix
    into = np.linalg.inv(dynamics.placement.matrix) @ world
    size = float(np.sqrt(abs(np.linalg.det(into[:2, :2]))))

    def placed(points: Any) -> Floats:
        chosen = np.asarray(points, np.float64)[:, -2:]
        return np.asarray(chosen @ into[:2, :2].T + into[:2, 2])

    def moments(positions: Any) -> Floats:
        axis = dynamics.times() if begin == "frames" else dynamics.observation_times
        where = np.asarray(positions, np.float64)
        if where.size and not (where.min() >= 0 and where.max() <= len(axis) - 1):
            what = "frames" if begin == "frames" else "images"
            raise DerivedError(
                f"times of the layer '{layer.name}' must be numbers of {what} from 0 to "
                f"{len(axis) - 1}; got {where.min():g} to {where.max():g}."
            )
        return np.interp(where, np.arange(len(axis)), axis)

    def one_or(positions: Any) -> Floats:
        if begin in ("frames", "images"):
            return moments(positions)
        when = dynamics.observation_times[begin] if isinstance(begin, int) else slider
        return np.full(len(positions), float(when))

    looks: dict[str, Any] = {"opacity": layer.opacity, "blending": layer.blending}
    data: Any
    types: Sequence[str] = ()
    if kind == "tracks":
        if layer.data.shape[1] != 4:
            raise DerivedError(f"the layer '{layer.name}' must have tracks in time, y and x.")
        times = moments(layer.data[:, 1])
        data = np.column_stack([layer.data[:, 0], times, placed(layer.data)])
        looks["graph"] = dict(layer.graph)
        # Additive blending hides lines on bright images.
        looks |= {"tail_width": max(5, layer.tail_width), "blending": "translucent_no_depth"}
        looks["tail_length"] = len(dynamics.times())
    elif kind == "points":
        times = one_or(layer.data[:, 0])
        data = placed(layer.data)
        looks |= {"size": np.asarray(layer.size) * size}
        for name in ("face_color", "border_color", "symbol"):
            looks[name] = np.array(getattr(layer, name))
    else:
        shapes = [np.asarray(shape) for shape in layer.data]
        times = one_or([shape[0, 0] for shape in shapes])
        data, types = [placed(shape) for shape in shapes], list(layer.shape_type)
        looks["edge_width"] = np.asarray(layer.edge_width, np.float64) * size
        for name in ("edge_color", "face_color"):
            looks[name] = np.array(getattr(layer, name))
    if not len(data):
        raise DerivedError(f"the layer '{layer.name}' is empty; draw or choose another layer.")
    return Source(kind, data, times, layer.name, str(layer.unique_id), looks, types)


def _carried_points(dynamics: Dynamics, source: Source, looks: dict[str, Any]) -> Floats:
    times = dynamics.times()
    found = dynamics.carry(source.data, times, source.times, kind="points")
    frame, number = np.nonzero(np.isfinite(found[..., 0]))
    for name in ("size", "face_color", "border_color", "symbol"):
        looks[name] = looks[name][number]
    looks["features"] = {"point": number, "time": times[frame]}
    return np.column_stack([frame, found[frame, number]])


def _carried_shapes(dynamics: Dynamics, source: Source, looks: dict[str, Any]) -> list[Floats]:
    made: list[Floats] = []
    numbers, kinds = [], []
    assert source.times is not None
    for number, (vertices, kind) in enumerate(zip(source.data, source.types, strict=True)):
        carried = carry_shape(dynamics, vertices, kind, start_time=float(source.times[number]))
        for frame, points in enumerate(carried):
            if touches(points, dynamics.shape):
                made.append(np.column_stack([np.full(len(points), float(frame)), points]))
                numbers.append(number)
                kinds.append(CARRIED_AS[kind])
    for name in ("edge_width", "edge_color", "face_color"):
        looks[name] = list(looks[name][numbers])
    looks |= {"shape_type": kinds, "features": {"shape": numbers}}
    return made


def _filled_tracks(dynamics: Dynamics, source: Source, looks: dict[str, Any]) -> Floats:
    times = dynamics.times()
    found, filled = fill_tracks(dynamics, source.data, times)
    looks["features"] = {"filled": filled.astype(np.int64)}
    frame = np.interp(found[:, 1], times, np.arange(len(times)))
    return np.column_stack([found[:, 0], frame, found[:, 2:]])
