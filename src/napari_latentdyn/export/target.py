"""Files and folders of an export: refused where something is, and whole or not at all."""

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
def new_target(
    path: str | Path,
    *,
    overwrite: bool,
    what: str,
    is_ours: Callable[[Path], bool] | None = None,
) -> Iterator[Path]:
    """Give a hidden path to write to, which takes the place of `path` when it is complete.

    Parameters
    ----------
    path : str or Path
        File or folder to write; folders above it are made.
    overwrite : bool
        Whether a file that is there may be replaced.
    what : str
        Name of the contents, for the sentence about a failure.
    is_ours : callable, optional
        For a folder, as in `check_free`.

    Raises
    ------
    ExportError
        If the path is in use and may not be replaced, or cannot be written.
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
    """Raise an OSError for what a library raises when it cannot write `path`."""
    try:
        yield
    except errors as error:
        full = shutil.disk_usage(path.parent).free < 1 << 20
        text = " ".join(str(error).split()).rstrip(".")[:300] or type(error).__name__
        raise OSError(errno.ENOSPC if full else errno.EIO, text) from None
