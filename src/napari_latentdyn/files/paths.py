"""Names of files and folders that users give, checked before the work begins.

The system refuses names in many ways, some of them only after hours of work or by waiting for
ever. Code that reads or writes at a place that a user names calls `input_file` or `input_folder`
before reading, and `output_path` and `check_writable` before the work whose result is written.
Each takes `error`, which makes the error for the user from a sentence.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from napari_latentdyn.errors import readable

__all__ = [
    "absolute",
    "check_writable",
    "exists",
    "input_file",
    "input_folder",
    "named",
    "output_path",
    "why",
]

MakeError = Callable[[str], Exception]

_LONGEST = 200
_TOO_LONG = "the name is too long"
#: As long as the names of files and folders within a result.
_INNER = "x" * 48


def named(path: str | Path) -> str:
    """Return a name for a message: in one line, and cut in the middle where it is long."""
    return readable(str(path), _LONGEST)


def why(error: OSError | ValueError | RuntimeError) -> str:
    """Return the reason in some words why the system refuses a name."""
    number = getattr(error, "errno", None)
    if number == errno.ENAMETOOLONG or getattr(error, "winerror", None) == 206:
        return _TOO_LONG
    if number == errno.ELOOP or isinstance(error, RuntimeError):
        return "symbolic links form a loop"
    if number in (errno.EACCES, errno.EPERM):
        return "no permission"
    if isinstance(error, UnicodeError):
        return "the name has characters that no file name can have"
    return str(getattr(error, "strerror", None) or error).rstrip(".") or type(error).__name__


def absolute(path: str | Path, error: MakeError) -> Path:
    """Return the absolute path of a name that the user gave, whether or not it exists."""
    text = os.fspath(path)
    if not text:
        raise error("the name of a file or folder is empty; give a name.")
    if "\0" in text:
        raise error(f"{named(text)} has a NUL byte, which no file name can have; correct the name.")
    try:
        os.fsencode(text)
        # Symbolic links are kept: they may change before the path is used.
        return Path(text).expanduser().absolute()
    except UnicodeError as reason:
        raise error(f"{named(text)} cannot be used: {why(reason)}; correct the name.") from None
    except RuntimeError:
        raise error(f"the home folder of {named(text)} is unknown; give the whole path.") from None
    except OSError as reason:
        # The working directory was deleted.
        raise error(f"{named(text)} cannot be found: {why(reason)}.") from None


def exists(path: str | Path) -> bool:
    """Return whether something can be seen at a place, for any name."""
    try:
        os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return False
    return True


def input_file(path: str | Path, error: MakeError, *, folder: bool = False) -> Path:
    """Return the path, as given, of a file that can be opened and read to its end.

    Pipes and devices, which may never end, are refused; `folder` allows a folder, for formats that
    are folders.
    """
    given = _given(path, error)
    mode = _mode(given, error)
    if mode is None:
        raise error(f"there is no file {named(given)}.")
    if stat.S_ISDIR(mode):
        if not folder:
            raise error(f"{named(given)} is a folder; give a file.")
        return _listable(given, error)
    if not stat.S_ISREG(mode):
        raise error(f"{named(given)} is {_kind(mode)}; save its output to a file first.")
    try:
        with given.open("rb"):
            return given
    except OSError as reason:
        raise error(f"cannot read {named(given)}: {why(reason)}.") from None


def input_folder(path: str | Path, error: MakeError, *, what: str = "a folder") -> Path:
    """Return the path of a folder that can be listed; `what` names it in the sentence."""
    given = _given(path, error)
    mode = _mode(given, error)
    if mode is None or not stat.S_ISDIR(mode):
        raise error(f"there is no folder {named(given)}; give {what}.")
    return _listable(given, error)


def output_path(path: str | Path, error: MakeError) -> Path:
    """Return the absolute path of a file or folder to write, whether or not it exists.

    Pipes and devices are refused.
    """
    target = absolute(path, error)
    mode = _mode(target, error)
    if mode is not None and not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        raise error(
            f"{named(target)} is {_kind(mode)}, which is not replaced; choose another name."
        )
    return target


def check_writable(target: Path, error: MakeError, *, folder: bool) -> None:
    """Write a trial file or folder at the absolute path `target`, and remove it.

    Asking for permission is not enough: network drives grant it and refuse to write, and every
    system has lengths and names that it refuses.
    """
    # In some versions of Python, `resolve` raises an error for circular links.
    place = Path(os.path.realpath(target))
    above = next((parent for parent in place.parents if exists(parent)), place.parent)
    trial: Path | None = None
    try:
        # A hidden folder keeps the trial invisible.
        trial = Path(tempfile.mkdtemp(prefix=".latentdyn.", dir=above))
        inside = trial / place.relative_to(above)
        inside.parent.mkdir(parents=True, exist_ok=True)
        if folder:
            inside.mkdir()
            inside /= _INNER
        inside.touch()
    except OSError as reason:
        if why(reason) == _TOO_LONG:
            raise error(f"the name {named(target)} is too long; choose a shorter one.") from None
        raise error(
            f"the folder {named(above)} cannot be written ({why(reason)}); choose another place."
        ) from None
    finally:
        if trial is not None:
            shutil.rmtree(trial, ignore_errors=True)


def _given(path: str | Path, error: MakeError) -> Path:
    absolute(path, error)
    return Path(path).expanduser()


def _mode(path: Path, error: MakeError) -> int | None:
    """Return the file mode at a place, or None where nothing is."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as reason:
        if why(reason) == _TOO_LONG:
            raise error(f"the name {named(path)} is too long; choose a shorter one.") from None
        raise error(
            f"{named(path)} cannot be used: {why(reason)}; choose another place or name."
        ) from None


def _listable(folder: Path, error: MakeError) -> Path:
    try:
        with os.scandir(folder):
            return folder
    except OSError as reason:
        raise error(f"cannot read the folder {named(folder)}: {why(reason)}.") from None


def _kind(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "a pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"
