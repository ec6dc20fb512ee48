"""The view of the dialog "Export": controls and signals, without a viewer."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

from qtpy.QtCore import QSize, Signal
from qtpy.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QProgressBar, QPushButton, QWidget

from napari_latentdyn.errors import ExportError
from napari_latentdyn.export import FORMATS, Format
from napari_latentdyn.files.paths import output_path
from napari_latentdyn.widgets.editors import CheckBox, ChoiceBox
from napari_latentdyn.widgets.export.canvas import CANVAS_FORMATS
from napari_latentdyn.widgets.export.options import option_editor, option_title
from napari_latentdyn.widgets.file_dialogs import ask_target
from napari_latentdyn.widgets.form import tooltip
from napari_latentdyn.widgets.labels import StatusLine, WrappingLabel
from napari_latentdyn.widgets.layouts import (
    ask_replace,
    column,
    form_layout,
    name_children,
    row,
    show_job,
)
from napari_latentdyn.widgets.palette import DARK, Palette

__all__ = ["ExportDialog"]

#: All formats of the dialog.
_OFFERED = (*FORMATS, *CANVAS_FORMATS)


class ExportDialog(QDialog):
    """Choice of a format, its options and a path; a button and the progress."""

    exportRequested = Signal()
    cancelRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("export_dialog")
        self.setModal(False)
        self.format = ChoiceBox()
        self.format.set_items([(form.name, form.title) for form in _OFFERED])
        self.about = WrappingLabel()
        self._editors: dict[str, Any] = {}
        self._options = form_layout()
        self._palette = DARK
        self.path = QLineEdit()
        self.path.setToolTip(tooltip("File or folder to write; you are asked before overwriting."))
        self.browse = QPushButton("Browse…")
        self.progress = QProgressBar()
        self.status = StatusLine()
        self.write = QPushButton("Export")
        self.write.setDefault(True)
        self.cancel = QPushButton("Cancel")
        self.done_button = QPushButton("Close")
        self.done_button.setObjectName("export.close")
        name_children(
            self,
            *("format", "about", "path", "browse", "progress", "status", "write", "cancel"),
            prefix="export.",
        )
        self._lay_out()
        self.browse.clicked.connect(self._browse)
        self.write.clicked.connect(self.exportRequested)
        self.cancel.clicked.connect(self.cancelRequested)
        self.done_button.clicked.connect(self.reject)
        self.format.setCurrentIndex(0)
        self._offered = self.form
        self._offer()
        self.format.edited.connect(self._on_format)
        self.set_busy("")

    # ------------------------------------------------------------------ show

    @property
    def form(self) -> Format:
        """The format chosen."""
        return next(form for form in _OFFERED if form.name == self.format.value())

    def options(self) -> dict[str, Any]:
        """Return the options that differ from their defaults.

        A text that is not a list of numbers raises `ValueError`.
        """
        values = {option: self._editors[option.name].value() for option in self.form.options}
        return {
            option.name: value
            for option, value in values.items()
            if value is not None and value != option.default
        }

    def target(self) -> Path | None:
        """Return the path with the suffix of the format, None for an empty text."""
        text = self.path.text().strip()
        if not text:
            return None
        path = output_path(text, ExportError)
        if not path.name:
            raise ExportError(f"{path} is a folder; choose a file name in this folder.")
        form = self.form
        if not path.name.lower().endswith(form.suffixes):
            path = path.with_name(path.name + form.suffix)
        return path

    def offer(self, name: str, path: Path) -> None:
        """Show the name of the result, and propose a path, given without suffix."""
        self.setWindowTitle(f"Export {name}")
        self.path.setText(f"{path}{self.form.suffix}")
        self.show_status("")

    def show_status(self, text: str, *, error: bool = False) -> None:
        """Show one line."""
        self.status.say(text, "error" if error else "info")

    def set_busy(self, what: str, done: int = 0, total: int = 0) -> None:
        """Show the progress of an export, ``""`` if there is none."""
        show_job(self.progress, what, done, total)
        self.cancel.setVisible(bool(what))
        self.done_button.setVisible(not what)
        self.write.setEnabled(not what)

    def set_palette(self, palette: Palette) -> None:
        """Use the colours of another theme."""
        self._palette = palette
        problem = self.form.problem()
        self.about.setStyleSheet(f"color: {palette.warning if problem else palette.dim};")
        self.status.set_palette(palette)

    def ask_replace(self, path: Path) -> bool:
        """Ask whether an existing file or folder may be replaced."""
        return ask_replace(self, "Replace?", f"{path} already exists. Replace?")

    def reject(self) -> None:
        """Cancel the export and close: Qt calls this for Escape, the button and the frame."""
        self.cancelRequested.emit()
        super().reject()

    def sizeHint(self) -> QSize:
        """Return a size at which a path can be read."""
        return QSize(480, 420)

    # ----------------------------------------------------------------- build

    def _lay_out(self) -> None:
        form = form_layout()
        form.addRow("Write to", row(self.path, self.browse))
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        for button in (self.write, self.cancel, self.done_button):
            button.setMinimumWidth(90)
            buttons.addWidget(button)
        layout = column((self.format, self.about, self._options), self, (12, 10, 12, 10), 8)
        layout.addStretch(1)
        layout.addLayout(form)
        layout.addWidget(self.progress)
        layout.addWidget(self.status)
        layout.addLayout(buttons)

    def _offer(self) -> None:
        """Show description and options of the format."""
        while self._options.rowCount():
            self._options.removeRow(0)
        self.about.setText(html.escape(self.form.problem() or self.form.about))
        self.set_palette(self._palette)
        self._editors = {option.name: option_editor(option) for option in self.form.options}
        for option in self.form.options:
            editor = self._editors[option.name]
            if isinstance(editor, CheckBox):
                self._options.addRow(editor)
            else:
                self._options.addRow(option_title(option), editor)

    def _on_format(self) -> None:
        """Show the options of the format, and exchange the suffix of the path."""
        before, self._offered = self._offered, self.form
        self._offer()
        text = self.path.text()
        end = next((end for end in before.suffixes if text.lower().endswith(end)), "")
        self.path.setText(f"{text.removesuffix(text[len(text) - len(end) :])}{self.form.suffix}")
        self.show_status("")

    def _browse(self) -> None:
        form = self.form
        ends = " ".join(f"*{suffix}" for suffix in form.suffixes)
        # The question on replacing comes with the export.
        title, kinds = f"Export as {form.title}", f"{form.title} ({ends})"
        path = ask_target(self, title, self.path.text(), kinds, confirm=False)
        if path:
            self.path.setText(path)
