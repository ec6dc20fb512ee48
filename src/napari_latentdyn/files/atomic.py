"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_latentdyn.files.paths import named, why

__all__ = ["FilesIn", "replace_file", "replace_folder", "write_text"]

#: Bytes of a name in its hidden name, which a user may have to find after a crash.
_LONGEST_BEGINNING = 80
#: The same of the suffix, from which libraries infer the format.
_LONGEST_END = 24


class FilesIn:
    """Names the files of a folder that is being written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Return the path to write the file `name` to."""
        return self.folder / name

    def sizes(self) -> dict[str, int]:
        """Return the length in bytes of every file written so far, by name."""
        return {
            entry.name: entry.stat().st_size
            for entry in sorted(self.folder.iterdir())
            if entry.is_file()
        }


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8 with the same line ends on every system."""
    path.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def replace_folder(
    target: Path, known: Collection[str], error: Callable[[str], Exception], what: str
) -> Iterator[FilesIn]:
    """Fill a hidden folder beside `target`, which replaces it when it is complete.

    Entries named in `known` go with the old folder; all others are kept. If writing fails, the old
    folder stays, and `error` makes the error for the user from a sentence about `what`.
    """
    target = Path(os.path.realpath(target))
    hidden = _hidden(target)
    new, old = Path(f"{hidden}.new"), Path(f"{hidden}.old")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        new.mkdir()
        yield FilesIn(new)
        if target.is_dir():
            _copy_unknown(target, new, known)
        for entry in new.iterdir():
            _to_disk(entry)
        if target.is_dir():
            target.rename(old)
        try:
            new.rename(target)
        except OSError:
            if old.is_dir():
                old.rename(target)
            raise
        _to_disk(target.parent)
    except OSError as reason:
        raise error(_sentence(what, target, reason)) from None
    finally:
        shutil.rmtree(new, ignore_errors=True)
        # Only after a swap: a failed one puts the old folder back first.
        if target.is_dir():
            shutil.rmtree(old, ignore_errors=True)


@contextmanager
def replace_file(target: Path, error: Callable[[str], Exception], what: str) -> Iterator[Path]:
    """Write a hidden file beside `target`, which replaces it when it is complete.

    If writing fails, the old file stays, and `error` makes the error from a sentence about `what`.
    """
    target = Path(os.path.realpath(target))
    end = "".join(target.suffixes[-2:])
    end = end if len(end) <= _LONGEST_END else target.suffix
    new = Path(f"{_hidden(target)}{end if len(end) <= _LONGEST_END else ''}")
    try:
        yield new
        _to_disk(new)
        new.replace(target)
    except OSError as reason:
        raise error(_sentence(what, target, reason)) from None
    finally:
        with suppress(OSError):
            new.unlink(missing_ok=True)


def _hidden(target: Path) -> Path:
    """Return a hidden path beside the target, whose name begins as that of the target does.

    With a suffix it is never too long where the target is not.
    """
    name = target.name
    while len(os.fsencode(name)) > _LONGEST_BEGINNING:
        name = name[:-1]
    return target.parent / f".{name}.{uuid.uuid4().hex[:8]}"


def _copy_unknown(source: Path, destination: Path, known: Collection[str]) -> None:
    for entry in source.iterdir():
        if entry.name in known:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.copytree(entry, destination / entry.name, symlinks=True)
        else:
            shutil.copy2(entry, destination / entry.name, follow_symlinks=False)


def _to_disk(path: Path) -> None:
    # Some file systems cannot flush a folder or a file opened for reading.
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _sentence(what: str, target: Path, reason: OSError) -> str:
    if reason.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return (
            f"cannot write {what} {named(target)}: the disk is full; free some space and save "
            "again."
        )
    if reason.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return (
            f"cannot write {what} {named(target)}: no permission to write there; choose another "
            "place."
        )
    return f"cannot write {what} {named(target)}: {why(reason)}; choose another place."
