"""NetCDF with the CF conventions, for xarray, QGIS and models."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_latentdyn.core.dynamics.dataset import GRID
from napari_latentdyn.core.dynamics.deviations import VELOCITY_STD
from napari_latentdyn.errors import ExportError
from napari_latentdyn.export.format import STD, Format, Option, Steps, check_std
from napari_latentdyn.export.grid import in_degrees, length_units, time_unit
from napari_latentdyn.export.target import as_os_error

if TYPE_CHECKING:
    import xarray

__all__ = ["FORMAT"]

_SINCE = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}


def _write(
    data: xarray.Dataset, path: Path, steps: Steps, *, sea_ice: bool, start: str | None, std: bool
) -> None:
    check_std(data, std)
    reference = data[GRID].attrs
    if "crs_wkt" in reference and "grid_mapping_name" not in reference:
        raise ExportError(
            "CF has no name for the reference system of the run; export as GeoTIFF, which keeps "
            "the reference system."
        )
    data = data.copy()
    if start is not None:
        _date(data, start)
    if sea_ice:
        _name_sea_ice(data)
    encoding: dict[str, dict[str, Any]] = {}
    for name, variable in data.variables.items():
        encoding[str(name)] = {"_FillValue": None}
        if variable.ndim > 2:
            # Compressed plane by plane.
            encoding[str(name)] = {
                "zlib": True,
                "complevel": 4,
                "shuffle": True,
                "chunksizes": (*(1,) * (variable.ndim - 2), *variable.shape[-2:]),
                "_FillValue": np.nan if variable.dtype.kind == "f" else None,
            }
    with as_os_error(path, RuntimeError):
        data.to_netcdf(path, engine="netcdf4", encoding=encoding)


def _date(data: xarray.Dataset, start: str) -> None:
    """Express the times relative to a date."""
    try:
        since = datetime.fromisoformat(start).isoformat(sep=" ")
    except ValueError:
        raise ExportError(
            f"start must be a date and time such as 2021-03-01T08:30; got '{start}'."
        ) from None
    unit = _SINCE.get(time_unit(data) or "")
    if unit is None:
        raise ExportError(
            "a start date needs the time between the images; run again with --interval, or "
            "leave the date out."
        )
    dated = {"units": f"{unit} since {since}", "calendar": "standard", "standard_name": "time"}
    for name in {"time", "stage_time"} & set(data.coords):
        data.coords[name].attrs.update(dated)


def _name_sea_ice(data: xarray.Dataset) -> None:
    """Give the velocities the CF names of sea ice."""
    if time_unit(data) is None or in_degrees(data) or "pixel" in length_units(data):
        raise ExportError(
            "sea_ice_x_velocity is a length per time, and the size of a pixel or the time between "
            "the images is not known; leave 'sea ice' out, or run again with both."
        )
    for axis in "yx":
        name = f"sea_ice_{axis}_velocity"
        data[f"velocity_{axis}"].attrs["standard_name"] = name
        if VELOCITY_STD.format(axis) in data:
            data[VELOCITY_STD.format(axis)].attrs["standard_name"] = f"{name} standard_error"


FORMAT = Format(
    "netcdf",
    "netCDF (CF)",
    (".nc",),
    _write,
    about="Frames and velocities by the CF conventions, for xarray, QGIS, Panoply.",
    options=(
        Option("sea_ice", bool, False, "Call the velocities by the CF names of sea ice."),
        Option("start", str, None, "Date and time of the first image, 2021-03-01T08:30."),
        STD,
    ),
)
