"""Sizes, units and velocities in pixels of a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_latentdyn.core.dynamics.dataset import GRID
from napari_latentdyn.core.geometry.units import unit_symbol

if TYPE_CHECKING:
    import xarray

__all__ = [
    "duration",
    "in_degrees",
    "is_rgb",
    "length_units",
    "matrix",
    "observed",
    "pixel_size",
    "pixel_velocity",
    "shape",
    "stage_at",
    "time_unit",
    "transform",
    "world",
]


def shape(data: xarray.Dataset) -> tuple[int, int]:
    """Return height and width in pixels."""
    return data.sizes["y"], data.sizes["x"]


def is_rgb(data: xarray.Dataset) -> bool:
    """Return whether the channels are red, green and blue."""
    return "channel" in data.coords and str(data.channel.values[0]) == "red"


def time_unit(data: xarray.Dataset) -> str | None:
    """Return the symbol of the unit of time, or None for fractions of the interval."""
    unit = data.time.attrs["units"]
    return None if unit == "1" else unit_symbol(unit)


def observed(data: xarray.Dataset) -> NDArray[np.bool_]:
    """Return which frames are at the time of an image; both ends where this is not known."""
    known = data.coords.get("observed")
    return np.isin(data.fraction, (0.0, 1.0)) if known is None else known.values.astype(bool)


def length_units(data: xarray.Dataset) -> tuple[str, str]:
    """Return the symbols of the units along y and x, ``pixel`` if unknown."""
    y, x = (data.coords.get(f"world_{axis}", data.coords.get(axis)).attrs["units"] for axis in "yx")
    return _length(y), _length(x)


def _length(unit: str) -> str:
    return "pixel" if unit == "1" else unit_symbol(unit.partition("_")[0].replace("ees", "ee"))


def in_degrees(data: xarray.Dataset) -> bool:
    """Return whether places are longitudes and latitudes, which have no common length."""
    return "degree" in length_units(data)


def transform(data: xarray.Dataset) -> tuple[float, float, float, float, float, float]:
    """Return the affine transform (a, b, c, d, e, f): x = a column + b row + c, from corners."""
    c, a, b, f, d, e = map(float, data[GRID].attrs["GeoTransform"].split())
    return a, b, c, d, e, f


def matrix(data: xarray.Dataset) -> NDArray[np.float64]:
    """Return the 3x3 matrix from the centre of a pixel (y, x, 1) to world coordinates."""
    a, b, c, d, e, f = transform(data)
    return np.array([[e, d, f + 0.5 * (d + e)], [b, a, c + 0.5 * (a + b)], [0.0, 0.0, 1.0]])


def world(data: xarray.Dataset, points: ArrayLike) -> NDArray[np.float64]:
    """Return the world coordinates, in `length_units`, of pixels (..., 2), (y, x)."""
    whole = matrix(data)
    return np.asarray(points, dtype=np.float64) @ whole[:2, :2].T + whole[:2, 2]


def pixel_size(data: xarray.Dataset) -> tuple[float, float]:
    """Return the distance between neighbouring pixels down and to the right."""
    height, width = np.linalg.norm(matrix(data)[:2, :2], axis=0)
    return float(height), float(width)


def duration(data: xarray.Dataset) -> float:
    """Return the time from the first to the last stage, in `time_unit`."""
    return float(data.stage_bounds.values[-1, 1])


def stage_at(data: xarray.Dataset, moment: float) -> int:
    """Return the stage at a time in `time_unit`."""
    starts = data.stage_bounds.values[:, 0]
    stage = np.searchsorted(starts, moment + 1e-6 * duration(data), side="right") - 1
    return int(np.clip(stage, 0, len(starts) - 1))


def pixel_velocity(data: xarray.Dataset) -> NDArray[np.float32]:
    """Return the velocities (n, 2, Y, X), (dy, dx) in pixels per stage; n may be 0."""
    if "velocity_y" not in data:
        return np.zeros((0, 2, *shape(data)), np.float32)
    velocity = np.stack([data.velocity_y.values, data.velocity_x.values], axis=1)
    stages = np.diff(data.stage_bounds.values, axis=1)[:, 0]
    inverse = np.linalg.inv(matrix(data)[:2, :2])
    moved = np.einsum("ij,njyx,n->niyx", inverse, velocity, stages)
    return np.asarray(moved, dtype=np.float32)
