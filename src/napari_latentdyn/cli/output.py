"""Checks of the place where results go, made before any time is spent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.files.paths import check_writable, input_folder, named, output_path

__all__ = ["check_target", "run_folder"]


def run_folder(name: str) -> Path:
    """Return the absolute path of a folder that is to be read.

    Raises
    ------
    RunFolderError
        If there is no such folder, or it cannot be read.
    """
    return input_folder(name, RunFolderError, what="the folder of a run").absolute()


def check_target(folder: str | Path, *, overwrite: bool, is_ours: Callable[[Path], bool]) -> Path:
    """Return the folder to write if that can be expected to work.

    Parameters
    ----------
    folder : str or Path
        Where the results are to go.
    overwrite : bool
        Whether results of an earlier call may be replaced.
    is_ours : callable
        Says whether a folder holds results of an earlier call.

    Raises
    ------
    RunFolderError
        If the folder is in use or cannot be written.
    """
    target = output_path(folder, RunFolderError)
    if target.exists() and not target.is_dir():
        raise RunFolderError(f"{named(target)} is a file; choose the name of a new folder.")
    if target.is_dir() and any(input_folder(target, RunFolderError).iterdir()):
        if not is_ours(target):
            raise RunFolderError(
                f"the folder {named(target)} holds other things and is left as it is; choose a new "
                "or empty folder."
            )
        if not overwrite:
            raise RunFolderError(
                f"the folder {named(target)} already holds results; choose another one or allow "
                "--overwrite."
            )
    check_writable(target, RunFolderError, folder=True)
    return target
