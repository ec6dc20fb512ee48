"""A result as an xarray Dataset, the common form of exports, notebooks and netCDF."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.geometry.units import check_unit, udunits, unit_symbol
from napari_latentdyn.core.knowledge.knowledge import in_words
from napari_latentdyn.core.runfolder.schema import RunReport
from napari_latentdyn.core.runfolder.track_sentences import track_sentences
from napari_latentdyn.errors import ExportError

if TYPE_CHECKING:
    import xarray

__all__ = ["GRID", "at_times", "make_dataset"]

#: Name of the variable with the reference system and the affine transform, as in rioxarray.
GRID = "spatial_ref"
_OBSERVED = {
    "units": "1",
    "long_name": "1 for a frame at the time of an image, 0 for other frames",
}
_COLOURS = ("red", "green", "blue", "alpha")


def make_dataset(
    *,
    frames: NDArray[Any],
    times: NDArray[np.floating[Any]],
    velocity: NDArray[np.float32] | None = None,
    edges: NDArray[np.floating[Any]] | None = None,
    observation_times: NDArray[np.float64] | None = None,
    report: RunReport | None = None,
    settings: Mapping[str, Any] | None = None,
    placement: Geometry | None = None,
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
        In the unit of the times of the images, fractions of the interval for two.
    velocity : ndarray, shape (n, 2, Y, X), optional
        (dy, dx) in pixels per stage.
    edges : ndarray, shape (n + 1,), optional
        Start of each stage and end of the last one, as `times`; by default evenly
        spaced from the first image to the last.
    observation_times : ndarray, shape (K,), optional
        Times of the images, as `times`; without them the images are at 0 and 1.
    report : RunReport, optional
        Its version, its inputs, and what is known are used.
    settings : mapping, optional
        Settings of the run as plain data.
    placement : Geometry, optional
        Place of the images, used where the first image has no place on a map.
    interval : (float, str), optional
        Length of a unit of `times` and its unit; the time between two images.
    title : str
        Name of the result.
    confidence : ndarray, shape (T, Y, X), optional
        Confidence of the frames, from 0 to 1.
    latents : ndarray, shape (T, c, Y, X), optional
        Latent states at `times`.
    tracers : ndarray, shape (N, 4), optional
        Points of tracks: id, time as in `times`, y and x in pixels.

    Returns
    -------
    xarray.Dataset
        ``frames`` (time, [channel,] y, x); ``velocity_y`` and ``velocity_x``
        (stage_time, y, x), along the coordinates y and x; ``confidence`` (time, y,
        x), ``latents`` (time, latent, y, x) and ``tracer_id``, ``tracer_time``,
        ``tracer_y``, ``tracer_x`` (tracer_point) where they are known.
        Coordinates: ``time``, since the first image, and ``fraction`` (time), of
        the time to the last; ``observed`` (time), 1 for frames at the time of an image
        and 0 for the others, if `observation_times` is given; ``stage_time``, the
        middle of each stage, and ``stage_bounds``; ``y`` and ``x``, the centres of the pixels;
        ``spatial_ref``, the reference system and the affine transform as
        rioxarray reads them. Where rows and columns are not parallel to the axes of
        the world, ``world_y`` and ``world_x`` (y, x) are the places, and
        velocities are along these. Without an interval, times are fractions of
        the interval and velocities are per interval.
    """
    import xarray

    if interval is not None:
        check_unit(interval[1])
    report = report or RunReport()
    on_map = Geometry.on_map(report.inputs[0].geo if report.inputs else None)
    place = on_map or placement or Geometry()
    matrix = place.matrix
    units = (udunits(unit_symbol(place.units[0])), udunits(unit_symbol(place.units[1])))
    duration, unit = (interval[0], udunits(unit_symbol(interval[1]))) if interval else (1.0, "1")
    since = {"units": unit, "axis": "T"}
    coords = _places(frames.shape[-2:], place, units)
    if edges is None:
        known = np.array([0.0, 1.0]) if observation_times is None else observation_times
        edges = np.linspace(known[0], known[-1], 2 if velocity is None else len(velocity) + 1)
    elapsed, whole = times - edges[0], edges[-1] - edges[0]
    about = {"units": "1", "long_name": "fraction of the time between the first and last image"}
    coords["time"] = ("time", elapsed * duration, {**since, "long_name": "time of the frame"})
    coords["fraction"] = ("time", elapsed / whole, about)
    if observation_times is not None:
        away = np.abs(times[:, None] - observation_times).min(axis=1)
        coords["observed"] = ("time", (away <= 1e-9 * whole).astype(np.int8), _OBSERVED)
    mapped = {"grid_mapping": GRID} if place.crs else {}
    variables: dict[str, Any] = {}

    def add(name: str, dims: tuple[str, ...], values: Any, long_name: str, **more: Any) -> None:
        attributes = {"long_name": long_name, "units": "1", **more, **mapped}
        variables[name] = (dims, values, attributes)

    channels = ("channel",) if frames.ndim == 4 else ()
    if channels:
        rgb = frames.shape[1] in (3, 4) and report.inputs and report.inputs[0].rgb
        named = _COLOURS[: frames.shape[1]] if rgb else np.arange(frames.shape[1])
        coords["channel"] = ("channel", np.asarray(named), {"long_name": "channel"})
    add("frames", ("time", *channels, "y", "x"), frames, "image")
    if confidence is not None:
        limits = {"valid_min": 0.0, "valid_max": 1.0}
        add("confidence", ("time", "y", "x"), confidence, "confidence of the frame", **limits)
    if latents is not None:
        add("latents", ("time", "latent", "y", "x"), latents, "latent state")
    if velocity is not None and len(velocity):
        starts = np.asarray(edges - edges[0], np.float64) * duration
        about = {**since, "long_name": "middle of the stage", "bounds": "stage_bounds"}
        coords["stage_time"] = ("stage_time", (starts[:-1] + starts[1:]) / 2, about)
        coords["stage_bounds"] = (("stage_time", "bound"), np.stack([starts[:-1], starts[1:]], 1))
        rates = np.einsum("ij,njyx,n->niyx", matrix[:2, :2], velocity, 1 / np.diff(starts))
        along = "" if place.is_upright else "world_"
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
            ("tracer_time", (moment - edges[0]) * duration, unit),
            ("tracer_y", world[0], units[0]),
            ("tracer_x", world[1], units[1]),
        ):
            long_name = name.replace("_", " ")
            variables[name] = ("tracer_point", values, {"long_name": long_name, "units": of})
    attributes = _attributes(report, settings, title)
    return xarray.Dataset(variables, coords, attributes)


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


