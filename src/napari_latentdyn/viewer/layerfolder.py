"""Folders of layers: each image is an OME-TIFF, each vectors layer a table.

Such a folder has neither the model nor all velocities, so it is not a run folder;
``report.json`` says so. Dropping the folder on napari restores the layers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_latentdyn.core.geometry.transform import plain_transform
from napari_latentdyn.core.geometry.units import known_units
from napari_latentdyn.core.runfolder.members import read_pixels
from napari_latentdyn.core.runfolder.report import (
    LAYERS,
    REPORT,
    check_free,
    plain_json,
    read_layers_report,
)
from napari_latentdyn.core.runfolder.schema import FORMAT_VERSION, LayerEntry
from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.files.atomic import replace_folder, write_text
from napari_latentdyn.files.paths import output_path
from napari_latentdyn.settings.text import shorten
from napari_latentdyn.viewer.images import full_resolution, write_image_file
from napari_latentdyn.viewer.layers import METADATA_KEY, LayerTuple
from napari_latentdyn.viewer.tables import column_names, read_vector_table, write_vector_table

__all__ = ["read_layer_folder", "write_layer_folder"]

_LOOKS = {
    "image": ("name", "visible", "opacity", "blending", "contrast_limits", "gamma", "rgb"),
    "vectors": (
        "name",
        "visible",
        "opacity",
        "blending",
        "length",
        "edge_width",
        "edge_contrast_limits",
    ),
}


def write_layer_folder(folder: Path, layers: Sequence[LayerTuple]) -> Path:
    """Write image and vectors layers into a new or empty folder, atomically."""
    target = output_path(folder, RunFolderError)
    check_free(target)
    entries: list[dict[str, Any]] = []
    names: set[str] = set()
    with replace_folder(target, (), RunFolderError, "the folder") as files:
        for data, meta, kind in layers:
            stem = _file_name(str(meta.get("name") or kind), names)
            entry: dict[str, Any] = {"type": kind, "look": _look(meta, kind)}
            if kind == "image":
                pixels = full_resolution(data, meta)
                entry |= {"file": f"{stem}.ome.tif", "shape": pixels.shape}
                entry |= {"dtype": pixels.dtype.name}
                ndim = pixels.ndim - int(bool(meta.get("rgb")))
                write_image_file(files.path(entry["file"]), pixels, meta)
            else:
                ndim = np.shape(data)[-1]
                start, projection = column_names(meta, ndim)
                features = meta.get("features")
                entry |= {"file": f"{stem}.csv", "start": start, "projection": projection}
                entry |= {"features": [] if features is None else [str(name) for name in features]}
                write_vector_table(files.path(entry["file"]), np.asarray(data), meta)
            entry["transform"] = plain_transform(meta, ndim)
            entry["metadata"] = dict((meta.get("metadata") or {}).get(METADATA_KEY) or {})
            entries.append(entry)
        report = {
            "format_version": FORMAT_VERSION,
            "complete": True,
            "contents": LAYERS,
            "layers": entries,
            "files": files.sizes(),
        }
        write_text(files.path(REPORT), json.dumps(plain_json(report), indent=2) + "\n")
    return target


def read_layer_folder(folder: Path) -> list[LayerTuple]:
    """Read the layers of a folder written by `write_layer_folder`."""
    report = read_layers_report(folder)
    layers = []
    for entry in report.layers:
        try:
            layers.append(_read_layer(folder, entry))
        except MemoryError:
            raise RunFolderError(f"{folder / entry.file} does not fit into the memory.") from None
        # For damaged files, decoders raise errors of many types.
        except Exception as error:  # noqa: BLE001
            raise RunFolderError(
                f"the folder {folder} is damaged: {entry.file} cannot be read "
                f"({shorten(str(error), 200)}); take it from a backup."
            ) from None
    return layers


def _read_layer(folder: Path, entry: LayerEntry) -> LayerTuple:
    look = entry.look.model_dump(exclude_none=True)
    colormap, by_feature = look.pop("colormap", None), look.pop("coloured_by", None)
    known = colormap is not None and colormap in _colormaps()
    meta: dict[str, Any] = look | entry.transform.model_dump()
    for name in ("scale", "translate", "axis_labels"):
        meta[name] = tuple(meta[name])
    meta["units"] = known_units(meta["units"])
    for name in ("rotate", "shear", "affine"):
        meta[name] = np.asarray(meta[name])
    if entry.metadata:
        meta["metadata"] = {METADATA_KEY: entry.metadata}
    path = folder / entry.file
    if entry.type == "image":
        data = read_pixels(path, entry.shape).astype(np.dtype(entry.dtype))
        if known and not meta.get("rgb"):
            meta["colormap"] = colormap
        return data, meta, entry.type
    start, projection = entry.start or [], entry.projection or []
    data, features = read_vector_table(path, start, projection, entry.features)
    meta["features"] = features
    if by_feature in features and len(data) and features[by_feature].dtype.kind in "if":
        meta["edge_color"] = by_feature
        if known:
            meta["edge_colormap"] = colormap
    else:
        meta.pop("edge_contrast_limits", None)
    if not len(data):
        meta["ndim"] = len(start)
    return data, meta, entry.type


def _look(meta: dict[str, Any], kind: str) -> dict[str, Any]:
    look = {
        name: meta[name] if isinstance(meta[name], (bool, int, float)) else _plain(meta[name])
        for name in _LOOKS[kind]
        if meta.get(name) is not None
    }
    if kind == "image" and meta.get("rgb"):
        look.pop("contrast_limits", None)
    if kind == "vectors":
        look["vector_style"] = str(meta.get("vector_style", "arrow"))
        features = meta.get("features")
        if features is not None and "speed" in features:
            look["coloured_by"] = "speed"
    colormap = meta.get("colormap" if kind == "image" else "edge_colormap")
    if isinstance(colormap, dict):
        colormap = colormap.get("name")
    if isinstance(colormap, str):
        look["colormap"] = colormap
    return look


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, (list, tuple, np.ndarray)) else str(value)


def _colormaps() -> set[str]:
    from napari.utils.colormaps import AVAILABLE_COLORMAPS

    return set(AVAILABLE_COLORMAPS)


def _file_name(name: str, taken: set[str]) -> str:
    stem = re.sub(r"[^\w\-. ]+", "_", name).strip(" .") or "layer"
    stem = stem[:100]
    unique, number = stem, 1
    while unique.lower() in taken:
        number += 1
        unique = f"{stem} {number}"
    taken.add(unique.lower())
    return unique
