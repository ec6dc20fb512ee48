"""A result as an xarray Dataset: the one form that exports, notebooks and netCDF share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_latentdyn.core.geometry.geo import Geo
from napari_latentdyn.core.geometry.placement import Placement
from napari_latentdyn.core.geometry.symbols import length_symbol, time_symbol, udunits
from napari_latentdyn.core.runfolder.folder import read_run
from napari_latentdyn.errors import ExportError

if TYPE_CHECKING:
    import xarray

__all__ = ["GRID", "at_times", "make_dataset", "read_dataset"]

#: Name of the variable with the reference system and the affine transform, as in rioxarray.
GRID = "spatial_ref"
_COLOURS = ("red", "green", "blue", "alpha")


def make_dataset(
    *,
    frames: NDArray[Any],
    times: NDArray[np.floating[Any]],
    velocity: NDArray[np.float32] | None = None,
    report: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    placement: Placement | None = None,
    interval: tuple[float, str] | None = None,
    title: str = "result",
    confidence: NDArray[np.float32] | None = None,
    latents: NDArray[np.float32] | None = None,
    tracers: NDArray[np.float64] | None = None,
) -> xarray.Dataset:
    """Make a Dataset with the attributes of the CF conventions 1.11.

    Parameters
    ----------
    frames : ndarray, shape (T, Y, X) or (T, C, Y, X)
        In the intensity units of the images.
    times : ndarray, shape (T,)
        Fractions of the interval.
    velocity : ndarray, shape (n, 2, Y, X), optional
        (dy, dx) in pixels per stage.
    report : mapping, optional
        Report of the run; ``version`` and ``inputs`` are used.
    settings : mapping, optional
        Settings of the run as plain data.
    placement : Placement, optional
        Where the images lie; a georeference in the report goes before it.
    interval : (float, str), optional
        Time between the first and the last image and its unit.
    title : str
        Name of the result.
    confidence : ndarray, shape (T, Y, X), optional
        Confidence of the frames, from 0 to 1.
    latents : ndarray, shape (T, c, Y, X), optional
        Latent states at `times`.
    tracers : ndarray, shape (N, 4), optional
        Points of tracks: id, time as a fraction of the interval, y and x in pixels.

    Returns
    -------
    xarray.Dataset
        ``frames`` (time, [channel,] y, x); ``velocity_y`` and ``velocity_x``
        (stage_time, y, x), along the coordinates y and x; ``confidence`` (time, y,
        x), ``latents`` (time, latent, y, x) and ``tracer_id``, ``tracer_time``,
        ``tracer_y``, ``tracer_x`` (tracer_point) where they are known.
        Coordinates: ``time``, since the first image, and ``fraction`` (time), of
        the interval; ``stage_time``, the middle of each stage, and
        ``stage_bounds``; ``y`` and ``x``, the centres of the pixels;
        ``spatial_ref``, the reference system and the affine transform as
        rioxarray reads them. Where rows and columns do not run along the axes of
        the world, ``world_y`` and ``world_x`` (y, x) are the places, and
        velocities are along these. Without an interval, times are fractions of
        it and velocities are per interval.
    """
    import xarray

    report = report or {}
    inputs = report.get("inputs") or {}
    geo = Geo.from_report(report)
    matrix = geo.matrix if geo else (placement or Placement()).matrix()
    units = (geo.units, geo.units) if geo else (placement or Placement()).units
    units = (udunits(length_symbol(units[0])), udunits(length_symbol(units[1])))
    duration, unit = (interval[0], udunits(time_symbol(interval[1]))) if interval else (1.0, "1")
    since = {"units": unit, "axis": "T"}
    coords = _places(frames.shape[-2:], matrix, units, geo)
    coords["time"] = ("time", times * duration, {**since, "long_name": "time of the frame"})
    coords["fraction"] = ("time", times, {"units": "1", "long_name": "fraction of the interval"})
    mapped = {"grid_mapping": GRID} if geo else {}
    variables: dict[str, Any] = {}

    def add(name: str, dims: tuple[str, ...], values: Any, long_name: str, **more: Any) -> None:
        attributes = {"long_name": long_name, "units": "1", **more, **mapped}
        variables[name] = (dims, values, attributes)

    channels = ("channel",) if frames.ndim == 4 else ()
    if channels:
        rgb = frames.shape[1] in (3, 4) and (inputs.get("first") or {}).get("rgb")
        named = _COLOURS[: frames.shape[1]] if rgb else np.arange(frames.shape[1])
        coords["channel"] = ("channel", np.asarray(named), {"long_name": "channel"})
    add("frames", ("time", *channels, "y", "x"), frames, "image")
    if confidence is not None:
        limits = {"valid_min": 0.0, "valid_max": 1.0}
        add("confidence", ("time", "y", "x"), confidence, "confidence of the frame", **limits)
    if latents is not None:
        add("latents", ("time", "latent", "y", "x"), latents, "latent state")
    if velocity is not None and len(velocity):
        edges = np.arange(len(velocity) + 1) * (duration / len(velocity))
        about = {**since, "long_name": "middle of the stage", "bounds": "stage_bounds"}
        coords["stage_time"] = ("stage_time", (edges[:-1] + edges[1:]) / 2, about)
        coords["stage_bounds"] = (("stage_time", "bound"), np.stack([edges[:-1], edges[1:]], 1))
        rates = np.einsum("ij,njyx->niyx", matrix[:2, :2] / edges[1], velocity)
        along = "" if _is_upright(matrix) else "world_"
        for index, axis in enumerate("yx"):
            add(
                f"velocity_{axis}",
                ("stage_time", "y", "x"),
                rates[:, index].astype(np.float32),
                f"velocity along increasing {along}{axis}{'' if interval else ' per interval'}",
                units=f"{units[index]} {unit}-1" if interval else units[index],
            )
    if tracers is not None:
        number, moment, y, x = np.asarray(tracers, dtype=np.float64).reshape(-1, 4).T
        world = matrix @ np.stack([y, x, np.ones_like(y)])
        for name, values, of in (
            ("tracer_id", number.astype(np.int32), "1"),
            ("tracer_time", moment * duration, unit),
            ("tracer_y", world[0], units[0]),
            ("tracer_x", world[1], units[1]),
        ):
            long_name = name.replace("_", " ")
            variables[name] = ("tracer_point", values, {"long_name": long_name, "units": of})
    attributes = _attributes(report, inputs, settings, title)
    return xarray.Dataset(variables, coords, attributes)


def read_dataset(folder: str | Path) -> xarray.Dataset:
    """Read a run folder as a Dataset, without PyTorch; see `make_dataset`.

    Raises
    ------
    RunFolderError
        If the folder is no run folder, is incomplete, or was written by a newer version.
    """
    run = read_run(folder)
    known = run.report.get("interval") or {}
    data = make_dataset(
        frames=run.frames,
        times=run.times,
        velocity=run.velocity,
        report=run.report,
        settings=run.settings.model_dump(mode="json"),
        placement=Placement.from_dict(run.report.get("placement")),
        interval=(float(known["value"]), str(known["unit"])) if known.get("value") else None,
        title=run.path.resolve().name,
        confidence=run.confidence,
        latents=run.latents,
    )
    # Where a dataset was read from, by the convention of xarray.
    data.encoding["source"] = str(run.path.resolve())
    return data


def at_times(data: xarray.Dataset, fractions: ArrayLike) -> xarray.Dataset:
    """Return the dataset with only the frames at some of its times.

    Parameters
    ----------
    data : xarray.Dataset
        As `make_dataset` returns it.
    fractions : array_like of float
        Times of frames as fractions of the interval.

    Raises
    ------
    ExportError
        If there is no frame at one of the times.
    """
    wanted = np.atleast_1d(np.asarray(fractions, dtype=np.float64))
    away = np.abs(data.fraction.values[:, None] - wanted)
    lacking = wanted[~(away.min(axis=0) <= 1e-6)]
    if lacking.size:
        raise ExportError(
            f"there is no frame at {lacking[0]:g} of the interval; choose times of the frames, or "
            "make more frames first."
        )
    chosen = data.isel(time=away.argmin(axis=0))
    chosen.encoding = dict(data.encoding)
    return chosen


def _places(
    shape: tuple[int, ...],
    matrix: NDArray[np.float64],
    units: tuple[str, str],
    geo: Geo | None,
) -> dict[str, Any]:
    """Return the coordinates of the pixels and the reference system."""
    coords: dict[str, Any] = {GRID: ((), np.int32(0), _reference(matrix, geo))}
    rows, columns = (np.arange(size, dtype=np.float64) for size in shape)
    upright = _is_upright(matrix)
    # GDAL takes a coordinate of each axis for the place on the Earth, before the transform.
    if upright or geo is None:
        size = np.linalg.norm(matrix[:2, :2], axis=0)
        y, x = rows * size[0], columns * size[1]
        if upright:
            y, x = matrix[0, 0] * rows + matrix[0, 2], matrix[1, 1] * columns + matrix[1, 2]
        for axis, values, unit, way in (("y", y, units[0], "down"), ("x", x, units[1], "right")):
            about = {"units": unit, "long_name": f"{axis} of the centre of the pixel, {way}"}
            coords[axis] = (axis, values, {"axis": axis.upper(), **about, **_on_earth(axis, geo)})
    if not upright:
        places = np.einsum(
            "ij,jyx->iyx", matrix[:2], np.stack([*np.indices(shape), np.ones(shape)])
        )
        for axis, values, unit in zip("yx", places, units, strict=True):
            about = {"units": unit, "long_name": f"{axis} of the pixel in the world"}
            coords[f"world_{axis}"] = (("y", "x"), values, {**about, **_on_earth(axis, geo)})
    return coords


def _on_earth(axis: str, geo: Geo | None) -> dict[str, str]:
    if geo is None:
        return {}
    if geo.units.startswith("degree"):
        name, unit = ("latitude", "degrees_north") if axis == "y" else ("longitude", "degrees_east")
        return {"units": unit, "standard_name": name, "long_name": name}
    return {
        "standard_name": f"projection_{axis}_coordinate",
        "long_name": f"{axis} coordinate of projection",
    }


def _reference(matrix: NDArray[np.float64], geo: Geo | None) -> dict[str, Any]:
    (e, d, y), (b, a, x) = matrix[:2]
    transform = (a, b, x - 0.5 * (a + b), d, e, y - 0.5 * (d + e))
    attributes: dict[str, Any] = {}
    if geo is not None:
        import pyproj

        transform = geo.transform
        try:
            attributes = pyproj.CRS.from_wkt(geo.crs_wkt).to_cf()
        # Systems that CF cannot say end in whatever pyproj looked for in them.
        except (pyproj.exceptions.CRSError, AttributeError, LookupError, TypeError, ValueError):
            attributes = {}
        attributes |= {"crs_wkt": geo.crs_wkt, "spatial_ref": geo.crs_wkt}
    a, b, c, d, e, f = map(float, transform)
    attributes["GeoTransform"] = " ".join(repr(value) for value in (c, a, b, f, d, e))
    return {name: value for name, value in attributes.items() if value is not None}


def _is_upright(matrix: NDArray[np.float64]) -> bool:
    linear = matrix[:2, :2]
    return bool(np.allclose(linear, np.diag(np.diag(linear)), atol=1e-12 * abs(linear).max()))


def _attributes(
    report: Mapping[str, Any],
    inputs: Mapping[str, Any],
    settings: Mapping[str, Any] | None,
    title: str,
) -> dict[str, str]:
    version = report.get("version") or metadata.version("napari-latentdyn")
    about = {"Conventions": "CF-1.11", "title": title, "source": f"napari-latentdyn {version}"}
    named = [str((inputs.get(end) or {}).get("name") or "") for end in ("first", "last")]
    if all(named):
        about["comment"] = f"made from {named[0]} and {named[1]}"
    if settings is not None:
        about["settings"] = json.dumps(settings)
    return about
