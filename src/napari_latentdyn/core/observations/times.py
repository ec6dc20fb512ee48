"""Times of the images of a series: from a list, from file names, or from a table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.units import SECONDS
from napari_latentdyn.errors import ObservationError
from napari_latentdyn.files.paths import input_file, named
from napari_latentdyn.files.tables import table_rows
from napari_latentdyn.settings.text import shown

__all__ = [
    "ImageTimes",
    "date_of",
    "in_readable_unit",
    "times_from_names",
    "times_from_table",
    "times_from_text",
]

#: Digits of the fields of a date in a file name.
_FIELDS = {
    "Y": r"\d{4}",
    "y": r"\d{2}",
    "m": r"\d{2}",
    "d": r"\d{2}",
    "j": r"\d{3}",
    "H": r"\d{2}",
    "M": r"\d{2}",
    "S": r"\d{2}",
    "f": r"\d{1,6}",
    "b": r"[A-Za-z]{3}",
}


@dataclass(frozen=True, eq=False)
class ImageTimes:
    """Times of images since the first one, (K,).

    `unit` and `start`, the date and time at which they are 0, are None if they are unknown.
    """

    values: NDArray[np.float64]
    unit: str | None = None
    start: datetime | None = None

    def in_order(self, order: NDArray[np.intp]) -> ImageTimes:
        """Return the times in another order, since the first one in it."""
        first, start = float(self.values[order[0]]), self.start
        if start is not None and self.unit in SECONDS:
            start += timedelta(seconds=first * SECONDS[self.unit])
        return ImageTimes(self.values[order] - first, self.unit, start)


def times_from_text(text: str) -> ImageTimes:
    """Read times from a list such as ``0,10,25``, numbers or dates.

    Raises
    ------
    ObservationError
        If an entry is neither a number nor a date.
    """
    return _times([part.strip() for part in text.split(",")], "the times of the images")


def times_from_names(names: Sequence[str], pattern: str) -> ImageTimes:
    """Read times from file names by a pattern of dates such as ``%Y%m%d_%H%M``.

    Raises
    ------
    ObservationError
        If the pattern has no field of a date, or a name does not contain it.
    """
    fields = re.findall(r"%(.)", pattern)
    unknown = [field for field in fields if field not in _FIELDS]
    if not fields or unknown:
        known = " ".join(f"%{field}" for field in _FIELDS)
        raise ObservationError(
            f"a pattern of dates must be made of {known}, such as %Y%m%d_%H%M; got "
            f"{shown(pattern)}."
        )
    text = re.sub(
        r"%(.)|([^%]+)",
        lambda m: _FIELDS[m[1]] if m[1] else re.escape(m[2]),
        pattern,
    )
    found = []
    for name in names:
        match = re.search(text, name)
        try:
            if match is None:
                raise ValueError
            found.append(datetime.strptime(match[0], pattern).replace(tzinfo=UTC))
        except ValueError:
            raise ObservationError(
                f"the name {name} has no date of the pattern {shown(pattern)}."
            ) from None
    return _since_first(found)


def times_from_table(names: Sequence[str], path: str) -> ImageTimes:
    """Read times from a table (CSV): the name of a file and its time, number or date, in a row.

    A first row without a time is a heading. Rows of other files are ignored.

    Raises
    ------
    ObservationError
        If the table cannot be read, or lacks an image.
    """
    file = input_file(path, ObservationError)
    rows = [row for row in table_rows(file, ObservationError) if len(row) > 1]
    known = {Path(row[0]).name: row[1] for row in rows}
    missing = [name for name in names if name not in known]
    if missing:
        raise ObservationError(
            f"{named(file)} has no time of {missing[0]}; each row must be the name of a file and "
            "its time."
        )
    return _times([known[name] for name in names], named(file))


def _times(entries: Sequence[str], where: str) -> ImageTimes:
    numbers, dates = [], []
    for entry in entries:
        number, date = _number(entry), date_of(entry)
        # Digits such as 20240301 are both.
        if number is None and date is None:
            raise ObservationError(
                f"{where} must be numbers, or dates such as 2024-03-01T12:00, between commas; got "
                f"{shown(entry)}."
            )
        numbers += [] if number is None else [number]
        dates += [] if date is None else [date]
    if len(numbers) == len(entries):
        return ImageTimes(np.array(numbers))
    if len(dates) < len(entries):
        raise ObservationError(f"{where} must be all numbers or all dates; got both.")
    return _since_first(dates)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def date_of(text: str) -> datetime | None:
    """Return the date and time of a text such as ``2024-03-01T12:00``, UTC unless it says more."""
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _since_first(dates: Sequence[datetime]) -> ImageTimes:
    return in_readable_unit([(date - dates[0]).total_seconds() for date in dates], dates[0])


def in_readable_unit(
    seconds: Sequence[float] | NDArray[np.float64], start: datetime | None = None
) -> ImageTimes:
    """Return times in the largest unit that is not longer than their steps."""
    values = np.asarray(seconds, np.float64)
    steps = np.abs(np.diff(values))
    typical = float(np.median(steps)) if len(steps) else 0.0
    unit = next((name for name, length in SECONDS.items() if typical >= length), "second")
    return ImageTimes(values / SECONDS[unit], unit, start)
