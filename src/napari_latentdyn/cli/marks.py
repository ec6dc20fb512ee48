"""Tables (CSV) of points, shapes and tracks: as napari saves them, and with columns y and x."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.cli.errors import UsageError
from napari_latentdyn.files.paths import input_file, named
from napari_latentdyn.files.tables import table_rows
from napari_latentdyn.settings.text import shown

__all__ = ["Kind", "Marks", "read_marks", "write_rows"]

Kind = Literal["points", "shapes", "tracks"]
Floats = NDArray[np.float64]

_TRACK = ("id", "track", "track_id", "track-id", "trackid")
_TIME = ("t", "time")
#: Index of an image instead of its time.
_FRAME = "frame"


@dataclass(frozen=True)
class Marks:
    """Points, vertices of shapes, or detections of tracks.

    Attributes
    ----------
    kind : {"points", "shapes", "tracks"}
        Meaning of the rows.
    places : ndarray of float64, shape (N, 2)
        (y, x) in pixels.
    times : ndarray of float64, shape (N,), or None
        Time of each row in the unit of the run; None if the table has no times.
    groups : ndarray of float64, shape (N,)
        Number of the shape or of the track of each row; that of the row for points.
    types : sequence of str
        Type of the shape of each row; empty for points and tracks.
    """

    kind: Kind
    places: Floats
    times: Floats | None
    groups: Floats
    types: Sequence[str] = ()


def read_marks(source: str, kind: str | None, known: Floats) -> Marks:
    """Read a table; its columns tell points, shapes and tracks apart unless `kind` is given.

    `known` are the times of the images, of which a column ``frame`` has the indices.

    Raises
    ------
    UsageError
        If the table cannot be read, or lacks a column.
    """
    path = input_file(source, UsageError)
    columns = _columns(path)
    if not columns or not next(iter(columns.values())):
        raise UsageError(f"{named(path)} must have a heading and a row for each place; got none.")
    axes = sorted(name for name in columns if name.startswith("axis-"))
    if len(axes) > 3:
        raise UsageError(
            f"{named(path)} must have the columns axis-0 and axis-1, after a time at most; got "
            f"{len(axes)} axes."
        )
    row, column = axes[-2:] if len(axes) > 1 else ("y", "x")
    for name in (row, column):
        if name not in columns:
            raise UsageError(
                f"{named(path)} must have the columns y and x, or axis-0 and axis-1 as napari "
                f"writes them; got {shown(list(columns))}."
            )
    times = None
    time = next((name for name in _TIME if name in columns), None)
    # napari saves places in data coordinates, in which the first axis counts the images.
    frame = axes[0] if len(axes) == 3 else _FRAME
    if time is not None:
        times = _numbers(path, columns, time)
    elif frame in columns:
        index = _numbers(path, columns, frame)
        wrong = (index != np.rint(index)) | (index < 0) | (index >= len(known))
        if wrong.any():
            raise UsageError(
                f"{frame} in {named(path)} must be the index of an image, 0 to {len(known) - 1}; "
                f"got {index[wrong][0]:g}: give times in a column time."
            )
        times = known[index.astype(np.intp)]
    track = next((name for name in _TRACK if name in columns), None)
    shapes = {"index", "shape-type"} <= set(columns)
    found = kind or ("shapes" if shapes else "tracks" if track and times is not None else "points")
    places = np.column_stack([_numbers(path, columns, name) for name in (row, column)])
    if found == "points":
        return Marks("points", places, times, np.arange(len(places), dtype=np.float64))
    if found == "shapes":
        if not shapes:
            raise UsageError(f"{named(path)} must have the columns index and shape-type of shapes.")
        return Marks(
            "shapes", places, times, _numbers(path, columns, "index"), columns["shape-type"]
        )
    if track is None or times is None:
        raise UsageError(
            f"{named(path)} must have the columns ID, t, y and x of tracks; got "
            f"{shown(list(columns))}."
        )
    return Marks("tracks", places, times, _numbers(path, columns, track))


def write_rows(path: Path, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table with a heading; real numbers have nine digits."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        for row in rows:
            writer.writerow([f"{v:.9g}" if isinstance(v, float) else v for v in row])


def _columns(path: Path) -> dict[str, list[str]]:
    """Return the texts of each column by its name in lower case."""
    rows = table_rows(path, UsageError)
    if not rows:
        return {}
    width = len(rows[0])
    for number, row in enumerate(rows, 1):
        if len(row) != width:
            raise UsageError(
                f"row {number} of {named(path)} must have {width} cells as its heading; got "
                f"{len(row)}."
            )
    names = [name.lower() for name in rows[0]]
    if len(set(names)) < width:
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"{named(path)} must have each column once; got '{twice}' twice.")
    cells = zip(*rows[1:], strict=True) if len(rows) > 1 else ([] for _ in names)
    return {name: list(column) for name, column in zip(names, cells, strict=True)}


def _numbers(path: Path, columns: Mapping[str, Sequence[str]], name: str) -> Floats:
    values = np.empty(len(columns[name]))
    for row, text in enumerate(columns[name]):
        try:
            values[row] = float(text)
        except ValueError:
            values[row] = np.nan
        if not np.isfinite(values[row]):
            raise UsageError(
                f"{name} in row {row + 2} of {named(path)} must be a number; got {shown(text)}."
            )
    return values
