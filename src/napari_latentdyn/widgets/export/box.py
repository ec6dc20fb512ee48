"""The format of an export and its options."""

from __future__ import annotations

import html
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFormLayout, QLineEdit, QVBoxLayout, QWidget

from napari_latentdyn.export import FORMATS, Format, Option
from napari_latentdyn.widgets.editors import CheckBox, ChoiceBox, FloatBox, IntBox
from napari_latentdyn.widgets.export.canvas import CANVAS_FORMATS
from napari_latentdyn.widgets.form import tooltip
from napari_latentdyn.widgets.labels import WrappingLabel
from napari_latentdyn.widgets.palette import DARK, Palette

__all__ = ["ExportBox"]

#: Largest number that is offered; writers say more exactly what they take.
_MOST = 1_000_000
#: All that the dialog offers.
_OFFERED = (*FORMATS, *CANVAS_FORMATS)

#: Titles of options whose names say too little.
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


class ExportBox(QWidget):
    """A chooser of the format, what is in it, and one line for each of its options.

    Signals
    -------
    formatChosen : (Format,)
        The format that was chosen before.
    """

    formatChosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.format = ChoiceBox()
        self.format.setObjectName("export.format")
        self.format.set_items([(form.name, form.title) for form in _OFFERED])
        self.about = WrappingLabel()
        self.about.setObjectName("export.about")
        self._editors: dict[str, Any] = {}
        self._form = QFormLayout()
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setVerticalSpacing(4)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.format)
        layout.addWidget(self.about)
        layout.addLayout(self._form)
        self._palette = DARK
        self.format.setCurrentIndex(0)
        self._offered = self.chosen
        self._offer()
        self.format.edited.connect(self._on_format)

    @property
    def chosen(self) -> Format:
        """The format that is chosen."""
        return next(form for form in _OFFERED if form.name == self.format.value())

    def options(self) -> dict[str, Any]:
        """Return the options that were said, by the names of the writer.

        Raises
        ------
        ValueError
            If a list of numbers is none.
        """
        said = {}
        for option in self.chosen.options:
            value = self._editors[option.name].value()
            if value is not None and value != option.default:
                said[option.name] = value
        return said

    def editor(self, name: str) -> Any:
        """Return the editor of an option of the format that is chosen."""
        return self._editors[name]

    def set_palette(self, palette: Palette) -> None:
        """Take the colours of another theme."""
        self._palette = palette
        problem = self.chosen.problem()
        self.about.setStyleSheet(f"color: {palette.warning if problem else palette.dim};")

    def _on_format(self) -> None:
        before, self._offered = self._offered, self.chosen
        self._offer()
        self.formatChosen.emit(before)

    def _offer(self) -> None:
        while self._form.rowCount():
            self._form.removeRow(0)
        self._editors = {}
        self.about.setText(html.escape(self.chosen.problem() or self.chosen.about))
        self.set_palette(self._palette)
        for option in self.chosen.options:
            editor = _editor(option)
            editor.setObjectName(f"export.{option.name}")
            editor.setToolTip(tooltip(option.description))
            self._editors[option.name] = editor
            if isinstance(editor, CheckBox):
                self._form.addRow(editor)
            else:
                self._form.addRow(_title(option), editor)


class _TextBox(QLineEdit):
    """Text, or numbers with commas between them; empty leaves the choice to the writer."""

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


def _editor(option: Option) -> Any:
    editor: Any
    if option.choices:
        editor = ChoiceBox(option.choices)
        editor.setValue(option.default)
    elif option.kind is bool:
        editor = CheckBox(_title(option))
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
    return editor


def _title(option: Option) -> str:
    text = _TITLES.get(option.name, option.name.replace("_", " "))
    return text[0].upper() + text[1:]
