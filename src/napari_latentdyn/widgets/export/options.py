"""Editors of the options of a format."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QLineEdit

from napari_latentdyn.export import Option
from napari_latentdyn.widgets.editors import CheckBox, ChoiceBox, FloatBox, IntBox
from napari_latentdyn.widgets.form import tooltip

__all__ = ["option_editor", "option_title"]

#: Largest number in the dialog; writers check more precisely.
_MOST = 1_000_000
#: Titles of options with unclear names.
_TITLES = {
    "dpi": "Pixels per inch",
    "fps": "Frames per second",
    "label": "Time label",
    "limits": "Intensities",
    "ngff": "OME-NGFF",
    "sea_ice": "CF names of sea ice",
    "shown": "Times shown",
    "start": "First image at",
    "width": "Width in pixels",
    "width_mm": "Width in mm",
}


class _TextBox(QLineEdit):
    """Text, or numbers separated by commas; empty means the default."""

    def __init__(self, option: Option) -> None:
        super().__init__()
        self._option = option
        self.setPlaceholderText("auto" if option.default is None else str(option.default))

    def value(self) -> Any:
        text = self.text().strip()
        if not text:
            return None
        if self._option.count == 1:
            return self._option.kind(text)
        return tuple(self._option.kind(part) for part in text.split(",") if part.strip())


def option_editor(option: Option) -> Any:
    """Return an editor of an option."""
    editor: Any
    if option.choices:
        editor = ChoiceBox(option.choices)
        editor.setValue(option.default)
    elif option.kind is bool:
        editor = CheckBox(option_title(option))
        editor.setValue(option.default)
    elif option.count != 1 or option.kind is str:
        editor = _TextBox(option)
    elif option.kind is int:
        optional = option.default is None
        # Channels begin at 0, all other whole numbers at 1.
        editor = IntBox(0 if option.default == 0 else 1, _MOST, optional=optional)
        editor.setValue(option.default)
    else:
        editor = FloatBox(0.0, float(_MOST), exclusive_minimum=True, optional=False)
        editor.setValue(option.default)
    editor.setObjectName(f"export.{option.name}")
    editor.setToolTip(tooltip(option.description))
    return editor


def option_title(option: Option) -> str:
    """Return the title of an option in the dialog."""
    text = _TITLES.get(option.name, option.name.replace("_", " "))
    return text[0].upper() + text[1:]
