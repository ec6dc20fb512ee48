"""JSON text from files that may be hostile, and values in messages."""

from __future__ import annotations

import reprlib
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from napari_latentdyn.errors import readable
from napari_latentdyn.files.paths import exists

__all__ = ["parse_json", "read_json", "shorten", "shown"]

#: Largest file of text that is read, in bytes: no report or settings come near it.
_LARGEST = 64 * 2**20
_LONGEST = 80


def parse_json(text: str | bytes) -> Any:
    """Turn JSON text into plain values.

    Unlike `json.loads`, text that is nested more than 200 levels deep, integers
    of more than 4300 digits and lone surrogates are errors of one kind.

    Raises
    ------
    ValueError
        If the text is not valid JSON.
    """
    return from_json(text)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is not valid JSON, larger than 64 MiB, or a pipe or a device, which
        may have no end.
    """
    if exists(path) and not path.is_file() and not path.is_dir():
        raise ValueError("it is a pipe or a device")
    with path.open("rb") as file:
        text = file.read(_LARGEST + 1)
    if len(text) > _LARGEST:
        raise ValueError("the file is larger than 64 MiB")
    return parse_json(text)


def shorten(text: str, longest: int = _LONGEST) -> str:
    """Return text in one line of at most `longest` characters that can be printed."""
    return readable(text, longest)


def shown(value: Any) -> str:
    """Return a value as a message tells it: in one line of at most 80 characters."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = _LONGEST
    short.maxlevel = 3
    try:
        return shorten(short.repr(value))
    except ValueError:
        # Python refuses to write integers of more than 4300 digits.
        return "a number of thousands of digits"
