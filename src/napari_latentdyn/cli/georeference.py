"""Reference system and transform of GeoTIFF files."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

__all__ = ["read_geo"]


def read_geo(path: Path) -> dict[str, Any] | None:
    """Read where a GeoTIFF lies on the Earth, for the report of a run.

    Parameters
    ----------
    path : Path
        A TIFF file.

    Returns
    -------
    dict or None
        ``crs_wkt``, ``transform`` (six numbers, as in `export.geo.Geo`) and ``units``; None if
        rasterio is not installed, or the file has no reference system or no transform.
    """
    try:
        import rasterio
        from rasterio.errors import NotGeoreferencedWarning, RasterioError
    except ImportError:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as file:
                crs, transform = file.crs, file.transform
    except RasterioError:
        # As an image it can be read all the same.
        return None
    if crs is None or transform.is_identity:
        return None
    units = "degree" if crs.is_geographic else str(crs.linear_units)
    return {
        "crs_wkt": crs.to_wkt(),
        "transform": [float(value) for value in transform[:6]],
        "units": units,
    }
