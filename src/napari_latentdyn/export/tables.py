"""Velocities and tracks as CSV tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.dynamics.arrows import MAX_ARROWS
from napari_latentdyn.core.dynamics.deviations import MEASURED, VELOCITY_STD
from napari_latentdyn.core.dynamics.grids import grid_points
from napari_latentdyn.core.dynamics.trajectories import trajectories
from napari_latentdyn.core.geometry.units import in_names
from napari_latentdyn.errors import ExportError
from napari_latentdyn.export.format import STD, Format, Option, Steps, check_std
from napari_latentdyn.export.grid import (
    duration,
    in_degrees,
    length_units,
    matrix,
    pixel_velocity,
    shape,
    time_unit,
    world,
)

if TYPE_CHECKING:
    import xarray

__all__ = ["FIELDS", "SPACING", "TRACKS"]

_ACROSS = 24
SPACING = Option("spacing", int, None, "Distance between arrows or points in pixels.")


def _write_fields(
    data: xarray.Dataset, path: Path, steps: Steps, *, spacing: int | None, std: bool
) -> None:
    """Write a row for each stage and place; places without a finite velocity are left out."""
    check_std(data, std)
    places = _points(data, spacing)
    y, x = places.astype(np.intp).T
    moved = pixel_velocity(data)[:, :, y, x].swapaxes(1, 2)
    velocity = [data[f"velocity_{axis}"].values[:, y, x] for axis in "yx"]
    trust = _deviations(data, y, x)
    time, units = _unit_names(data)
    per = f"per_{time}" if time_unit(data) else "per_interval"
    names = ["stage", "time", "y", "x", "dy", "dx", "speed", f"time_{time}"]
    names += [f"y_{units[0]}", f"x_{units[1]}", f"velocity_y_{units[0]}_{per}"]
    names.append(f"velocity_x_{units[1]}_{per}")
    # Degrees east and degrees north do not add up to a speed.
    in_all = [] if in_degrees(data) else [f"speed_{units[1]}_{per}"]
    names += in_all
    if trust:
        names += ["std", f"std_y_{units[0]}_{per}", f"std_x_{units[1]}_{per}", "measured"]
    moments = data.stage_time.values
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(names) + "\n")
        for stage in steps.over(range(len(moments)), len(moments)):
            physical = np.stack([axis[stage] for axis in velocity], axis=-1)
            table = np.column_stack(
                [
                    np.full(len(y), stage),
                    np.full(len(y), moments[stage] / duration(data)),
                    places,
                    moved[stage],
                    np.linalg.norm(moved[stage], axis=1),
                    np.full(len(y), moments[stage]),
                    world(data, places),
                    physical,
                    *[np.linalg.norm(physical, axis=1) for _ in in_all],
                    *[column[stage] for column in trust],
                ]
            )
            whole = (0, 2, 3, len(names) - 1) if trust else (0, 2, 3)
            _write_rows(file, table[np.isfinite(table).all(axis=1)], integers=whole)


def _deviations(
    data: xarray.Dataset, y: NDArray[np.intp], x: NDArray[np.intp]
) -> list[NDArray[np.floating]]:
    """Return deviations in pixels per stage, along y and x, and the flag; empty without them."""
    if MEASURED not in data:
        return []
    names = (*(VELOCITY_STD.format(axis) for axis in "yx"), MEASURED)
    down, right, measured = (data[name].values[:, y, x] for name in names)
    # The deviation along y is that in pixels times the length of the first row of the matrix.
    length = np.linalg.norm(matrix(data)[0, :2])
    spans = np.diff(data.stage_bounds.values, axis=1)
    return [down * spans / length, down, right, measured]


def _write_tracks(data: xarray.Dataset, path: Path, steps: Steps, *, spacing: int | None) -> None:
    """Write a row for each point of the tracers, or of tracks that start on a grid."""
    if "tracer_id" in data:
        number, time = data.tracer_id.values, data.tracer_time.values / duration(data)
        places = np.stack([data.tracer_y.values, data.tracer_x.values], axis=-1)
        inverse = np.linalg.inv(matrix(data))
        points = places @ inverse[:2, :2].T + inverse[:2, 2]
    else:
        bounds = data.stage_bounds.values
        times = np.append(bounds[:, 0], bounds[-1, 1]) / duration(data)
        stages = np.linspace(0.0, 1.0, len(times))
        spans = np.diff(bounds)[:, 0]
        jumps = 1 + np.flatnonzero(~np.isclose(spans[1:], spans[:-1], rtol=1e-6))
        fields, start = pixel_velocity(data), _points(data, spacing)
        # Outside of the region of interest no motion was computed.
        known = np.isfinite(fields[0, 0][tuple(start.astype(np.intp).T)])
        start = start[known]
        paths = trajectories(np.nan_to_num(fields), start, stages, breaks=jumps.tolist())
        steps.check()
        # A track ends where it leaves the image.
        number, index = np.nonzero(np.isfinite(paths[..., 0]))
        time, points = times[index], paths[number, index]
        places = world(data, points)
    unit, units = _unit_names(data)
    table = np.column_stack([number, time, points, time * duration(data), places])
    names = ["id", "time", "y", "x", f"time_{unit}", f"y_{units[0]}", f"x_{units[1]}"]
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(names) + "\n")
        _write_rows(file, table, integers=(0,))


def _write_rows(file: Any, table: NDArray[np.float64], integers: tuple[int, ...]) -> None:
    kinds = ["%d" if column in integers else "%.9g" for column in range(table.shape[1])]
    np.savetxt(file, table, kinds, ",")


def _points(data: xarray.Dataset, spacing: int | None) -> NDArray[np.float64]:
    if spacing is not None and spacing < 1:
        raise ExportError(f"spacing must be at least 1 pixel; got {spacing}.")
    step = spacing or max(1, -(-max(shape(data)) // _ACROSS))
    arrows = data.sizes["stage_time"] * np.prod(shape(data))
    while spacing is None and arrows / step**2 > MAX_ARROWS:
        step += 1
    return grid_points(shape(data), step)


def _unit_names(data: xarray.Dataset) -> tuple[str, tuple[str, str]]:
    y, x = length_units(data)
    return in_names(time_unit(data) or "interval"), (in_names(y), in_names(x))


FIELDS = Format(
    "csv",
    "Table of velocities (CSV)",
    (".csv",),
    _write_fields,
    about="The velocities, one row for each stage and place, in pixels and in units.",
    what="the table",
    needs_velocity=True,
    options=(SPACING, STD),
)
TRACKS = Format(
    "tracks",
    "Table of tracks (CSV)",
    (".tracks.csv", ".csv"),
    _write_tracks,
    about="Paths of the tracers of the run, or of evenly spaced points if it has none.",
    what="the table",
    needs_velocity=True,
    options=(SPACING,),
)
