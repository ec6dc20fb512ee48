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
    """Write an image layer as OME-TIFF with its scale, units, axes and times.

    Parameters
    ----------
    path : str
        File to write; ``.ome.tif`` is added to a name that is no TIFF.
    data : array
        Pixels of the layer.
    meta : dict
        Arguments of the layer.

    Returns
    -------
    list of str
        The file.

    Raises
    ------
    RunFolderError
        If it cannot be written. A file that was there before is then as it was.
    """
    # From the dialog the name comes as typed, without the extension of the filter.
    target = with_extension(path, (".tif", ".tiff"), ".ome.tif")
    pixels = full_resolution(data, meta)
    with replace_file(target, RunFolderError, "the image") as file:
        write_image_file(file, pixels, meta)
    return [str(target)]


def write_vectors(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a vectors layer as a table.

    Parameters
    ----------
    path : str
        File to write; ``.csv`` is added to another name.
    data : array
        (N, 2, D) vectors.
    meta : dict
        Arguments of the layer.

    Returns
    -------
    list of str
        The file.

    Raises
    ------
    RunFolderError
        If it cannot be written. A file that was there before is then as it was.
    """
    target = with_extension(path, (".csv",), ".csv")
    with replace_file(target, RunFolderError, "the table") as file:
        # A table tells the motion, also where its arrow was shortened to stay in the image.
        write_vector_table(file, full_vectors(np.asarray(data), meta.get("features")), meta)
    return [str(target)]


def write_layers(path: str, layer_data: list[LayerTuple]) -> list[str]:
    """Write images and vectors into a folder that opens as the same layers.

    Parameters
    ----------
    path : str
        A new or empty folder.
    layer_data : list of tuple
        Layer data, layer arguments and layer type.

    Returns
    -------
    list of str
        The folder.

    Raises
    ------
    RunFolderError
        If the folder holds something already, or cannot be written.
    """
    return [str(write_layer_folder(Path(path), layer_data))]


def with_extension(path: str, known: tuple[str, ...], default: str) -> Path:
    """Return an absolute path whose name ends in one of the extensions known, or in the default."""
    target = output_path(path, RunFolderError)
    if target.name.lower().endswith(known):
        return target
    return target.with_name(target.name + default)
