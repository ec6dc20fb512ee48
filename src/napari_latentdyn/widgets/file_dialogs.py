"""Dialogs for files and folders, which start where the last one ended."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QWidget

from napari_latentdyn.widgets.preferences import preferences

__all__ = ["ask_file", "ask_folder", "ask_target", "last_folder", "remember_folder"]


class _Session:
    """What this process used last."""

    folder: Path | None = None


def last_folder() -> Path:
    """Return where a dialog for files starts: where the last one ended.

    The first of a session starts in the folder of the preferences, or else in
    the one where napari saved last, in this session or before.
    """
    from napari.utils.history import get_save_history

    for folder in (_Session.folder, preferences().folder, *get_save_history()):
        if folder and Path(folder).expanduser().is_dir():
            return Path(folder).expanduser()
    return Path.home()


def remember_folder(path: str | Path) -> None:
    """Let the next dialog, also one of napari, start beside this file or run folder."""
    from napari.utils.history import update_save_history

    _Session.folder = Path(path).absolute().parent
    update_save_history(str(Path(path).absolute()))


def ask_target(
    parent: QWidget | None,
    title: str,
    suggestion: str | Path,
    filters: str,
    *,
    confirm: bool = True,
) -> str:
    """Ask for a file or folder to write.

    Parameters
    ----------
    parent : QWidget or None
        What the dialog belongs to.
    title : str
        Title of the dialog.
    suggestion : str or Path
        A name in the folder that was used last, or a whole path.
    filters : str
        Kinds of files, as Qt writes them.
    confirm : bool
        Ask before something is replaced.

    Returns
    -------
    str
        A path, or ``""`` if the user gave up.
    """
    options = {} if confirm else {"options": QFileDialog.Option.DontConfirmOverwrite}
    path, _ = QFileDialog.getSaveFileName(
        parent, title, str(last_folder() / suggestion), filters, **options
    )
    return _remembered(path)


def ask_file(parent: QWidget | None, title: str, filters: str) -> str:
    """Ask for a file to read; ``""`` if the user gave up."""
    path, _ = QFileDialog.getOpenFileName(parent, title, str(last_folder()), filters)
    return _remembered(path)


def ask_folder(parent: QWidget | None, title: str) -> str:
    """Ask for a folder to read, such as a saved run; ``""`` if the user gave up."""
    return _remembered(QFileDialog.getExistingDirectory(parent, title, str(last_folder())))


def _remembered(path: str) -> str:
    if path:
        remember_folder(path)
    return str(path)
