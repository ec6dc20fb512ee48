"""Reference system and transform of GeoTIFF files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_latentdyn.core.observations.images.gdal import tags_of
from napari_latentdyn.core.observations.images.raster import missing_of, opened, place_of

if TYPE_CHECKING:
    from napari.layers import Image

__all__ = ["geo_of_layer", "missing_of_layer", "pixels_in", "read_geo", "same_place"]

_SUFFIXES = (".tif", ".tiff")
_FAR = 1000.0  # pixels


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


def same_place(first: Mapping[str, Any], last: Mapping[str, Any]) -> bool:
    """Return whether two files lie at one place, within a thousandth of a pixel.

    Reference systems that differ in their unit or name alone are one.

    Parameters
    ----------
    first, last : mapping
        As `read_geo` returns them.
    """
    if first["crs_wkt"] == last["crs_wkt"]:
        a, b = np.array(first["transform"]), np.array(last["transform"])
        tolerance = 1e-3 * float(np.abs(a[[0, 1, 3, 4]]).max())
        return bool(np.abs(a - b).max() <= tolerance)
    # Systems of different shape can agree near one corner, and not across the image.
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [_FAR, 0.0], [0.0, _FAR], [_FAR, _FAR]])
    places = pixels_in(first, last, corners)
    return places is not None and bool(np.abs(places - corners).max() <= 1e-3)


def pixels_in(
    first: Mapping[str, Any], last: Mapping[str, Any], points: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Return where places in the first image lie in the last one.

    Parameters
    ----------
    first, last : mapping
        As `read_geo` returns them.
    points : ndarray, shape (n, 2)
        Column and row, counted from the corner of the image.

    Returns
    -------
    ndarray, shape (n, 2), or None
        None where the reference systems cannot be brought together.
    """
    a, b = (np.reshape([*geo["transform"], 0.0, 0.0, 1.0], (3, 3)) for geo in (first, last))
    x, y = a[:2, :2] @ points.T + a[:2, 2:]
    if first["crs_wkt"] != last["crs_wkt"]:
        import pyproj

        try:
            here, there = (pyproj.CRS.from_wkt(str(geo["crs_wkt"])) for geo in (first, last))
            x, y = pyproj.Transformer.from_crs(here, there, always_xy=True).transform(x, y)
        except pyproj.exceptions.ProjError:
            return None
    try:
        places = np.linalg.solve(b[:2, :2], np.stack([x, y]) - b[:2, 2:]).T
    except np.linalg.LinAlgError:
        return None
    return places if np.isfinite(places).all() else None
