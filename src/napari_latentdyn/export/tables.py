"""Fields and tracks as CSV tables, and everything as NumPy arrays."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.dynamics.arrows import MAX_ARROWS
from napari_latentdyn.core.dynamics.grids import evenly_spaced
from napari_latentdyn.core.geometry.units import in_names
from napari_latentdyn.core.runfolder.folder import plain_json
from napari_latentdyn.errors import ExportError
from napari_latentdyn.export.paths import grid_tracks
from napari_latentdyn.export.source import Source
from napari_latentdyn.export.target import Steps, new_file

__all__ = ["write_csv", "write_npz", "write_tracks"]

_ACROSS = 24


def write_csv(
    source: Source,
    path: str | Path,
    *,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    spacing: int | None = None,
) -> Path:
    """Write the fields as a table, one row for each stage and place.

    Columns: ``stage``; ``time`` of the middle of the stage as a fraction of the
    interval; ``y, x`` in pixels; ``dy, dx, speed`` in pixels per stage; and the
    same in units, which stand in the names: ``time_h``, ``y_km``,
    ``velocity_y_km_per_h`` and so on. Places without a finite velocity are left out.

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
    spacing : int, optional
        Distance between places in pixels; 1 for all. By default 24 places along
        the longer side.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ExportError
        If there are no fields, or the file is there or cannot be written.
    Stopped
        If the user asked for it.
    """
    _check_fields(source, "a table of fields")
    rows, columns = _grid(source, spacing)
    steps = Steps(source.stages, on_progress, should_stop)

    def blocks() -> Iterator[NDArray[np.float64]]:
        y, x = (part.ravel() for part in np.meshgrid(rows, columns, indexing="ij"))
        places = np.stack([y, x], axis=-1).astype(np.float64)
        world = source.world(places)
        for stage, moment in enumerate(source.field_moments):
            moved = source.velocity[stage][:, y, x].T.astype(np.float64)
            physical = source.physical(moved)
            # Degrees east and degrees north make no speed together.
            speed = [] if source.in_degrees else [np.linalg.norm(physical, axis=1)]
            table = np.column_stack(
                [
                    np.full(len(y), stage),
                    np.full(len(y), (stage + 0.5) / source.stages),
                    places,
                    moved,
                    np.linalg.norm(moved, axis=1),
                    np.full(len(y), moment),
                    world,
                    physical,
                    *speed,
                ]
            )
            yield table[np.isfinite(table).all(axis=1)]
            steps.next()

    time, units = _unit_names(source)
    per = f"per_{time}" if source.time_unit else "per_interval"
    names = ["stage", "time", "y", "x", "dy", "dx", "speed", f"time_{time}"]
    names += [f"y_{units[0]}", f"x_{units[1]}", f"velocity_y_{units[0]}_{per}"]
    names.append(f"velocity_x_{units[1]}_{per}")
    names += [] if source.in_degrees else [f"speed_{units[1]}_{per}"]
    _write_table(path, names, blocks(), integers=(0, 2, 3), overwrite=overwrite)
    return Path(path)


def write_tracks(
    source: Source,
    path: str | Path,
    *,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    spacing: int | None = None,
) -> Path:
    """Write tracks as a table, one row for each point: ``id, time, y, x`` and the same in units.

    Tracks that the source does not have are followed along the fields, from
    evenly spaced places in the first image to the last or until they leave it.

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
    spacing : int, optional
        Distance between the places in pixels where tracks start; by default 24
        along the longer side.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ExportError
        If there are neither tracks nor fields, or the file is there or cannot be written.
    Stopped
        If the user asked for it.
    """
    steps = Steps(1, on_progress, should_stop)
    tracks = source.tracks
    if tracks is None:
        _check_fields(source, "a table of tracks")
        steps.check()
        tracks = grid_tracks(source.velocity, *_grid(source, spacing))
        steps.check()
    values = np.asarray(tracks, dtype=np.float64)
    table = np.column_stack([values, values[:, 1] * source.duration, source.world(values[:, 2:])])
    time, units = _unit_names(source)
    names = ["id", "time", "y", "x", f"time_{time}", f"y_{units[0]}", f"x_{units[1]}"]
    _write_table(path, names, iter([table]), integers=(0,), overwrite=overwrite)
    steps.next()
    return Path(path)


def write_npz(
    source: Source,
    path: str | Path,
    *,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Path:
    """Write everything as NumPy arrays, without pickle.

    ``frames``; ``times`` (T,) as fractions; ``velocity`` (n, 2, Y, X), (dy, dx)
    in pixels per stage; ``field_times`` (n,), the middles of the stages as
    fractions; ``matrix`` 3x3 from pixels (y, x, 1) to the world; ``confidence``
    and ``tracks`` where they are; ``about``, JSON text with the interval, the
    units, the reference system and the settings.

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

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ExportError
        If the file is there or cannot be written.
    Stopped
        If the user asked for it.
    """
    steps = Steps(1, on_progress, should_stop)
    about = {
        "name": source.name,
        "interval": source.interval,
        "time_unit": source.time_unit,
        "length_units": source.length_units,
        "velocity_unit": "pixel per stage",
        "geo": source.geo.to_report() if source.geo else None,
        "settings": source.settings.model_dump(mode="json") if source.settings else None,
        "version": source.report.get("version"),
    }
    arrays: dict[str, Any] = {
        "frames": source.frames,
        "times": source.times,
        "velocity": source.velocity,
        "field_times": (np.arange(source.stages) + 0.5) / max(source.stages, 1),
        "matrix": source.matrix,
        "about": np.array(json.dumps(plain_json(about))),
    }
    for name in ("confidence", "tracks"):
        if getattr(source, name) is not None:
            arrays[name] = getattr(source, name)
    with (
        new_file(path, overwrite=overwrite, what="the arrays") as temporary,
        temporary.open("wb") as file,
    ):
        np.savez_compressed(file, allow_pickle=False, **arrays)
        steps.next()
    return Path(path)


def _check_fields(source: Source, what: str) -> None:
    if not source.stages:
        raise ExportError(f"{what} needs fields, which this result lacks; export a run folder.")


def _grid(source: Source, spacing: int | None) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    if spacing is not None and spacing < 1:
        raise ExportError(f"spacing must be at least 1 pixel; got {spacing}.")
    step = spacing or max(1, -(-max(source.shape) // _ACROSS))
    while spacing is None and source.stages * np.prod(source.shape) / step**2 > MAX_ARROWS:
        step += 1
    return evenly_spaced(source.shape[0], step), evenly_spaced(source.shape[1], step)


def _unit_names(source: Source) -> tuple[str, tuple[str, str]]:
    units = source.length_units
    return in_names(source.time_unit or "interval"), (in_names(units[0]), in_names(units[1]))


def _write_table(
    path: str | Path,
    names: list[str],
    blocks: Iterator[NDArray[np.float64]],
    *,
    integers: tuple[int, ...],
    overwrite: bool,
) -> None:
    with (
        new_file(path, overwrite=overwrite, what="the table") as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        for block in blocks:
            writer.writerows(
                [int(v) if column in integers else f"{v:.9g}" for column, v in enumerate(row)]
                for row in block
            )
