"""Targets of an export: written whole or not at all, never replaced without permission."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_latentdyn.errors import ExportError, ExportWriteError
from napari_latentdyn.files.atomic import replace_file, replace_folder
from napari_latentdyn.files.paths import exists, input_folder, named, output_path, why

__all__ = ["as_os_error", "check_free", "new_target"]


def check_free(
    path: str | Path,
    *,
    overwrite: bool,
    is_ours: Callable[[Path], bool] | None = None,
    error: Callable[[str], Exception] = ExportError,
) -> Path:
    """Return the absolute path to write, or raise an error if it is in use.

    For a folder, `is_ours` says whether a folder has this format; other folders are never replaced.
    """
    target = output_path(path, error)
    folder = is_ours is not None
    if not target.exists():
        return target
    if target.is_dir() != folder:
        kind, wanted = ("folder", "file") if target.is_dir() else ("file", "folder")
        raise error(f"{named(target)} is a {kind}; choose another name for the {wanted}.")
    if folder and not any(input_folder(target, error).iterdir()):
        return target
    if is_ours is not None and not is_ours(target):
        raise error(
            f"the folder {named(target)} holds other files and is not changed; choose another name."
        )
    if not overwrite:
        raise error(
            f"{named(target)} already exists; choose another name or allow overwriting "
            "(--overwrite, in Python overwrite=True)."
        )
    return target


@contextmanager
def new_target(
    path: str | Path,
    *,
    overwrite: bool,
    what: str,
    is_ours: Callable[[Path], bool] | None = None,
) -> Iterator[Path]:
    """Yield a hidden path, which replaces `path` when it is written.

    `what` names the contents in the sentence about a failure.
    """
    target = check_free(path, overwrite=overwrite, is_ours=is_ours)
    missing = [parent for parent in target.parents if not exists(parent)]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportWriteError(
            f"cannot write the folder {named(target.parent)}: {why(error)}; choose another place."
        ) from None
    try:
        if is_ours is None:
            with replace_file(target, ExportWriteError, what) as file:
                yield file
        else:
            old = {entry.name for entry in target.iterdir()} if target.is_dir() else set()
            with replace_folder(target, old, ExportWriteError, what) as files:
                yield files.folder
    except BaseException:
        for parent in missing:
            with suppress(OSError):
                parent.rmdir()
        raise


@contextmanager
def as_os_error(path: Path, *errors: type[Exception]) -> Iterator[None]:
    """Raise an OSError for an error that a library raises when it cannot write `path`."""
    try:
        yield
    except errors as error:
        full = shutil.disk_usage(path.parent).free < 1 << 20
        text = " ".join(str(error).split()).rstrip(".")[:300] or type(error).__name__
        raise OSError(errno.ENOSPC if full else errno.EIO, text) from None
