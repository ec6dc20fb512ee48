"""Image layers as OME-TIFF."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.geometry.transform import plain_transform
from napari_latentdyn.core.geometry.units import ome_length, ome_time
from napari_latentdyn.core.observations.ometiff import write_ome_tiff
from napari_latentdyn.core.runfolder.report import plain_json
from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.viewer.context import METADATA_KEY, elapsed_times

__all__ = ["full_resolution", "write_image_file"]


def full_resolution(data: Any, meta: Mapping[str, Any]) -> NDArray[Any]:
    """Return the pixels of a layer at full resolution as an array in memory."""
    return np.asarray(data[0] if meta.get("multiscale") else data)


def write_image_file(path: Path, data: NDArray[Any], meta: Mapping[str, Any]) -> None:
    """Write the pixels of an image layer as OME-TIFF.

    Axes, pixel sizes and times are OME metadata. Properties that OME lacks, such as a rotation,
    are JSON in the description. A layer with more than five axes raises `RunFolderError`.
    """
    rgb = bool(meta.get("rgb"))
    ndim = data.ndim - int(rgb)
    plain = plain_transform(meta, ndim)
    axes = _axes(plain["axis_labels"], plain["units"], str(meta.get("name")))
    info = dict((meta.get("metadata") or {}).get(METADATA_KEY) or {})
    place = Geometry.from_layer(meta, ndim)
    times, unit = _times(data.shape, axes, plain, info)
    write_ome_tiff(
        path,
        data,
        axes + ("S" if rgb else ""),
        pixel_size=place.pixel_size,
        pixel_unit=place.units,
        times=times,
        times_unit=unit,
        name=str(meta.get("name") or "") or None,
        description=json.dumps(plain_json({"napari": plain, METADATA_KEY: info})),
    )


def _axes(labels: list[str], units: list[str], name: str) -> str:
    front = len(labels) - 2
    if front > 3:
        raise RunFolderError(
            f"the layer '{name}' has {len(labels)} axes and OME-TIFF can store five; save a part "
            "of the layer."
        )
    letters: list[str | None] = []
    for label, unit in zip(labels[:front], units[:front], strict=True):
        guess = None
        if ome_time(unit) is not None or label.lower() in ("t", "t_", "time"):
            guess = "T"
        elif label.lower() in ("c", "channel", "channels"):
            guess = "C"
        elif label.lower() in ("z", "depth") or ome_length(unit) not in (None, "pixel"):
            guess = "Z"
        letters.append(None if guess in letters else guess)
    free = [letter for letter in "ZTC" if letter not in letters]
    for axis in reversed(range(front)):
        if letters[axis] is None:
            letters[axis] = free.pop(0)
    return "".join(letter or "" for letter in letters) + "YX"


def _times(
    shape: tuple[int, ...], axes: str, plain: Mapping[str, Any], info: Mapping[str, Any]
) -> tuple[list[float] | None, str | None]:
    if "T" not in axes:
        return None, None
    axis = axes.index("T")
    known = elapsed_times(info)
    if known and len(known[0]) == shape[axis] and not info.get("evenly_spaced", True):
        return known[0].tolist(), known[1]
    start, step = plain["translate"][axis], plain["scale"][axis]
    return [start + step * frame for frame in range(shape[axis])], plain["units"][axis]
