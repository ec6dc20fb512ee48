"""Reference system and transform of GeoTIFF files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.observations.images.raster import opened, place_of

if TYPE_CHECKING:
    from napari.layers import Image

__all__ = ["geo_of_layer", "missing_of_layer", "read_geo", "same_place"]

_SUFFIXES = (".tif", ".tiff")


def read_geo(path: Path, shape: tuple[int, int] | None = None) -> dict[str, Any] | None:
    """Read where a GeoTIFF lies on the Earth, for the report of a run.

    Parameters
    ----------
    path : Path
        A TIFF file.
    shape : (int, int), optional
        Rows and columns of what is in use of it.

    Returns
    -------
    dict or None
        ``crs_wkt``, ``transform`` (six numbers, as in `export.geo.Geo`) and ``units``; None if
        rasterio is not installed, or the file has no reference system, no transform, or another
        shape.
    """
    try:
        from rasterio.errors import RasterioError
    except ImportError:
        return None
    try:
        with opened(path) as file:
            _size, _unit, geo = place_of(file)
            found = file.shape
    except RasterioError:
        # As an image it can be read all the same.
        return None
    return geo if shape is None or shape == tuple(found) else None


def geo_of_layer(layer: Image) -> dict[str, Any] | None:
    """Read where a layer lies on the Earth, if napari opened it from a GeoTIFF.

    Readers of images keep the values of a GeoTIFF and drop its reference
    system; the layer still knows its file.

    Parameters
    ----------
    layer : napari.layers.Image
        The layer, of any number of dimensions.

    Returns
    -------
    dict or None
        As `read_geo`; None if the layer is not, or no longer, of the size of its file.
    """
    path = _file_of(layer)
    if path is None:
        return None
    shape = layer.level_shapes[0] if layer.multiscale else layer.data.shape
    rows, columns = shape[-3:-1] if getattr(layer, "rgb", False) else shape[-2:]
    return read_geo(path, (int(rows), int(columns)))


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
            missing: NDArray[np.bool_] = file.dataset_mask() == 0
    except RasterioError:
        return None
    return missing if missing.any() else None


def _file_of(layer: Image) -> Path | None:
    source = layer.source.path
    if not source or not source.lower().endswith(_SUFFIXES) or not Path(source).is_file():
        return None
    return Path(source)


def same_place(first: Mapping[str, Any], last: Mapping[str, Any]) -> bool:
    """Return whether two files lie at one place, within a thousandth of a pixel.

    Parameters
    ----------
    first, last : mapping
        As `read_geo` returns them.
    """
    a, b = np.array(first["transform"]), np.array(last["transform"])
    tolerance = 1e-3 * float(np.abs(a[[0, 1, 3, 4]]).max())
    return bool(first["crs_wkt"] == last["crs_wkt"] and np.abs(a - b).max() <= tolerance)
