"""Tables (CSV) of points, shapes and tracks: as napari saves them, and with named columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.errors import ObservationError
from napari_latentdyn.files.paths import input_file, named
from napari_latentdyn.files.tables import table_rows
from napari_latentdyn.settings.text import shown

__all__ = ["Kind", "Marks", "Table", "read_marks"]

Kind = Literal["points", "shapes", "tracks"]
Floats = NDArray[np.float64]

_TRACK = ("id", "track", "track_id", "track-id", "trackid", "particle")
_TIME = ("t", "time", "date", "datetime", "timestamp")
#: Index of an image instead of its time.
_FRAME = "frame"


@dataclass(frozen=True)
class Table:
    """Columns of texts by their names in lower case.

    All errors are one sentence with the name of the file.
    """

    path: Path
    columns: dict[str, list[str]]

    @classmethod
    def read(cls, source: str) -> Table:
        """Read a table with a heading and at least one row.

        Raises
        ------
        ObservationError
            If the file is not such a table.
        """
        path = input_file(source, ObservationError)
        columns = _columns(path)
        if not columns or not next(iter(columns.values())):
            raise ObservationError(
                f"{named(path)} must have a heading and a row for each place; got none."
            )
        table = cls(path, columns)
        if len(table.axes) > 3:
            raise ObservationError(
                f"{named(path)} must have the columns axis-0 and axis-1, after a time at most; got "
                f"{len(table.axes)} axes."
            )
        return table

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self.columns.values())))

    @property
    def axes(self) -> list[str]:
        """Columns of axes as napari names them."""
        return sorted(name for name in self.columns if name.startswith("axis-"))

    @property
    def frame(self) -> str | None:
        """Column that has the index of an image."""
        # napari saves places in data coordinates, in which the first axis counts the images.
        name = self.axes[0] if len(self.axes) == 3 else _FRAME
        return name if name in self.columns else None

    @property
    def time(self) -> str | None:
        """Column of times."""
        return self.first_of(_TIME)

    @property
    def track(self) -> str | None:
        """Column of the names of tracks."""
        return self.first_of(_TRACK)

    @property
    def is_shapes(self) -> bool:
        """Whether the table has shapes as napari saves them."""
        return {"index", "shape-type"} <= set(self.columns)

    def first_of(self, names: Sequence[str]) -> str | None:
        """Return the first of some names that is a column."""
        return next((name for name in names if name in self.columns), None)

    def numbers(self, name: str, *, blank: bool = False) -> Floats:
        """Return the numbers of a column; NaN for cells without text if they may be `blank`."""
        values = np.empty(len(self.columns[name]))
        for row, text in enumerate(self.columns[name]):
            if blank and not text:
                values[row] = np.nan
                continue
            try:
                values[row] = float(text)
            except ValueError:
                values[row] = np.nan
            if not np.isfinite(values[row]):
                raise ObservationError(
                    f"{name} in row {row + 2} of {named(self.path)} must be a number; got "
                    f"{shown(text)}."
                )
        return values

    def pixels(self) -> Floats:
        """Return places (y, x) in pixels, (N, 2)."""
        row, column = self.axes[-2:] if len(self.axes) > 1 else ("y", "x")
        for name in (row, column):
            if name not in self.columns:
                raise ObservationError(
                    f"{named(self.path)} must have the columns y and x, or axis-0 and axis-1 as "
                    f"napari writes them; got {shown(list(self.columns))}."
                )
        return np.column_stack([self.numbers(name) for name in (row, column)])

    def indices(self, name: str, count: int) -> NDArray[np.intp]:
        """Return a column of indices of `count` images."""
        index = self.numbers(name)
        wrong = (index != np.rint(index)) | (index < 0) | (index >= count)
        if wrong.any():
            raise ObservationError(
                f"{name} in {named(self.path)} must be the index of an image, 0 to {count - 1}; "
                f"got {index[wrong][0]:g}: give times in a column time."
            )
        return index.astype(np.intp)


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
    ObservationError
        If the table cannot be read, or lacks a column.
    """
    table = Table.read(source)
    path, times = table.path, None
    places = table.pixels()
    if table.time is not None:
        times = table.numbers(table.time)
    elif table.frame is not None:
        times = known[table.indices(table.frame, len(known))]
    found = kind or (
        "shapes"
        if table.is_shapes
        else "tracks"
        if table.track is not None and times is not None
        else "points"
    )
    if found == "points":
        return Marks("points", places, times, np.arange(len(places), dtype=np.float64))
    if found == "shapes":
        if not table.is_shapes:
            raise ObservationError(
                f"{named(path)} must have the columns index and shape-type of shapes."
            )
        types = table.columns["shape-type"]
        return Marks("shapes", places, times, table.numbers("index"), types)
    if table.track is None or times is None:
        raise ObservationError(
            f"{named(path)} must have the columns ID, t, y and x of tracks; got "
            f"{shown(list(table.columns))}."
        )
    return Marks("tracks", places, times, table.numbers(table.track))


def _columns(path: Path) -> dict[str, list[str]]:
    """Return the texts of each column by its name in lower case."""
    rows = table_rows(path, ObservationError)
    if not rows:
        return {}
    width = len(rows[0])
    for number, row in enumerate(rows, 1):
        if len(row) != width:
            raise ObservationError(
                f"row {number} of {named(path)} must have {width} cells as its heading; got "
                f"{len(row)}."
            )
    names = [name.lower() for name in rows[0]]
    if len(set(names)) < width:
        twice = next(name for name in names if names.count(name) > 1)
        raise ObservationError(f"{named(path)} must have each column once; got '{twice}' twice.")
    cells = zip(*rows[1:], strict=True) if len(rows) > 1 else ([] for _ in names)
    return {name: list(column) for name, column in zip(names, cells, strict=True)}
