"""JSON text from files that may be hostile, and values in messages."""

from __future__ import annotations

import reprlib
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from napari_latentdyn.errors import readable
from napari_latentdyn.files.paths import exists

__all__ = ["read_json", "shorten", "shown"]

#: Largest file of text that is read, in bytes: no report or settings come near it.
_LARGEST = 64 * 2**20
_LONGEST = 80


def read_json(path: Path) -> Any:
    """Read a JSON file of at most 64 MiB; raise OSError or ValueError if that fails.

    A pipe or a device, which may have no end, is refused.
    """
    if exists(path) and not path.is_file() and not path.is_dir():
        raise ValueError("it is a pipe or a device")
    with path.open("rb") as file:
        text = file.read(_LARGEST + 1)
    if len(text) > _LARGEST:
        raise ValueError("the file is larger than 64 MiB")
    # Unlike `json.loads`, deep nesting, long integers and lone surrogates are ValueErrors, too.
    return from_json(text)


def shorten(text: str, longest: int = _LONGEST) -> str:
    """Return text in one line of at most `longest` characters that can be printed."""
    return readable(text, longest)


def shown(value: Any) -> str:
    """Return a value for a message, in one line of at most 80 characters."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = _LONGEST
    short.maxlevel = 3
    try:
        return shorten(short.repr(value))
    except ValueError:
        # Python refuses to write integers of more than 4300 digits.
        return "a number of thousands of digits"
