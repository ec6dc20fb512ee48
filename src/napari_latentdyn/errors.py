"""Errors whose message is one sentence for the user: what is wrong, and how to mend it."""

from __future__ import annotations

import re
import unicodedata

__all__ = [
    "DerivedError",
    "DeviceError",
    "ExportError",
    "ExportWriteError",
    "FitError",
    "GeometryError",
    "ImageFileError",
    "MissingLibraryError",
    "ObservationError",
    "OutOfMemoryError",
    "ResumeError",
    "RunFolderError",
    "SettingsError",
    "Stopped",
    "UserError",
    "readable",
]

_LONGEST = 800
#: What a message quotes of the input of the user, and words without a blank, such as paths.
_QUOTED = re.compile(r"(?:^|(?<=[\s(]))'([^']{81,})'(?=[\s.,;:?)]|$)")
_WORD = re.compile(r"\S{241,}")
#: Characters that end a line, steer a terminal or cannot be encoded.
_UNREADABLE = {"Cc", "Cs", "Zl", "Zp"}
#: Characters that turn the direction of all that follows.
_TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def readable(text: str, longest: int = _LONGEST) -> str:
    """Return text in one line that can be printed, cut in the middle where it is too long.

    Parameters
    ----------
    text : str
        Any text, such as names from files and from the command line.
    longest : int
        Number of characters to keep at most.
    """
    text = _cut(text, longest)
    line = " ".join(text.split()) if any(letter in "\n\r\t\v\f" for letter in text) else text
    return "".join(
        "?" if unicodedata.category(letter) in _UNREADABLE or letter in _TURNING else letter
        for letter in line
    )


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    return f"{text[: longest * 2 // 3]}…{text[len(text) - longest // 4 :]}"


def _quoting_little(text: str) -> str:
    """Cut what a message quotes, so that what it says of it can be seen."""
    text = _QUOTED.sub(lambda found: f"'{_cut(found[1], 80)}'", text)
    return _WORD.sub(lambda found: _cut(found[0], 240), text)


class Stopped(Exception):
    """The caller asked to stop; nothing is returned."""


class UserError(Exception):
    """Base of all errors that a user can mend; shown as it is, without a traceback.

    It does not derive from `RuntimeError`: workers of napari swallow those. What it
    repeats of the input of the user is made readable, and cut where it is long.
    """

    def __str__(self) -> str:
        return readable(_quoting_little(super().__str__()))


class SettingsError(UserError, ValueError):
    """A setting has a name or a value that cannot be used."""


class ObservationError(UserError, ValueError):
    """Images cannot be used as observations of one scene."""


class ImageFileError(UserError, ValueError):
    """A file cannot be read as one image."""


class GeometryError(UserError, ValueError):
    """Pixel size, place, units or interval cannot be used."""


class DerivedError(UserError, ValueError):
    """What is asked of fields or frames does not fit them."""


class MissingLibraryError(UserError, ImportError):
    """A library is missing that only some of the functions need."""


class FitError(UserError):
    """The training failed."""


class DeviceError(FitError):
    """The device that was chosen cannot be used on this computer."""


class ResumeError(FitError):
    """A training cannot go on, because its settings or images differ from those it began with."""


class OutOfMemoryError(FitError):
    """The training does not fit into the memory of the device."""


class RunFolderError(UserError):
    """A run folder, or a file of one, cannot be written or read."""


class ExportError(UserError):
    """A result cannot be exported in the way that was asked for."""


class ExportWriteError(ExportError):
    """An export cannot be written, although what was asked for is right."""
