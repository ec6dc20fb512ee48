"""Dialogs for files and folders, which start in the last folder used."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QWidget

from napari_latentdyn.widgets.preferences import preferences

__all__ = ["ask_file", "ask_folder", "ask_target", "last_folder", "remember_folder"]


class _Session:
    """The last folder of this process."""

    folder: Path | None = None


def last_folder() -> Path:
    """Return the folder in which a dialog starts.

    This is the last folder used in this session, that of the preferences, or the last folder to
    which napari saved.
    """
    from napari.utils.history import get_save_history

    for folder in (_Session.folder, preferences().folder, *get_save_history()):
        if folder and Path(folder).expanduser().is_dir():
            return Path(folder).expanduser()
    return Path.home()


def remember_folder(path: str | Path) -> None:
    """Let the next dialog, including those of napari, start in the parent folder of a path."""
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
    """Ask for a file or folder to write, ``""`` if cancelled.

    The suggestion is a name in the last folder, or a path. `confirm` asks before overwriting.
    """
    options = {} if confirm else {"options": QFileDialog.Option.DontConfirmOverwrite}
    path, _ = QFileDialog.getSaveFileName(
        parent, title, str(last_folder() / suggestion), filters, **options
    )
    return _remembered(path)


def ask_file(parent: QWidget | None, title: str, filters: str) -> str:
    """Ask for a file to read, ``""`` if cancelled."""
    path, _ = QFileDialog.getOpenFileName(parent, title, str(last_folder()), filters)
    return _remembered(path)


def ask_folder(parent: QWidget | None, title: str) -> str:
    """Ask for a folder to read, ``""`` if cancelled."""
    return _remembered(QFileDialog.getExistingDirectory(parent, title, str(last_folder())))


def _remembered(path: str) -> str:
    if path:
        remember_folder(path)
    return str(path)
