"""Files and folders of an export: refused where something is, and whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from napari_latentdyn.errors import ExportError, ExportWriteError, Stopped
from napari_latentdyn.files.atomic import replace_file, replace_folder
from napari_latentdyn.files.paths import exists, input_folder, named, output_path, why

__all__ = ["Steps", "check_free", "new_file", "new_folder", "require"]


def require(module: str, extra: str, what: str) -> Any:
    """Import a library that only one format needs.

    Raises
    ------
    ExportError
        If it is not installed, with the words that install it.
    """
    try:
        return import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        raise ExportError(
            f"{what} needs the library {package}, which is not installed; install it with "
            f'pip install "napari-latentdyn[{extra}]".'
        ) from None


class Steps:
    """Says how far an export is, and stops it when the user asks for that.

    Parameters
    ----------
    total : int
        Number of pieces of work.
    on_progress : callable, optional
        Called with the pieces done and all of them.
    should_stop : callable, optional
        True stops with `errors.Stopped`.
    """

    def __init__(
        self,
        total: int,
        on_progress: Callable[[int, int], None] | None,
        should_stop: Callable[[], bool] | None,
    ) -> None:
        self._total = total
        self._done = 0
        self._on_progress = on_progress
        self._should_stop = should_stop
        self.check()

    def check(self) -> None:
        """Raise `Stopped` if the user asked for it."""
        if self._should_stop is not None and self._should_stop():
            raise Stopped

    def next(self) -> None:
        """Say that another piece is done, and `check`."""
        self._done += 1
        if self._on_progress is not None:
            self._on_progress(min(self._done, self._total), self._total)
        self.check()


def check_free(
    path: str | Path,
    *,
    overwrite: bool,
    is_ours: Callable[[Path], bool] | None = None,
) -> Path:
    """Return the absolute path to write, if it is free or may be replaced.

    Parameters
    ----------
    path : str or Path
        File or folder to write.
    overwrite : bool
        Whether something of the same kind may be replaced.
    is_ours : callable, optional
        For a folder: says whether a folder that is there is of this kind. Any
        other one is left alone whatever the user allowed.

    Raises
    ------
    ExportError
        If it may not be written.
    """
    target = output_path(path, ExportError)
    folder = is_ours is not None
    if not target.exists():
        return target
    if target.is_dir() != folder:
        kind, wanted = ("folder", "file") if target.is_dir() else ("file", "folder")
        raise ExportError(f"{named(target)} is a {kind}; choose another name for the {wanted}.")
    if folder and not any(input_folder(target, ExportError).iterdir()):
        return target
    if is_ours is not None and not is_ours(target):
        raise ExportError(
            f"the folder {named(target)} holds other things and is left as it is; choose another "
            "name."
        )
    if not overwrite:
        raise ExportError(
            f"{named(target)} already exists; choose another name or allow overwriting."
        )
    return target


@contextmanager
def new_file(
    path: str | Path,
    *,
    overwrite: bool,
    what: str,
    also: Sequence[type[Exception]] = (),
) -> Iterator[Path]:
    """Give a hidden path to write to, which takes the place of `path` when it is complete.

    Parameters
    ----------
    path : str or Path
        File to write; folders above it are made.
    overwrite : bool
        Whether a file that is there may be replaced.
    what : str
        What is being written, for the sentence about a failure.
    also : sequence of type
        What the library raises where it cannot write, beside OSError.

    Raises
    ------
    ExportError
        If the file is there and may not be replaced, or cannot be written.
    """
    target = check_free(path, overwrite=overwrite)
    with _parents(target):
        try:
            with replace_file(target, ExportWriteError, what) as file:
                yield file
        except tuple(also) as error:
            raise ExportWriteError(_sentence(what, target, error)) from None


@contextmanager
def new_folder(
    path: str | Path,
    *,
    overwrite: bool,
    what: str,
    is_ours: Callable[[Path], bool],
) -> Iterator[Path]:
    """Give a hidden folder to fill, which takes the place of `path` when it is complete.

    `is_ours` says which folders may be replaced; the rest is as in `new_file`.
    """
    target = check_free(path, overwrite=overwrite, is_ours=is_ours)
    old = {entry.name for entry in target.iterdir()} if target.is_dir() else set()
    with _parents(target), replace_folder(target, old, ExportWriteError, what) as files:
        yield files.folder


@contextmanager
def _parents(target: Path) -> Iterator[None]:
    """Make the folders above a target, and take them away again if nothing came into them."""
    missing = [parent for parent in target.parents if not exists(parent)]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportWriteError(_sentence("the folder", target.parent, error)) from None
    try:
        yield
    except BaseException:
        for parent in missing:
            with suppress(OSError):
                parent.rmdir()
        raise


def _sentence(what: str, target: Path, error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        reason = why(error)
    else:
        reason = " ".join(str(error).split()).rstrip(".")[:300] or type(error).__name__
    disk = shutil.disk_usage(next(p for p in target.parents if exists(p)))
    # What is no disk has no room from the beginning.
    if disk.total and disk.free < 1 << 20:
        return (
            f"cannot write {what} {named(target)}: the disk is full; free some space and export "
            "again."
        )
    return f"cannot write {what} {named(target)}: {reason}; choose another place."
