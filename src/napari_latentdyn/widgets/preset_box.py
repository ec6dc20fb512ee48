"""The list of presets of a form."""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtCore import QSignalBlocker, Qt

from napari_latentdyn.settings.presets import PRESETS
from napari_latentdyn.widgets.editors import ChoiceBox
from napari_latentdyn.widgets.form import tooltip

__all__ = ["CUSTOM", "PresetBox"]

CUSTOM = "custom"


class PresetBox(ChoiceBox):
    """One of some presets, or `CUSTOM` where the settings equal none of them."""

    def __init__(self, names: Iterable[str] = PRESETS) -> None:
        self._names = tuple(names)
        super().__init__(self._names)

    def show_preset(self, name: str) -> None:
        """Show the preset that the settings equal, or `CUSTOM`; emits no signal."""
        known = name in self._names
        items = [(preset, preset) for preset in self._names]
        with QSignalBlocker(self):
            self.set_items(items if known else [*items, (CUSTOM, CUSTOM)])
            self.setValue(name if known else CUSTOM)
        summary = PRESETS[name].summary if known else "Your own choice of settings."
        self.setToolTip(tooltip(summary))
        for index, preset in enumerate(self._names):
            self.setItemData(index, PRESETS[preset].summary, Qt.ItemDataRole.ToolTipRole)
