"""The view of the dialog "Export": it shows, it emits signals, and it knows no viewer."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QSize, Signal
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
from napari_latentdyn.export import Format
from napari_latentdyn.files.paths import output_path
from napari_latentdyn.widgets.export.box import ExportBox
from napari_latentdyn.widgets.file_dialogs import ask_target
from napari_latentdyn.widgets.form import tooltip
from napari_latentdyn.widgets.labels import StatusLine
from napari_latentdyn.widgets.palette import Palette

__all__ = ["ExportDialog"]


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
        self.box = ExportBox()
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
        self.box.formatChosen.connect(self._on_format)
        self.set_busy("")

    # ------------------------------------------------------------------ show

    @property
    def form(self) -> Format:
        """The format that is chosen."""
        return self.box.chosen

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
        self.box.set_palette(palette)
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
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setSpacing(8)
        layout.addWidget(self.box)
        layout.addStretch(1)
        layout.addLayout(form)
        layout.addWidget(self.progress)
        layout.addWidget(self.status)
        layout.addLayout(buttons)

    def _on_format(self, before: Format) -> None:
        """Exchange the end of the name."""
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
