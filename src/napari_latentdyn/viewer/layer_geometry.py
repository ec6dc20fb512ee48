"""Positions of layers: in the viewer, and according to their files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.observations.images.gdal import tags_of
from napari_latentdyn.core.observations.images.raster import missing_of, opened, place_of

if TYPE_CHECKING:
    from napari.layers import Image, Layer

__all__ = ["COORDINATES_KEY", "coordinates_of_layer", "geometry_of_layer", "missing_of_layer"]

#: Metadata key for the coordinates of the file, and the (rows, columns) that they belong to.
COORDINATES_KEY = "latentdyn_coordinates"
_SUFFIXES = (".tif", ".tiff")
_TRANSFORM = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


def geometry_of_layer(layer: Layer, index: Sequence[int] = ()) -> Geometry:
    """Return the position of a plane of a layer in the viewer; `index` is that of the plane."""
    parameters = {name: getattr(layer, name) for name in _TRANSFORM}
    return Geometry.from_layer(parameters, layer.ndim, index)


def coordinates_of_layer(layer: Image) -> Geometry | None:
    """Return the coordinates in the file of a layer, None if the layer has another size.

    Other image readers drop the reference system of a GeoTIFF, so the file is read again.
    """
    shape = layer.level_shapes[0] if layer.multiscale else layer.data.shape
    plane = tuple(map(int, shape[layer.ndim - 2 : layer.ndim]))
    known, size = layer.metadata.get(COORDINATES_KEY, (None, None))
    if isinstance(known, Geometry):
        return known if size == plane else None
    path = _file_of(layer)
    if path is None:
        return None
    from rasterio.errors import RasterioError

    try:
        with opened(path) as file:
            return place_of(file)[1] if tuple(file.shape) == plane else None
    except RasterioError:
        # The file can still be read as an image.
        return None


def missing_of_layer(layer: Image) -> NDArray[np.bool_] | None:
    """Return the missing pixels, (Y, X), of the raster file of a layer; None if there are none.

    A pixel is missing if it is missing in all bands. napari's own image reader keeps values such
    as -9999 as data. Stacks, and layers of another size than the file, return None.
    """
    path = _file_of(layer)
    if path is None or layer.ndim != 2 or layer.multiscale:
        return None
    from rasterio.errors import RasterioError

    try:
        with opened(path) as file:
            if tuple(file.shape) != tuple(layer.data.shape[:2]) or file.subdatasets:
                return None
            with tifffile.TiffFile(path) as tif:
                tags = tags_of(tif.pages.first)
            missing = missing_of(file, tags)
    except (RasterioError, tifffile.TiffFileError):
        return None
    return missing if missing.any() else None


def _file_of(layer: Image) -> Path | None:
    source = layer.source.path
    if not source or not source.lower().endswith(_SUFFIXES) or not Path(source).is_file():
        return None
    return Path(source)
