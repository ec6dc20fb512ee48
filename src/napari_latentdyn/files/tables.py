"""Rows of tables (CSV) that users give."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

from napari_latentdyn.files.paths import named, why

__all__ = ["table_rows"]


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
