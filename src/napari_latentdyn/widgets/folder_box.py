"""Editor of a setting that is one of some names, or the path of a folder."""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path

from qtpy.QtCore import QSignalBlocker, Qt

from napari_latentdyn.widgets.editors import ChoiceBox
from napari_latentdyn.widgets.file_dialogs import ask_folder

__all__ = ["FolderBox"]


class FolderBox(ChoiceBox):
    """One of several names, or a folder that the user looks for in a dialog.

    A folder is shown by its name, with the whole path in the tooltip, and stays
    on offer until another one is chosen.
    """

    def __init__(self, names: Iterable[str], folder: str) -> None:
        known = tuple(names)
        super().__init__(known)
        self._names = known
        self._folder = folder
        self._value = known[0]
        self._explanation = ""
        self.addItem(f"{folder}…", None)

    def value(self) -> str:
        """Return the name or the path."""
        return self._value

    def setValue(self, value: str | None) -> None:
        """Set a name or a path; None changes nothing."""
        if value is None or value == self._value:
            return
        self._value = value
        self._show()
        self.edited.emit()

    def setToolTip(self, text: str | None) -> None:
        """Explain the setting, below the path of a chosen folder."""
        self._explanation = text or ""
        path = "" if self._value in self._names else f"{html.escape(self._value)}<br><br>"
        super().setToolTip(self._explanation.replace("<qt>", f"<qt>{path}", 1))

    def _on_index(self, index: int) -> None:
        chosen = self.itemData(index)
        if chosen is None and index >= 0:
            chosen = ask_folder(self, f"Choose {self._folder}")
        if chosen and chosen != self._value:
            self.setValue(chosen)
        else:
            self._show()

    def _show(self) -> None:
        with QSignalBlocker(self):
            if self._index_of(self._value) < 0:
                place = len(self._names)
                if self.itemData(place) is not None:
                    self.removeItem(place)
                self.insertItem(place, Path(self._value).name or self._value, self._value)
                self.setItemData(place, self._value, Qt.ItemDataRole.ToolTipRole)
            self.setCurrentIndex(self._index_of(self._value))
        self.setToolTip(self._explanation)
