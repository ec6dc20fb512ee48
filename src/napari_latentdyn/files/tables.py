"""Rows of tables (CSV)."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from napari_latentdyn.files.paths import named, why

__all__ = ["table_rows", "write_rows"]


def table_rows(path: Path, error: Callable[[str], Exception]) -> list[list[str]]:
    """Return the rows that are not empty, with cells without blanks around them.

    Tables of some languages have semicolons, because the comma is in the numbers. `error` makes the
    error of a file that is not such a table.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        mark = ";" if ";" in text.partition("\n")[0] else ","
        # Line by line, a cell in quotation marks may contain the end of a line.
        table = csv.reader(text.splitlines(keepends=True), delimiter=mark)
        return [[cell.strip() for cell in row] for row in table if row]
    except OSError as problem:
        raise error(f"cannot read {named(path)}: {why(problem)}.") from None
    except (csv.Error, UnicodeError):
        raise error(f"{named(path)} is not a table of commas in UTF-8.") from None


def write_rows(path: Path, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table with a heading; real numbers have nine digits."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        for row in rows:
            writer.writerow([f"{v:.9g}" if isinstance(v, float) else v for v in row])
