"""Checks of the place where results go, made before any time is spent."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from napari_latentdyn.errors import RunFolderError

__all__ = ["check_place", "check_target"]


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
    target = Path(folder).expanduser().absolute()
    if target.exists() and not target.is_dir():
        raise RunFolderError(f"{target} is a file; choose the name of a new folder.")
    if target.is_dir() and any(target.iterdir()):
        if not is_ours(target):
            raise RunFolderError(
                f"the folder {target} holds other things and is left as it is; choose a new or "
                "empty folder."
            )
        if not overwrite:
            raise RunFolderError(
                f"the folder {target} already holds results; choose another one or allow "
                "--overwrite."
            )
    check_place(target)
    return target


def check_place(target: Path) -> None:
    """Try whether something can be written where `target` is to be.

    Raises
    ------
    RunFolderError
        If not.
    """
    above = next(parent for parent in target.resolve().parents if parent.exists())
    try:
        # Asking for permission is not enough: network drives answer yes and refuse to write.
        Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=above)).rmdir()
    except OSError as error:
        raise RunFolderError(
            f"the folder {above} cannot be written ({error.strerror}); choose another place."
        ) from None
