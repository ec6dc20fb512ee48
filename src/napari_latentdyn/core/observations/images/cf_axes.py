"""Axes of CF data: rows and columns, pixel size, coordinates, place and times."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.geometry.units import metres
from napari_latentdyn.core.observations.images.model import plane_size

__all__ = ["AXES", "coordinates", "rows_and_columns", "spacing", "times"]

_Y = (
    *("y", "lat", "latitude", "rlat", "row", "rows", "line", "lines", "northing"),
    *("projection_y_coordinate", "grid_latitude", "nj", "ny", "yc", "south_north"),
)
_X = (
    *("x", "lon", "longitude", "rlon", "column", "columns", "col", "cols", "sample", "samples"),
    *("easting", "projection_x_coordinate", "grid_longitude", "ni", "nx", "xc", "west_east"),
)
#: Axes that number images or channels, by the names of their dimensions.
AXES = {
    **dict.fromkeys(("t", "time"), "T"),
    **dict.fromkeys(("z", "depth", "level", "height", "altitude"), "Z"),
    **dict.fromkeys(("c", "channel", "channels", "band", "bands"), "C"),
}
_STANDARD = {
    "Y": ("latitude", "grid_latitude", "projection_y_coordinate"),
    "X": ("longitude", "grid_longitude", "projection_x_coordinate"),
}


def rows_and_columns(array: Any) -> tuple[str, str]:
    """Return the dimensions of rows and columns: by CF attributes, by name, or the last two."""
    dims = [str(dim) for dim in array.dims]
    found = []
    for axis, names in (("Y", _Y), ("X", _X)):
        marked = [dim for dim in dims if _is_axis(array, dim, axis)]
        named = [dim for dim in dims if dim.lower() in names]
        found.append(next(iter(marked or named), None))
    y, x = found
    if y is not None and x is not None and y != x:
        return y, x
    plain = [dim for dim in dims if dim.lower() not in AXES]
    y, x = plain[-2:] if len(plain) >= 2 else dims[-2:]
    return y, x


def _is_axis(array: Any, dim: str, axis: str) -> bool:
    attributes = array[dim].attrs if dim in array.coords else {}
    return (
        str(attributes.get("axis", "")).upper() == axis
        or str(attributes.get("standard_name", "")) in _STANDARD[axis]
    )


def _coordinates(array: Any, dim: str) -> Any:
    """Return the coordinates along a dimension, or None unless they are evenly spaced numbers."""
    if dim not in array.coords or array[dim].dtype.kind not in "iuf" or array[dim].size < 2:
        return None
    values = np.asarray(array[dim].values, dtype=np.float64)
    step = np.diff(values)
    even = np.isfinite(step).all() and np.allclose(step, step.mean(), rtol=1e-2, atol=0)
    # Coordinates in single precision far from 0 have steps that differ in the last digit.
    even = even or (
        array[dim].dtype == np.float32
        and np.isfinite(step).all()
        and np.abs(step - step.mean()).max() <= 2 * np.spacing(np.float32(np.abs(values).max()))
    )
    return values if even and step.mean() else None


def _unit(array: Any, dim: str) -> str:
    unit = str(array[dim].attrs.get("units", "")).strip() if dim in array.coords else ""
    return "degree" if unit.lower().startswith("degree") else unit


def spacing(array: Any, y: str, x: str) -> tuple[Geometry | None, str | None]:
    """Return the pixel size, and a note on assumptions."""
    known = [_coordinates(array, dim) for dim in (y, x)]
    steps = [None if v is None else abs(float(np.diff(v).mean())) for v in known]
    units = [_unit(array, dim) for dim in (y, x)]
    # A dimension without a unit takes the unit of the other dimension.
    return plane_size(steps[0], steps[1], (units[0] or units[1], units[1] or units[0]))


def coordinates(array: Any, data: Any = None) -> Geometry | None:
    """Return the place of an image by the coordinates of its rows and columns, if they are even.

    The data set `data` may hold the grid mapping of the image.
    """
    dims = rows_and_columns(array)
    down, right = (_coordinates(array, dim) for dim in dims)
    if down is None or right is None:
        return None
    error = [
        float(np.spacing(np.asarray(np.abs(v).max(), array[dim].dtype)))
        if array[dim].dtype.kind == "f"
        else 0.0
        for v, dim in zip((down, right), dims, strict=True)
    ]
    (y, dy), (x, dx) = ((float(v[0]), float(np.diff(v).mean())) for v in (down, right))
    plain = Geometry(
        ((dy, 0.0, y), (0.0, dx, x), (0.0, 0.0, 1.0)),
        (_unit(array, dims[0]), _unit(array, dims[1])),
        error=(error[0], error[1]),
    )
    mapping = array.encoding.get("grid_mapping") or array.attrs.get("grid_mapping")
    known = data is not None and mapping is not None and mapping in data.variables
    return _on_map(plain, data[mapping].attrs) if known else plain


def _on_map(plain: Geometry, mapping: Any) -> Geometry:
    """Return coordinates in the unit of their reference system, if that can be understood."""
    from pyproj import CRS
    from pyproj.exceptions import ProjError

    try:
        crs = CRS.from_cf(dict(mapping))
    except (ProjError, KeyError, TypeError, ValueError):
        return plain
    if crs.is_geographic:
        return replace(plain, crs=crs.to_wkt(), units=("degree", "degree"))
    # The coordinates may be in km where the reference system counts in metres.
    unit, base = "metre", 1.0
    if crs.axis_info:
        unit, base = crs.axis_info[0].unit_name, crs.axis_info[0].unit_conversion_factor
    lengths = [metres(name) if name else base for name in plain.units]
    if not base or None in lengths:
        return plain
    factor = np.array([length / base for length in lengths if length is not None])
    affine: Any = np.diag([*factor, 1.0]) @ plain.matrix
    error = (plain.error[0] * factor[0], plain.error[1] * factor[1])
    return replace(plain, affine=affine, crs=crs.to_wkt(), units=(unit, unit), error=error)


def times(array: Any, dim: str) -> tuple[Any, str | None, datetime | None]:
    """Return the times along a dimension since the first one, their unit, and its date."""
    if dim not in array.coords or array[dim].ndim != 1:
        return None, None, None
    values = array[dim].values
    if values.dtype.kind == "M":
        seconds = (values - values[0]) / np.timedelta64(1, "s")
        date = values[0].astype("datetime64[us]").item()
        start = date.replace(tzinfo=UTC) if isinstance(date, datetime) else None
        return np.asarray(seconds, dtype=np.float64), "s", start
    if values.dtype.kind == "O" and all(hasattr(value, "calendar") for value in values):
        # Dates of calendars that NumPy does not have, such as 360_day.
        return np.asarray([(value - values[0]).total_seconds() for value in values]), "s", None
    if values.dtype.kind in "iuf":
        unit = str(array[dim].attrs.get("units") or "").partition(" since ")[0].strip() or None
        return np.asarray(values, dtype=np.float64) - float(values[0]), unit, None
    return None, None, None
