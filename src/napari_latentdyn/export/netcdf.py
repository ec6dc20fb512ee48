"""Frames and fields as netCDF with the CF conventions, for xarray, QGIS and models."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.geometry.units import udunits
from napari_latentdyn.errors import ExportError
from napari_latentdyn.export.source import Source
from napari_latentdyn.export.target import Steps, new_file, require

if TYPE_CHECKING:
    import xarray

__all__ = ["dataset", "write_dataset", "write_netcdf"]

_GRID = "crs"
_SINCE = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}


def write_netcdf(
    source: Source,
    path: str | Path,
    *,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    sea_ice: bool = False,
    start: str | None = None,
) -> Path:
    """Write frames and fields as netCDF 4 that follows the CF conventions 1.11.

    Parameters
    ----------
    source : Source
        What to write.
    path : str or Path
        File to write.
    overwrite : bool
        Replace a file that is there.
    on_progress, should_stop : callable, optional
        As in `target.Steps`.
    sea_ice : bool
        Call the fields ``sea_ice_x_velocity`` and ``sea_ice_y_velocity``, the
        standard names of CF; what moves is known to the user alone.
    start : str, optional
        Date and time of the first image, such as ``2021-03-01T08:30``; times
        are then dates.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ExportError
        If a library is missing, an option cannot be met, or the file is there
        or cannot be written.
    Stopped
        If the user asked for it.
    """
    data = dataset(source, sea_ice=sea_ice, start=start)
    return write_dataset(
        data, path, overwrite=overwrite, on_progress=on_progress, should_stop=should_stop
    )


def write_dataset(
    data: xarray.Dataset,
    path: str | Path,
    *,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Path:
    """Write a dataset as netCDF 4, compressed plane by plane; as `write_netcdf`."""
    engine = _engine()
    steps = Steps(1, on_progress, should_stop)
    encoding: dict[str, dict[str, Any]] = {}
    for name, variable in data.variables.items():
        encoding[str(name)] = {"_FillValue": None}
        if variable.ndim > 2:
            planes = (1,) * (variable.ndim - 2)
            encoding[str(name)] = {
                "zlib": True,
                "complevel": 4,
                "shuffle": True,
                "chunksizes": (*planes, *variable.shape[-2:]),
                "_FillValue": np.nan if variable.dtype.kind == "f" else None,
            }
    # HDF5 tells of a full disk by a RuntimeError when the file is closed.
    with new_file(path, overwrite=overwrite, what="the file", also=(RuntimeError,)) as file:
        data.to_netcdf(file, engine=engine, encoding=encoding)
        steps.next()
    return Path(path)


def _engine() -> Literal["h5netcdf", "netcdf4"]:
    """Return the library that writes: h5netcdf, or netCDF4 where its h5py is not installed."""
    if find_spec("h5netcdf") is not None and find_spec("h5py") is not None:
        return "h5netcdf"
    if find_spec("netCDF4") is not None:
        return "netcdf4"
    require("h5py", "export", "netCDF")
    return "h5netcdf"


def dataset(source: Source, *, sea_ice: bool = False, start: str | None = None) -> xarray.Dataset:
    """Return the source as a dataset with CF attributes; as `write_netcdf`.

    Raises
    ------
    ExportError
        If xarray is not installed, or an option cannot be met.
    """
    xr = require("xarray", "export", "netCDF")
    geo = source.geo
    y_unit, x_unit = (udunits(unit) for unit in source.length_units)
    scale, time = _time(source, start)
    speed = {"grid_mapping": _GRID} if geo else {}
    common = dict(speed)
    coords: dict[str, Any] = {
        "time": ("time", source.moments * scale, {**time, "long_name": "time of the frame"}),
    }
    if source.upright or geo is None:
        # GDAL takes a coordinate of each axis for the place on the Earth, before the transform.
        y, x = source.coordinates()
        coords["y"] = ("y", y, _space(source, "y", y_unit, geo))
        coords["x"] = ("x", x, _space(source, "x", x_unit, geo))
    if not source.upright:
        rows, columns = np.indices(source.shape)
        world = source.world(np.stack([rows, columns], axis=-1))
        for index, axis in enumerate("yx"):
            name = f"world_{axis}"
            about = _in_world(axis, (y_unit, x_unit)[index], geo)
            coords[name] = (("y", "x"), world[..., index], about)
    planes = ("time", "y", "x")
    if source.frames.ndim == 4:
        planes = ("time", "channel", "y", "x")  # type: ignore[assignment]
        coords["channel"] = ("channel", np.arange(source.channels), {"long_name": "channel"})
    variables: dict[str, Any] = {
        "frames": (planes, source.frames, {"long_name": "image", "units": "1", **common})
    }
    if source.confidence is not None:
        about = {"long_name": "confidence of the frame", "units": "1", "valid_range": [0.0, 1.0]}
        variables["confidence"] = (("time", "y", "x"), source.confidence, {**about, **common})
    if source.stages:
        coords["stage_time"] = (
            "stage_time",
            source.field_moments * scale,
            {**time, "axis": "T", "long_name": "middle of the stage"},
        )
        edges = np.arange(source.stages + 1) / source.stages * source.duration * scale
        coords["stage_time"][2]["bounds"] = "stage_bounds"
        variables["stage_bounds"] = (
            ("stage_time", "bound"),
            np.stack([edges[:-1], edges[1:]], axis=1),
        )
        names = _velocity_names(source, sea_ice)
        velocity = source.physical_velocity()
        per = f" {udunits(source.time_unit)}-1" if source.time_unit else ""
        for index, axis in enumerate("yx"):
            unit = (y_unit, x_unit)[index]
            variables[f"velocity_{axis}"] = (
                ("stage_time", "y", "x"),
                velocity[:, index],
                {"units": f"{unit}{per}", **names[axis], **common},
            )
    if geo is not None:
        variables[_GRID] = ((), np.int32(0), _grid_mapping(geo))
    data: xarray.Dataset = xr.Dataset(variables, coords, _about(source))
    return data


def _time(source: Source, start: str | None) -> tuple[float, dict[str, Any]]:
    """Return the factor of times and the attributes of their axis."""
    symbol = source.time_unit
    if start is None:
        return 1.0, {"units": udunits(symbol or ""), "axis": "T"}
    try:
        date = datetime.fromisoformat(start)
    except ValueError:
        raise ExportError(
            f"'{start}' is no date and time; write it like 2021-03-01T08:30."
        ) from None
    if symbol not in _SINCE:
        raise ExportError(
            "a start date needs the time between the images; learn again with --interval, or "
            "leave the date out."
        )
    since = date.isoformat(sep=" ")
    units = f"{_SINCE[symbol]} since {since}"
    return 1.0, {
        "units": units,
        "calendar": "standard",
        "standard_name": "time",
        "axis": "T",
    }


def _space(source: Source, axis: str, unit: str, geo: Geometry | None) -> dict[str, Any]:
    attributes: dict[str, Any] = {"axis": axis.upper(), "units": unit}
    if geo is None:
        down = "down" if axis == "y" else "to the right"
        return {**attributes, "long_name": f"{axis} of the centre of the pixel, {down}"}
    return {**attributes, **_on_earth(axis, geo)}


def _in_world(axis: str, unit: str, geo: Geometry | None) -> dict[str, Any]:
    if geo is None:
        return {"units": unit, "long_name": f"{axis} of the pixel in the world"}
    return {"units": unit, **_on_earth(axis, geo)}


def _on_earth(axis: str, geo: Geometry) -> dict[str, Any]:
    if _geographic(geo):
        name, unit = ("latitude", "degrees_north") if axis == "y" else ("longitude", "degrees_east")
        return {"units": unit, "standard_name": name, "long_name": name}
    return {
        "standard_name": f"projection_{axis}_coordinate",
        "long_name": f"{axis} coordinate of projection",
    }


def _geographic(geo: Geometry) -> bool:
    return geo.units[0].startswith("degree")


def _grid_mapping(geo: Geometry) -> dict[str, Any]:
    pyproj = require("pyproj", "geo", "netCDF with a reference system")
    try:
        attributes = dict(pyproj.CRS.from_wkt(geo.crs).to_cf())
    # Systems that CF cannot say end in whatever pyproj looked for in them.
    except (pyproj.exceptions.CRSError, AttributeError, LookupError, TypeError, ValueError):
        raise ExportError(
            "the reference system of the run is not understood; export as GeoTIFF, which keeps "
            "it as it is."
        ) from None
    a, b, c, d, e, f = geo.map_transform
    # GDAL reads these two.
    attributes["spatial_ref"] = geo.crs
    attributes["GeoTransform"] = " ".join(repr(value) for value in (c, a, b, f, d, e))
    return {name: value for name, value in attributes.items() if value is not None}


def _velocity_names(source: Source, sea_ice: bool) -> dict[str, dict[str, str]]:
    per = "" if source.time_unit else " per interval"
    world = "" if source.upright else "world_"
    names = {axis: {"long_name": f"velocity along increasing {world}{axis}{per}"} for axis in "yx"}
    if not sea_ice:
        return names
    measured = all(unit not in ("pixel", "degree") for unit in source.length_units)
    if source.time_unit is None or not measured:
        raise ExportError(
            "sea_ice_x_velocity is a length per time, and the size of a pixel or the time between "
            "the images is not known; leave 'sea ice' out, or learn again with both."
        )
    for axis in "yx":
        names[axis]["standard_name"] = f"sea_ice_{axis}_velocity"
    return names


def _about(source: Source) -> dict[str, str]:
    inputs = source.report.get("inputs") or {}
    named = [str((inputs.get(end) or {}).get("name") or "") for end in ("first", "last")]
    about = {
        "Conventions": "CF-1.11",
        "title": source.name,
        "source": f"napari-latentdyn {source.report.get('version') or ''}".strip(),
    }
    if all(named):
        about["comment"] = f"learned between {named[0]} and {named[1]}"
    return about
