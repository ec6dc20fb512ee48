"""Image file reader for napari: scale, units, missing pixels and times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.units import known_units, parse_unit
from napari_latentdyn.core.observations.images import Selection, Stack, load
from napari_latentdyn.core.observations.images.files import variables_of
from napari_latentdyn.core.observations.ometiff import even_step
from napari_latentdyn.viewer.layer_geometry import COORDINATES_KEY
from napari_latentdyn.viewer.layer_times import TIMES_KEY
from napari_latentdyn.viewer.layers import LayerTuple
from napari_latentdyn.viewer.snapshot import with_nan

__all__ = [
    "FLAT_SUFFIXES",
    "NOTES_KEY",
    "PLUGIN",
    "get_image_reader",
    "layer_of",
    "read_images",
]

_LABELS = {"T": "time", "Z": "z", "C": "channel", "P": "position", "I": "image"}
PLUGIN = "napari-latentdyn"
#: Metadata key for sentences on how the file of a layer was read.
NOTES_KEY = "latentdyn_notes"
#: Files without variables, which napari's own readers can open, too.
FLAT_SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp")
_CF_SUFFIXES = (".nc", ".nc4", ".cdf")
_SUFFIXES = (*FLAT_SUFFIXES, *_CF_SUFFIXES)


def get_image_reader(path: str | Sequence[str]) -> Callable[..., list[LayerTuple]] | None:
    """Return the reader of image files, or None if a path is not a supported image file."""
    paths = [path] if isinstance(path, str) else list(path)
    known = all(Path(one).suffix.lower() in _SUFFIXES and Path(one).is_file() for one in paths)
    return read_images if paths and known else None


def read_images(path: str | Sequence[str], **options: Any) -> list[LayerTuple]:
    """Read one layer from each file, and from netCDF one from each variable with an image."""
    layers = []
    for one in [path] if isinstance(path, str) else path:
        file = Path(one)
        variables: Sequence[str | None] = [None]
        if file.suffix.lower() in _CF_SUFFIXES:
            variables = variables_of(file) or [None]
        for variable in variables:
            stack = load(Selection(file, variable=variable)).squeezed()
            name = file.name.removesuffix(file.suffix).removesuffix(".ome")
            layers.append(layer_of(stack, variable or name))
    return layers


def layer_of(stack: Stack, name: str) -> LayerTuple:
    """Return a stack as an image layer.

    Missing pixels are NaN, or transparent in RGB images. Other channels become an axis in front
    of rows and columns.
    """
    axes = list(stack.axes)
    data, rgb = stack.data, stack.rgb and "C" in axes
    if "C" in axes:
        axis = axes.index("C")
        place = len(axes) - 1 if rgb else len(stack.leading)
        data = np.moveaxis(data, axis, place)
        axes.insert(place, axes.pop(axis))
    missing = stack.missing
    if missing is not None and missing.any():
        data = _transparent(data, missing) if rgb else _without(data, missing, axes)
    world = axes[:-1] if rgb else axes
    scale, units = _world(stack, world)
    meta: dict[str, Any] = {
        "name": name,
        "scale": scale,
        "units": units,
        "axis_labels": [_LABELS.get(axis, axis.lower()) for axis in world],
        "rgb": rgb,
    }
    metadata: dict[str, Any] = {}
    if stack.notes:
        metadata[NOTES_KEY] = list(stack.notes)
    if stack.coordinates is not None:
        rows, columns = (stack.data.shape[stack.axes.index(axis)] for axis in "YX")
        metadata[COORDINATES_KEY] = (stack.coordinates, (rows, columns))
    if stack.times is not None and stack.time_unit and even_step(stack.times) is None:
        metadata[TIMES_KEY] = {"values": stack.times.tolist(), "unit": stack.time_unit}
    if metadata:
        meta["metadata"] = metadata
    return data, meta, "image"


def _without(data: NDArray[Any], missing: NDArray[np.bool_], axes: Sequence[str]) -> NDArray[Any]:
    if "C" in axes:
        missing = np.broadcast_to(np.expand_dims(missing, axes.index("C")), data.shape)
    return with_nan(data, missing)


def _transparent(data: NDArray[Any], missing: NDArray[np.bool_]) -> NDArray[Any]:
    top = np.iinfo(data.dtype).max if data.dtype.kind in "iu" else 1
    alpha = np.where(missing, 0, top).astype(data.dtype)
    return np.concatenate([data, alpha[..., None]], axis=-1)


def _world(stack: Stack, axes: Sequence[str]) -> tuple[list[float], list[str]]:
    """Return the spacing along axes and its units."""
    steps = {"Y": 1.0, "X": 1.0}
    units = {"Y": "pixel", "X": "pixel"}
    if stack.geometry is not None:
        steps |= dict(zip("YX", stack.geometry.pixel_size, strict=True))
        units |= dict(zip("YX", known_units(stack.geometry.units), strict=True))
    step = None if stack.times is None else even_step(stack.times)
    unit = parse_unit(stack.time_unit) if stack.time_unit else None
    if step and unit is not None and unit.is_compatible_with("second"):
        steps["T"], units["T"] = step, str(unit)
    return [steps.get(axis, 1.0) for axis in axes], [units.get(axis, "pixel") for axis in axes]
