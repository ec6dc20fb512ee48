"""Writers for napari's save dialogs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_latentdyn.core.dynamics.arrows import full_vectors
from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.files.atomic import replace_file
from napari_latentdyn.files.paths import output_path
from napari_latentdyn.viewer.images import full_resolution, write_image_file
from napari_latentdyn.viewer.layerfolder import write_layer_folder
from napari_latentdyn.viewer.layers import LayerTuple
from napari_latentdyn.viewer.tables import write_vector_table

__all__ = ["with_extension", "write_image", "write_layers", "write_vectors"]


def write_image(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write an image layer as OME-TIFF with scale, units, axes and times, atomically."""
    # The dialog does not add the extension of its filter.
    target = with_extension(path, (".tif", ".tiff"), ".ome.tif")
    pixels = full_resolution(data, meta)
    with replace_file(target, RunFolderError, "the image") as file:
        write_image_file(file, pixels, meta)
    return [str(target)]


def write_vectors(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a vectors layer, (N, 2, D), as CSV, atomically."""
    target = with_extension(path, (".csv",), ".csv")
    with replace_file(target, RunFolderError, "the table") as file:
        # The table has the full motion of arrows that were shortened to stay in the image.
        write_vector_table(file, full_vectors(np.asarray(data), meta.get("features")), meta)
    return [str(target)]


def write_layers(path: str, layer_data: list[LayerTuple]) -> list[str]:
    """Write image and vectors layers into a new folder, which opens as the same layers."""
    return [str(write_layer_folder(Path(path), layer_data))]


def with_extension(path: str, known: tuple[str, ...], default: str) -> Path:
    """Return an absolute path; a name without a known extension gets the default."""
    target = output_path(path, RunFolderError)
    if target.name.lower().endswith(known):
        return target
    return target.with_name(target.name + default)
