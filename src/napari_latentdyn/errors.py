"""Errors whose message is one sentence for the user: the problem and its remedy."""

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
    "OutsideError",
    "ProcessError",
    "ResumeError",
    "RunFolderError",
    "SettingsError",
    "Stopped",
    "UserError",
    "is_out_of_memory",
    "no_memory",
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
    """Shorten long quotations in a message, so that the rest of the message stays visible."""
    text = _QUOTED.sub(lambda found: f"'{_cut(found[1], 80)}'", text)
    return _WORD.sub(lambda found: _cut(found[0], 240), text)


class Stopped(Exception):
    """The caller stopped the computation; there is no result."""


class UserError(Exception):
    """Base of all errors that the user can correct; shown without a traceback.

    It does not derive from `RuntimeError`, which workers of napari suppress. Quoted input of the
    user is made readable, and long quotations are shortened.
    """

    def __str__(self) -> str:
        return readable(_quoting_little(super().__str__()))


class SettingsError(UserError, ValueError):
    """A setting has a name or a value that cannot be used."""


class ObservationError(UserError, ValueError):
    """Images cannot be used as observations of one scene."""


class OutsideError(ObservationError):
    """Tracks do not meet the images in place and time; `count` is their number."""

    def __init__(self, message: str, count: int) -> None:
        super().__init__(message)
        self.count = count


class ImageFileError(UserError, ValueError):
    """A file cannot be read as one image."""


class GeometryError(UserError, ValueError):
    """Pixel size, place, units or interval cannot be used."""


class DerivedError(UserError, ValueError):
    """A quantity cannot be derived from these fields or frames."""


class MissingLibraryError(UserError, ImportError):
    """A library is missing that only some of the functions need."""


class FitError(UserError):
    """The training failed."""


class DeviceError(FitError):
    """The device that was chosen cannot be used on this computer."""


class ResumeError(FitError):
    """A training cannot continue, because its settings or images have changed."""


class ProcessError(FitError):
    """The training failed in one of several processes."""


class OutOfMemoryError(FitError):
    """The training does not fit into the memory of the device."""


#: Messages of PyTorch on a GPU, and on the CPU with Linux and Windows.
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "alloc_cpu")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory is exhausted, on a GPU or on the CPU."""
    # PyTorch is not imported for its own class, which derives from RuntimeError.
    said = str(error).lower() if isinstance(error, RuntimeError) else ""
    return isinstance(error, MemoryError) or any(words in said for words in _NO_MEMORY)


def no_memory(
    device: str = "cpu",
    task: str = "for this training",
    remedy: str = "choose a smaller patch size, batch size or U-net width",
) -> OutOfMemoryError:
    """Return the error for a device whose memory is exhausted, with one sentence for the user."""
    other = "" if device == "cpu" else ", or the device cpu"
    return OutOfMemoryError(f"the memory is too small {task}: {remedy}{other}.")


class RunFolderError(UserError):
    """A run folder, or a file of one, cannot be written or read."""


class ExportError(UserError):
    """A result cannot be exported with the chosen options."""


class ExportWriteError(ExportError):
    """An export cannot be written, although its options are valid."""
