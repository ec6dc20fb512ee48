"""Layers of all that was known in a run, for the next run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.units import known_units
from napari_latentdyn.viewer.context import METADATA_KEY, LayerContext, LayerTuple
from napari_latentdyn.viewer.knowledge.grid import interpolate
from napari_latentdyn.viewer.knowledge.reading import KNOWN, ROLES

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics.result import Dynamics
    from napari_latentdyn.core.knowledge.tracks import Tracks
    from napari_latentdyn.core.runfolder.schema import RunReport

__all__ = ["known_layers"]


def known_layers(dynamics: Dynamics) -> list[LayerTuple]:
    """Return hidden layers of all that was known in a run, none if nothing was.

    Their metadata have the role `KNOWN`, as ``known_role`` one of `ROLES`, as ``masks`` the names
    of the masks of a region, as ``held_back`` the part of the tracks in percent that was held back,
    and as ``names`` the names of tracks by number.
    """
    report = dynamics.report
    roles = {source.role for source in report.known.sources} if report.known else set()
    has_masks = "missing" in roles or any(source.mask for source in report.inputs)
    if report.known is None and not has_masks:
        return []
    observations, context = dynamics.observations, LayerContext.of(dynamics)
    regions = dict(observations.known.regions.masks)
    if has_masks and not observations.valid.all():
        regions["missing"] = ~observations.valid
    layers = [_region(context, dynamics, role, planes) for role, planes in regions.items()]
    tracks = observations.known.tracks
    part = report.known.part if report.known else 0.0
    return layers if tracks is None else [*layers, *_moving(context, tracks, part)]


def _region(
    context: LayerContext, dynamics: Dynamics, role: str, planes: NDArray[Any]
) -> LayerTuple:
    labels = planes.astype(np.int32 if role == "rigid" else np.uint8)
    info = {"masks": _names(dynamics.report, role)}
    if (labels == labels[0]).all():
        return _layer(context, labels[0], "labels", role, info=info)
    start, end = _world(context, dynamics.observation_times[[0, -1]])
    time = (float((end - start) / (len(labels) - 1)), float(start))
    return _layer(context, labels, "labels", role, time, info)


def _names(report: RunReport, role: str) -> list[str]:
    """Return the names of the masks of a region: of each layer, and of all files together."""
    own = [one for one in report.known.sources if one.role == role] if report.known else []
    files = ", ".join(one.name or "" for one in own if one.path)
    return [*filter(None, [files]), *(one.name or role for one in own if not one.path)]


def _moving(context: LayerContext, tracks: Tracks, part: float) -> list[LayerTuple]:
    """Return a layer of tracks, and one of landmarks, as far as there are any.

    `part` of the tracks was to be held back; if it is 0, it is that which was held back.
    """
    when = _world(context, tracks.time)
    # napari refuses times below 0, such as before the first image.
    start = float(when.min())
    rows = np.column_stack([when - start, tracks.place])
    held = 0 if tracks.kept_back is None else len(tracks.kept_back)
    info: dict[str, Any] = {"held_back": round(100 * (part or held / len(tracks)))}
    layers = []
    for role, chosen in (("tracks", ~tracks.marked), ("landmarks", tracks.marked)):
        if not chosen.any():
            continue
        own = rows[chosen]
        features: dict[str, Any] = {"sigma": tracks.sigma[chosen]}
        if role == "tracks":
            own = np.column_stack([tracks.track[chosen], own])
            named = zip(tracks.track[chosen].tolist(), tracks.name[chosen].tolist(), strict=True)
            info["names"] = dict(named)
        else:
            features["landmark"] = _landmark_names(tracks.rows(chosen))
        kind = "tracks" if role == "tracks" else "points"
        layers.append(_layer(context, own, kind, role, (1.0, start), info, features=features))
    return layers


def _landmark_names(marks: Tracks) -> list[str]:
    """Return the names of landmarks at each position; numbers keep those of one name apart."""
    named = list(zip(marks.track.tolist(), marks.name.tolist(), strict=True))
    counts = Counter(name for _, name in set(named))
    return [name if counts[name] == 1 else f"{number} {name}" for number, name in named]


def _layer(
    context: LayerContext,
    data: NDArray[Any],
    kind: str,
    role: str,
    time: tuple[float, float] | None = None,
    info: dict[str, Any] | None = None,
    **looks: Any,
) -> LayerTuple:
    """Return a layer; `time` is the scale and the translation of its time axis, if it has one."""
    front = () if time is None else time
    transform = context.place.layer_kwargs(
        scale=front[:1],
        translate=front[1:],
        units=(context.line.unit,) * len(front[:1]),
        axis_labels=("t",) * len(front[:1]),
    )
    transform["units"] = known_units(transform["units"])
    mark = {**context.common, "role": KNOWN, "known_role": role, **(info or {})}
    # Positions along the time axis at the times of the frames; see `ImageGrid.moment`.
    mark["positions"] = _positions(context).tolist()
    name = f"{context.name} {ROLES[role]}"
    meta = {"name": name, "visible": False, **looks, **transform, "metadata": {METADATA_KEY: mark}}
    return data, meta, kind


def _positions(context: LayerContext) -> NDArray[np.float64]:
    line = context.line
    return line.world if line.is_even else np.arange(len(line.times), dtype=np.float64)


def _world(context: LayerContext, times: NDArray[np.float64]) -> NDArray[np.float64]:
    return interpolate(times, context.line.times, _positions(context))
