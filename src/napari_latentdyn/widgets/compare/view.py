"""The view of "Compare methods": controls and signals, without a viewer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, QSize, Qt, Signal
from qtpy.QtGui import QFontMetrics
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from napari_latentdyn.widgets.compare.plot import TimePlot
from napari_latentdyn.widgets.compare.rows import COLUMNS, MEASURES
from napari_latentdyn.widgets.editors import CheckBox, ChoiceBox, IntBox
from napari_latentdyn.widgets.end_chooser import EndChooser
from napari_latentdyn.widgets.form import tooltip
from napari_latentdyn.widgets.labels import StatusLine
from napari_latentdyn.widgets.layouts import (
    fill_view,
    form_layout,
    name_children,
    row,
    show_job,
)
from napari_latentdyn.widgets.pair_notes import NotesLabel
from napari_latentdyn.widgets.palette import DARK, Palette

if TYPE_CHECKING:
    from napari_latentdyn.core.baselines import MethodInfo
    from napari_latentdyn.widgets.compare.times import Interval

__all__ = ["CompareView"]

#: Pixels left and right of the text of a cell.
_MARGINS = 8
#: Width in pixels from which the name of a method is elided, and width of margins, frame and
#: scroll bar beside the table.
_WIDEST_NAME, _BESIDE_TABLE = 110, 32


class CompareView(QWidget):
    """Choice of images, true frames and methods; a table, a plot and a status line."""

    compareRequested = Signal()
    cancelRequested = Signal()
    truthFileRequested = Signal()
    truthChosen = Signal()
    resultRequested = Signal()
    measureChosen = Signal()
    arrangeRequested = Signal()
    methodChosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.first_end, self.last_end = EndChooser("first"), EndChooser("last")
        self.truth = ChoiceBox()
        self.truth_file = QPushButton("File…")
        self.truth_times = QLineEdit()
        self.truth_times_label = QLabel("Times")
        self.frames = IntBox(1, 200)
        self.methods = QListWidget()
        self.add_result = QPushButton("Add a result…")
        self.errors = CheckBox("Error maps")
        self.grid = CheckBox("Side by side")
        self.compare = QPushButton("Compare")
        self.cancel = QPushButton("Cancel")
        self.table = QTableWidget(0, len(COLUMNS))
        self.measure = ChoiceBox(MEASURES)
        self.plot = TimePlot()
        self.pair_notes = NotesLabel()
        self.progress = QProgressBar()
        self.status = StatusLine()
        self._offered: list[tuple[str, str]] = []
        self._table_width = 0
        self._dress()
        self._lay_out()
        self.set_busy("")
        self.set_palette(DARK)

    # ------------------------------------------------------------------ show

    def show_methods(self, infos: Sequence[MethodInfo], chosen: Sequence[str]) -> None:
        """Offer methods; the tooltip of a method that lacks a library says what to install."""
        offered = [(info.name, info.title) for info in infos]
        if offered == self._offered:
            return
        self._offered = offered
        self.methods.clear()
        for info in infos:
            missing = info.missing()
            item = QListWidgetItem(f"{info.title} — not installed" if missing else info.title)
            item.setData(Qt.ItemDataRole.UserRole, info.name)
            item.setToolTip(tooltip(missing or info.description))
            flags = Qt.ItemFlag.ItemIsUserCheckable
            item.setFlags(flags if missing else flags | Qt.ItemFlag.ItemIsEnabled)
            on = info.name in chosen and not missing
            item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
            self.methods.addItem(item)
        height = self.methods.sizeHintForRow(0) if len(infos) else 20
        self.methods.setFixedHeight(height * len(infos) + 8)

    def chosen_methods(self) -> list[str]:
        """Return the names of the checked methods."""
        items = [self.methods.item(number) for number in range(self.methods.count())]
        return [
            str(item.data(Qt.ItemDataRole.UserRole))
            for item in items
            if item is not None and item.checkState() == Qt.CheckState.Checked
        ]

    def choose_method(self, name: str, chosen: bool = True) -> None:
        """Check or uncheck a method."""
        for number in range(self.methods.count()):
            item = self.methods.item(number)
            if item is not None and item.data(Qt.ItemDataRole.UserRole) == name:
                item.setCheckState(Qt.CheckState.Checked if chosen else Qt.CheckState.Unchecked)

    def show_rows(self, rows: Sequence[tuple[str, Sequence[str]]]) -> None:
        """Show the title of each method, and a text for each column of the table."""
        self.table.setRowCount(len(rows))
        best = _best([texts for _, texts in rows])
        for number, (title, texts) in enumerate(rows):
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                if column:
                    item.setTextAlignment(
                        Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                    )
                else:
                    item.setToolTip(title)
                if (number, column) in best:
                    font = item.font()
                    font.setBold(True)
                    item.setFont(font)
                self.table.setItem(number, column, item)
        self.table.setVisible(bool(rows))
        self._fit_table([texts for _, texts in rows])

    def _fit_table(self, rows: Sequence[Sequence[str]]) -> None:
        """Fit columns and rows of the table to their texts; the names take the free width."""
        font = self.table.font()
        font.setBold(True)
        metrics = QFontMetrics(font)
        needed = 0
        for column, texts in enumerate(zip(list(COLUMNS), *rows, strict=True)):
            lines = [part for text in texts for part in re.split(r"\n|(?<=-)", text)]
            widest = max(metrics.horizontalAdvance(line) for line in lines) + _MARGINS
            if column:
                self.table.setColumnWidth(column, widest)
            needed += widest if column else min(widest, _WIDEST_NAME)
        self._table_width = needed if rows else 0
        self.updateGeometry()
        self.table.resizeRowsToContents()
        header, side = self.table.horizontalHeader(), self.table.verticalHeader()
        assert header is not None
        assert side is not None
        self.table.setFixedHeight(header.sizeHint().height() + side.length() + 6)

    def show_unit(self, interval: Interval | None) -> None:
        """Ask for the times of true frames in the unit of the interval, if known."""
        length, unit = interval or (1.0, "")
        self.truth_times_label.setText(f"Times ({unit})" if unit else "Times")
        some = ", ".join(f"{part * length:g}" for part in (0.25, 0.5))
        what = f"in {unit}s after the first image" if unit else "as fractions of the interval"
        self.truth_times.setToolTip(tooltip(f"Times of the true frames {what}, such as {some}."))

    def propose_truth(self, key: str | None) -> None:
        """Select true frames without emitting a signal."""
        with QSignalBlocker(self.truth):
            self.truth.setValue(key)

    def show_status(self, text: str, *, error: bool = False) -> None:
        """Show one line."""
        self.status.say(text, "error" if error else "info")

    def set_busy(self, what: str, done: int = 0, total: int = 0) -> None:
        """Show that a method runs, ``""`` for none."""
        show_job(self.progress, what, done, total)
        self.cancel.setEnabled(bool(what))
        self.compare.setEnabled(not what)

    def set_palette(self, palette: Palette) -> None:
        """Use the colours of another theme."""
        self.plot.set_palette(palette)
        self.status.set_palette(palette)
        self.pair_notes.set_palette(palette)

    def minimumSizeHint(self) -> QSize:
        """Fit beside the canvas of a small screen, and the table once it is shown."""
        return QSize(max(320, self._table_width + _BESIDE_TABLE), 320)

    def sizeHint(self) -> QSize:
        """Return a size for the table."""
        return QSize(390, 640)

    # ----------------------------------------------------------------- build

    def _dress(self) -> None:
        name_children(
            self,
            *("truth", "truth_file", "truth_times", "frames"),
            *("methods", "errors", "grid", "compare", "cancel", "table", "measure", "plot"),
            *("add_result", "progress", "status"),
        )
        self.truth.setToolTip(
            tooltip(
                "Layer with true frames between the images: a stack with or without both ends. A "
                "stack that begins and ends with the two images is proposed."
            )
        )
        self.truth_file.setToolTip(tooltip("Open a file with true frames as a layer."))
        self.truth_times.setPlaceholderText("evenly spaced")
        self.show_unit(None)
        self.add_result.setToolTip(
            tooltip(
                "Add a run folder to the methods: its frames are computed and nothing is trained."
            )
        )
        self.frames.setValue(7)
        self.frames.setToolTip(
            tooltip(
                "Number of frames between the ends; the times of true frames, if any, replace it."
            )
        )
        self.errors.setToolTip(tooltip("Add the absolute errors at the true frames as layers."))
        self.errors.setValue(True)
        self.grid.setToolTip(
            tooltip("Show the methods in a grid, with names and the same contrast.")
        )
        self.grid.setValue(True)
        self.methods.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.table.setHorizontalHeaderLabels(list(COLUMNS))
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.methods.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        side, top = self.table.verticalHeader(), self.table.horizontalHeader()
        assert side is not None
        assert top is not None
        side.hide()
        top.setMinimumSectionSize(28)
        top.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        top.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column, explained in enumerate(COLUMNS.values()):
            item = self.table.horizontalHeaderItem(column)
            if item is not None:
                item.setToolTip(tooltip(explained))
        self.table.hide()
        self.measure.set_texts(MEASURES)
        self.measure.hide()
        self.plot.hide()
        self.truth_file.clicked.connect(self.truthFileRequested)
        self.truth.edited.connect(self.truthChosen)
        self.add_result.clicked.connect(self.resultRequested)
        self.compare.clicked.connect(self.compareRequested)
        self.cancel.clicked.connect(self.cancelRequested)
        self.measure.edited.connect(self.measureChosen)
        self.grid.toggled.connect(self.arrangeRequested)

    def _lay_out(self) -> None:
        form = form_layout()
        form.addRow("First image", self.first_end)
        form.addRow("Last image", self.last_end)
        form.addRow("True frames", row(self.truth, self.truth_file))
        form.addRow(self.truth_times_label, self.truth_times)
        form.addRow("Frames", self.frames)
        options = row(self.grid, self.errors)
        results = (self.table, self.measure, self.plot)
        self.scroll = fill_view(
            self,
            (form, self.methods, self.add_result, options, *results),
            (self.pair_notes, self.progress, self.status, row(self.compare, self.cancel)),
        )


def _best(rows: Sequence[Sequence[str]]) -> set[tuple[int, int]]:
    """Return row and column of the best number of each measure of the truth."""
    found = set()
    for column, better in ((1, max), (2, max), (3, min)):
        numbers = {}
        for number, texts in enumerate(rows):
            try:
                numbers[number] = float(texts[column])
            except ValueError:
                continue
        if len(numbers) > 1:
            most = better(numbers.values())
            found |= {(n, column) for n, value in numbers.items() if value == most}
    return found
