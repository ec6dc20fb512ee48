"""NetCDF and Zarr with CF conventions, through xarray."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_latentdyn.core.observations.images.limits import check_claim
from napari_latentdyn.core.observations.images.model import Stack
from napari_latentdyn.core.observations.images.units import square_size
from napari_latentdyn.errors import ImageFileError

__all__ = ["image_variables", "is_zarr", "read_cf", "stack_of"]

_Y = ("y", "lat", "latitude", "row", "rows", "northing", "projection_y_coordinate", "nj", "ny")
_X = ("x", "lon", "longitude", "column", "cols", "easting", "projection_x_coordinate", "ni", "nx")
_KNOWN = {
    **dict.fromkeys(("t", "time"), "T"),
    **dict.fromkeys(("z", "depth", "level", "height", "altitude"), "Z"),
    **dict.fromkeys(("c", "channel", "channels", "band", "bands"), "C"),
}


def is_zarr(path: Path) -> bool:
    """Return whether a folder is a Zarr group or array."""
    return any((path / name).exists() for name in ("zarr.json", ".zgroup", ".zarray"))


def read_cf(path: Path, variable: str | None = None) -> Stack:
    """Read one variable of a NetCDF or Zarr data set.

    Missing values, scale and offset are applied as CF says.

    Raises
    ------
    ImageFileError
        If there are several variables to choose from, or none with rows and columns.
    """
    with _opened(path) as data:
        found = _images(data)
        if variable is not None and variable not in data.data_vars:
            raise ImageFileError(
                f"{path} has no variable '{variable[:40]}'; it has: {', '.join(found)}."
            )
        if variable is None and len(found) != 1:
            raise ImageFileError(
                f"{path} holds the variables {', '.join(found[:12])}: choose one, such as "
                f"{path}:{found[0]}."
                if found
                else f"{path} holds no variable with rows and columns."
            )
        array = data[variable or found[0]]
        check_claim(path, int(array.nbytes))
        array = array.load()
        stack = stack_of(array, str(path))
        return replace(stack, geo=_place(data, array, stack))


def image_variables(path: Path) -> list[str]:
    """Return the names of the variables that have rows and columns."""
    with _opened(path) as data:
        return _images(data)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import xarray

    engine: Any = "zarr" if path.is_dir() else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with xarray.open_dataset(path, engine=engine) as data:
            yield data


def _images(data: Any) -> list[str]:
    return [str(name) for name, values in data.data_vars.items() if _is_image(values)]


def _is_image(values: Any) -> bool:
    return values.ndim >= 2 and values.dtype.kind in "buifc" and min(values.shape[-2:]) > 1


def stack_of(array: Any, name: str) -> Stack:
    """Return an xarray.DataArray as images, with its coordinates.

    Raises
    ------
    ImageFileError
        If it has fewer than two dimensions.
    """
    dims = [str(dim) for dim in array.dims]
    if len(dims) < 2:
        raise ImageFileError(f"{name} has {len(dims)} dimensions; an image has at least 2.")
    y, x = _rows_and_columns(array)
    front = [dim for dim in dims if dim not in (y, x)]
    names = [_KNOWN.get(dim.lower(), dim) for dim in front]
    if "C" in names:
        k = names.index("C")
        front, names = [*front[:k], *front[k + 1 :], front[k]], [*names[:k], *names[k + 1 :], "C"]
    array = array.transpose(*front, y, x)
    size, unit, note = _spacing(array, y, x)
    times, time_unit = _times(array, front[names.index("T")]) if "T" in names else (None, None)
    return Stack(
        np.asarray(array.values),
        (*names, "Y", "X"),
        pixel_size=size,
        unit=unit,
        times=times,
        time_unit=time_unit,
        notes=(note,) if note else (),
    )


def _spacing(
    array: Any, y: str, x: str
) -> tuple[tuple[float, float] | None, str | None, str | None]:
    steps: list[float | None] = []
    for dim in (y, x):
        values = np.asarray(array[dim].values, dtype=np.float64) if dim in array.coords else None
        if values is None or values.size < 2:
            steps.append(None)
            continue
        step = np.diff(values)
        even = np.allclose(step, step.mean(), rtol=1e-2, atol=0)
        steps.append(abs(float(step.mean())) if even and step.mean() else None)
    units = [
        str(array[dim].attrs.get("units", "")) if dim in array.coords else "" for dim in (y, x)
    ]
    return square_size(steps[0], steps[1], units[0] or units[1] or None)


def _place(data: Any, array: Any, stack: Stack) -> dict[str, Any] | None:
    """Return where an image lies on the Earth, from its grid mapping, as `raster.place_of`."""
    mapping = array.encoding.get("grid_mapping") or array.attrs.get("grid_mapping")
    if mapping is None or mapping not in data.variables or stack.axes[-2:] != ("Y", "X"):
        return None
    from pyproj import CRS
    from pyproj.exceptions import ProjError

    y, x = (
        np.asarray(array[dim].values, np.float64) if dim in array.coords else np.empty(0)
        for dim in _rows_and_columns(array)
    )
    if y.size < 2 or x.size < 2:
        return None
    try:
        crs = CRS.from_cf(dict(data[mapping].attrs))
    except (ProjError, KeyError, TypeError, ValueError):
        return None
    dy, dx = float(np.diff(y).mean()), float(np.diff(x).mean())
    unit = crs.axis_info[0].unit_name if crs.axis_info else "metre"
    return {
        "crs_wkt": crs.to_wkt(),
        "transform": [dx, 0.0, float(x[0]) - dx / 2, 0.0, dy, float(y[0]) - dy / 2],
        "units": "degree" if crs.is_geographic else unit,
    }


def _rows_and_columns(array: Any) -> tuple[Any, Any]:
    dims = [str(dim) for dim in array.dims]
    y = next((dim for dim in dims if dim.lower() in _Y), None)
    x = next((dim for dim in dims if dim.lower() in _X), None)
    return (dims[-2], dims[-1]) if y is None or x is None else (y, x)


def _times(array: Any, dim: str) -> tuple[Any, str | None]:
    if dim not in array.coords:
        return None, None
    values = array[dim].values
    if values.dtype.kind == "M":
        seconds = (values - values[0]) / np.timedelta64(1, "s")
        return np.asarray(seconds, dtype=np.float64), "s"
    if values.dtype.kind in "iuf":
        unit = str(array[dim].attrs.get("units") or "") or None
        return np.asarray(values, dtype=np.float64) - float(values[0]), unit
    return None, None