def _places(shape: tuple[int, ...], place: Geometry, units: tuple[str, str]) -> dict[str, Any]:
    """Return the coordinates of the pixels and the reference system."""
    coords: dict[str, Any] = {GRID: ((), np.int32(0), _reference(place))}
    # GDAL prefers the coordinate of each axis to the transform.
    if place.is_upright or place.crs is None:
        values = place.coordinates((shape[0], shape[1]))
        for axis, along, unit, way in zip("yx", values, units, ("down", "right"), strict=True):
            about = {"units": unit, "long_name": f"{axis} of the centre of the pixel, {way}"}
            coords[axis] = (axis, along, {"axis": axis.upper(), **about, **_on_earth(axis, place)})
    if not place.is_upright:
        world = np.moveaxis(place.world(np.moveaxis(np.indices(shape), 0, -1)), -1, 0)
        for axis, there, unit in zip("yx", world, units, strict=True):
            about = {"units": unit, "long_name": f"{axis} of the pixel in the world"}
            coords[f"world_{axis}"] = (("y", "x"), there, {**about, **_on_earth(axis, place)})
    return coords


def _on_earth(axis: str, place: Geometry) -> dict[str, str]:
    if place.crs is None:
        return {}
    if place.units[0].startswith("degree"):
        name, unit = ("latitude", "degrees_north") if axis == "y" else ("longitude", "degrees_east")
        return {"units": unit, "standard_name": name, "long_name": name}
    return {
        "standard_name": f"projection_{axis}_coordinate",
        "long_name": f"{axis} coordinate of projection",
    }


def _reference(place: Geometry) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    if place.crs is not None:
        import pyproj

        try:
            attributes = pyproj.CRS.from_wkt(place.crs).to_cf()
        # Systems without a form in CF raise errors of several kinds.
        except (pyproj.exceptions.CRSError, AttributeError, LookupError, TypeError, ValueError):
            attributes = {}
        attributes |= {"crs_wkt": place.crs, "spatial_ref": place.crs}
    a, b, c, d, e, f = map(float, place.map_transform)
    attributes["GeoTransform"] = " ".join(repr(value) for value in (c, a, b, f, d, e))
    return {name: value for name, value in attributes.items() if value is not None}


def _attributes(
    report: RunReport,
    settings: Mapping[str, Any] | None,
    title: str,
) -> dict[str, str]:
    version = report.version or metadata.version("napari-latentdyn")
    about = {"Conventions": "CF-1.11", "title": title, "source": f"napari-latentdyn {version}"}
    named = [source.name or "" for source in report.inputs]
    if len(named) > 1 and all(named):
        about["comment"] = f"made from {', '.join(named[:-1])} and {named[-1]}"
    if report.known is not None:
        sources = [f"{source.role}: {source.name or 'an array'}" for source in report.known.sources]
        figures = " ".join(track_sentences(report))
        told = {"known": in_words(report.known.model_dump()), "known_sources": "; ".join(sources)}
        told["known_tracks"] = figures
        about |= {name: text for name, text in told.items() if text}
    if settings is not None:
        about["settings"] = json.dumps(settings)
    return about
