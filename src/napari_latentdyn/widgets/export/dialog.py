"""The view of the dialog "Export": it shows, it emits signals, and it knows no viewer."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import (
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_latentdyn.errors import ExportError
from napari_latentdyn.export import FORMATS, Format
from napari_latentdyn.files.paths import output_path
from napari_latentdyn.widgets.editors import CheckBox, ChoiceBox
from napari_latentdyn.widgets.export.canvas import CANVAS_FORMATS
from napari_latentdyn.widgets.export.options import option_editor, option_title
from napari_latentdyn.widgets.file_dialogs import ask_target
from napari_latentdyn.widgets.form import tooltip
from napari_latentdyn.widgets.labels import StatusLine, WrappingLabel
from napari_latentdyn.widgets.palette import DARK, Palette

__all__ = ["ExportDialog"]

#: All that the dialog offers.
_OFFERED = (*FORMATS, *CANVAS_FORMATS)


class ExportDialog(QDialog):
    """A format with its options, a place, a button, and how far it is.

    Signals
    -------
    exportRequested, cancelRequested
        What the names say; closing the dialog cancels, too.
    """

    exportRequested = Signal()
    cancelRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("export_dialog")
        self.setModal(False)
        self.format = ChoiceBox()
        self.format.setObjectName("export.format")
        self.format.set_items([(form.name, form.title) for form in _OFFERED])
        self.about = WrappingLabel()
        self.about.setObjectName("export.about")
        self._editors: dict[str, Any] = {}
        self._options = QFormLayout()
        self._palette = DARK
        self.path = QLineEdit()
        self.path.setObjectName("export.path")
        self.path.setToolTip(tooltip("File or folder to write; you are asked before overwriting."))
        self.browse = QPushButton("Browse…")
        self.browse.setObjectName("export.browse")
        self.progress = QProgressBar()
        self.progress.setObjectName("export.progress")
        self.status = StatusLine()
        self.status.setObjectName("export.status")
        self.write = QPushButton("Export")
        self.write.setObjectName("export.write")
        self.write.setDefault(True)
        self.cancel = QPushButton("Cancel")
        self.cancel.setObjectName("export.cancel")
        self.done_button = QPushButton("Close")
        self.done_button.setObjectName("export.close")
        self._lay_out()
        self.browse.clicked.connect(self._browse)
        self.write.clicked.connect(lambda: self.exportRequested.emit())
        self.cancel.clicked.connect(lambda: self.cancelRequested.emit())
        self.done_button.clicked.connect(self.reject)
        self.format.setCurrentIndex(0)
        self._offered = self.form
        self._offer()
        self.format.edited.connect(self._on_format)
        self.set_busy("")

    # ------------------------------------------------------------------ show

    @property
    def form(self) -> Format:
        """The format that is chosen."""
        return next(form for form in _OFFERED if form.name == self.format.value())

    def options(self) -> dict[str, Any]:
        """Return the options that differ from their defaults, by the names of the writer.

        Raises
        ------
        ValueError
            If a text is not a list of numbers.
        """
        values = {option: self._editors[option.name].value() for option in self.form.options}
        return {
            option.name: value
            for option, value in values.items()
            if value is not None and value != option.default
        }

    def target(self) -> Path | None:
        """Return the place to write to with the suffix of the format, None if there is none.

        Raises
        ------
        ExportError
            If nothing can be written under this name.
        """
        text = self.path.text().strip()
        if not text:
            return None
        path = output_path(text, ExportError)
        if not path.name:
            raise ExportError(f"{path} is a folder; choose a name in it.")
        form = self.form
        if not path.name.lower().endswith(form.suffixes):
            path = path.with_name(path.name + form.suffix)
        return path

    def offer(self, name: str, path: Path) -> None:
        """Show which result is exported, and propose a place without its suffix."""
        self.setWindowTitle(f"Export {name}")
        self.path.setText(f"{path}{self.form.suffix}")
        self.show_status("")

    def show_status(self, text: str, *, error: bool = False) -> None:
        """Show one line."""
        self.status.say(text, error=error)

    def set_busy(self, what: str, done: int = 0, total: int = 0) -> None:
        """Show that something is written, ``""`` for nothing."""
        self.progress.setVisible(bool(what))
        self.cancel.setVisible(bool(what))
        self.done_button.setVisible(not what)
        self.write.setEnabled(not what)
        self.progress.setRange(0, total)
        self.progress.setValue(done)
        self.progress.setFormat(f"{what} %p %")

    def set_palette(self, palette: Palette) -> None:
        """Take the colours of another theme."""
        self._palette = palette
        problem = self.form.problem()
        self.about.setStyleSheet(f"color: {palette.warning if problem else palette.dim};")
        self.status.set_palette(palette)

    def ask_replace(self, path: Path) -> bool:
        """Ask whether what is there may be replaced."""
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        text = f"{path} already exists. Replace?"
        return bool(QMessageBox.question(self, "Replace it?", text, yes | no, no) == yes)

    def reject(self) -> None:
        """Write no further and close, by the key Escape, the button or the window's frame.

        Qt closes a dialog by rejecting it, so that this is the one way out.
        """
        self.cancelRequested.emit()
        super().reject()

    def sizeHint(self) -> QSize:
        """Take what a path needs to be read."""
        return QSize(480, 420)

    # ----------------------------------------------------------------- build

    def _lay_out(self) -> None:
        place = QHBoxLayout()
        place.setSpacing(4)
        place.addWidget(self.path, 1)
        place.addWidget(self.browse)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Write to", place)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        for button in (self.write, self.cancel, self.done_button):
            button.setMinimumWidth(90)
            buttons.addWidget(button)
        self._options.setVerticalSpacing(4)
        self._options.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._options.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setSpacing(8)
        layout.addWidget(self.format)
        layout.addWidget(self.about)
        layout.addLayout(self._options)
        layout.addStretch(1)
        layout.addLayout(form)
        layout.addWidget(self.progress)
        layout.addWidget(self.status)
        layout.addLayout(buttons)

    def _offer(self) -> None:
        """Show the description and the options of the format."""
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
        """Offer other options, and exchange the end of the name."""
        before, self._offered = self._offered, self.form
        self._offer()
        text = self.path.text()
        end = next((end for end in before.suffixes if text.lower().endswith(end)), "")
        self.path.setText(f"{text.removesuffix(text[len(text) - len(end) :])}{self.form.suffix}")
        self.show_status("")

    def _browse(self) -> None:
        form = self.form
        ends = " ".join(f"*{suffix}" for suffix in form.suffixes)
        # What is there already is asked about when it is about to be replaced.
        title, kinds = f"Export as {form.title}", f"{form.title} ({ends})"
        path = ask_target(self, title, self.path.text(), kinds, confirm=False)
        if path:
            self.path.setText(path)
