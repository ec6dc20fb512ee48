"""Checks of folders to read or write, made before the computation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.export.target import check_free
from napari_latentdyn.files.paths import check_writable, input_folder

__all__ = ["check_target", "run_folder"]


def run_folder(name: str) -> Path:
    """Return the absolute path of a run folder to read, or raise `RunFolderError`."""
    return input_folder(name, RunFolderError, what="the folder of a run").absolute()


def check_target(folder: str | Path, *, overwrite: bool, is_ours: Callable[[Path], bool]) -> Path:
    """Return the absolute path of a folder that can be written, or raise `RunFolderError`.

    `is_ours` says whether a folder holds earlier results, which `overwrite` allows to replace.
    """
    target = check_free(folder, overwrite=overwrite, is_ours=is_ours, error=RunFolderError)
    check_writable(target, RunFolderError, folder=True)
    return target
