"""Where layers lie: in the viewer, and as the files say that they were opened from."""

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

#: Where a layer keeps the coordinates of its file, and the rows and columns that they are of.
COORDINATES_KEY = "latentdyn_coordinates"
_SUFFIXES = (".tif", ".tiff")
_TRANSFORM = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


def geometry_of_layer(layer: Layer, index: Sequence[int] = ()) -> Geometry:
    """Return where a plane of a layer lies in the viewer.

    Parameters
    ----------
    layer : napari.layers.Layer
        A layer of two or more dimensions.
    index : sequence of int
        Which plane: the position along each axis but the last two.
    """
    parameters = {name: getattr(layer, name) for name in _TRANSFORM}
    return Geometry.from_layer(parameters, layer.ndim, index)


def coordinates_of_layer(layer: Image) -> Geometry | None:
    """Return what the file of a layer says of its coordinates, or where it lies on the Earth.

    Other readers of images keep the values of a GeoTIFF and drop its reference
    system; the layer still knows its file.

    Parameters
    ----------
    layer : napari.layers.Image
        The layer, of any number of dimensions.

    Returns
    -------
    Geometry or None
        None if the layer is not, or no longer, of the size of its file.
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
        # As an image it can be read all the same.
        return None


def missing_of_layer(layer: Image) -> NDArray[np.bool_] | None:
    """Read where pixels are missing in the raster file that a layer was opened from.

    napari's own reader of images keeps the values of missing pixels, such as
    -9999, as if they were data.

    Parameters
    ----------
    layer : napari.layers.Image
        The layer, of any number of dimensions.

    Returns
    -------
    ndarray of bool, shape (Y, X), or None
        True where all bands of the file are missing; None if nothing is, or the
        layer is a stack, or not of the size of its file.
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
