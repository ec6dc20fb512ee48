"""The view of "Learn dynamics": controls and signals, without a viewer."""

from __future__ import annotations

import html

from qtpy.QtCore import QSize, Signal
from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from napari_latentdyn.widgets.end_chooser import EndChooser
from napari_latentdyn.widgets.form import SettingsForm, tooltip
from napari_latentdyn.widgets.known_section import KnownSection
from napari_latentdyn.widgets.labels import Severity, StatusLine, WrappingLabel
from napari_latentdyn.widgets.layouts import fill_view, name_children
from napari_latentdyn.widgets.loss_plot import LossPlot
from napari_latentdyn.widgets.pair_notes import NotesLabel
from napari_latentdyn.widgets.palette import DARK, Palette
from napari_latentdyn.widgets.preset_box import CUSTOM, PresetBox
from napari_latentdyn.widgets.series_chooser import SeriesChooser

__all__ = ["DOCUMENTATION", "LearnView"]

DOCUMENTATION = "https://napari-latentdyn.github.io/napari-latentdyn"
_PREVIEW = (
    "Get a result in seconds: a short matching fits three velocities to the images, as with the "
    "preset quick. Nothing is trained. Only the settings of images, stages, device and output are "
    "used."
)
_LINKS = {"Tutorial": "tutorial/", "Settings": "settings/", "How it works": "method/"}


class LearnView(QWidget):
    """Scrolling choosers and settings, with buttons, progress and status below.

    Attributes
    ----------
    continues : bool
        Whether the train button continues an earlier training.
    """

    settingsChanged = Signal()
    presetChosen = Signal(str)
    swapRequested = Signal()
    previewRequested = Signal()
    trainRequested = Signal()
    restartRequested = Signal()
    cancelRequested = Signal()
    saveRequested = Signal(str)  # "run", "frames", "vectors" or "export"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = DARK
        self.continues = False
        self._estimate: tuple[str, tuple[str, ...]] = ("", ())
        self.first_end, self.last_end = EndChooser("first"), EndChooser("last")
        self.swap = QPushButton("⇅")
        self.series = SeriesChooser()
        self.preset = PresetBox()
        self.known = KnownSection()
        self.form = SettingsForm()
        self.pair_notes = NotesLabel()
        self.estimate = WrappingLabel()
        self.loss_plot = LossPlot()
        self.progress = QProgressBar()
        self.status = StatusLine()
        self.preview = QPushButton("Preview")
        self.train = QPushButton("Train")
        self.restart = QPushButton("Restart")
        self.cancel = QPushButton("Cancel")
        self.save = QPushButton("Save…")
        self.save_menu = QPushButton("▾")
        self._dress()
        self._lay_out()
        self._wire()
        self.set_running(False)
        self.announce(preview=False, trains=False)
        self.set_palette(DARK)

    # ------------------------------------------------------------------ show

    def show_status(self, text: str, severity: Severity = "info") -> None:
        """Show one line, in the colour of its severity."""
        self.status.say(text, severity)

    def show_estimate(self, text: str, warnings: tuple[str, ...] = ()) -> None:
        """Show the estimate of a training, and warnings."""
        self._estimate = (text, warnings)
        lines = [html.escape(text)] if text else []
        lines += [
            f'<span style="color:{self._palette.warning}">{html.escape(warning)}</span>'
            for warning in warnings
        ]
        self.estimate.setText("<br>".join(lines))
        self.estimate.setVisible(bool(lines))

    def show_progress(self, done: int, total: int, text: str = "%p %") -> None:
        """Show the progress of a phase; a total of 0 means unknown."""
        self.progress.setRange(0, max(0, total))
        self.progress.setValue(done if total > 0 else 0)
        self.progress.setFormat(text)

    def show_preset(self, name: str) -> None:
        """Show the preset that the settings equal, or `CUSTOM`."""
        self.preset.show_preset(name)

    def show_devices(self, texts: dict[str, str], note: str) -> None:
        """Show the devices by name, and why a GPU is not used."""
        box = self.form.editor("training.device")
        box.set_texts(texts)
        self.device_note.setText(html.escape(note))
        self.device_note.setVisible(bool(note))

    def show_choice(
        self, *, problem: str, can_continue: bool, steps_left: int, trains: bool = True
    ) -> None:
        """Show the action of the train button, or the problem that disables both buttons."""
        explained = "Match the images and train the networks on them; the window stays usable."
        if not trains:
            explained = (
                "Find the velocity that carries the images onto each other, with the settings "
                "above. No network is trained; the window stays usable."
            )
        if can_continue:
            explained = (
                "Continue the last training."
                if steps_left
                else "Go back from the preview to the trained result; all steps are done."
            )
        self.continues = can_continue
        text = "Continue" if steps_left else "Show trained"
        self.train.setText(text if can_continue else "Train" if trains else "Match")
        for button, action in ((self.train, explained), (self.preview, _PREVIEW)):
            button.setToolTip(tooltip(problem or action))
            button.setEnabled(not problem)
        self.restart.setVisible(can_continue)
        self.restart.setEnabled(not problem)

    def set_saveable(self, saveable: bool) -> None:
        """Enable saving."""
        self.save.setEnabled(saveable)
        self.save_menu.setEnabled(saveable)

    def set_running(self, running: bool) -> None:
        """Disable the buttons that start a job, and enable Cancel."""
        self.cancel.setEnabled(running)
        self.progress.setVisible(running)
        if running:
            self.preview.setEnabled(False)
            self.train.setEnabled(False)
            self.restart.setVisible(False)
        elif self.loss_plot.is_empty:
            # The training failed before its first step.
            self.loss_plot.hide()

    def announce(self, *, preview: bool, trains: bool) -> None:
        """Prepare the plot for a job that starts, and explain its cancel button."""
        # An empty plot has meaningless axis labels; it appears with the first point.
        self.loss_plot.setVisible(trains and not self.loss_plot.is_empty)
        self.cancel.setToolTip(
            tooltip(
                "Stop after this step and keep the training so far; you can continue later."
                if trains
                else f"Stop the {'preview' if preview else 'matching'}; nothing changes."
            )
        )

    def set_palette(self, palette: Palette) -> None:
        """Use the colours of another theme."""
        self._palette = palette
        self.loss_plot.set_palette(palette)
        self.pair_notes.set_palette(palette)
        for label in (self.device_note, self.estimate):
            label.setStyleSheet(f"color: {palette.dim};")
        self.header.setText(
            " · ".join(
                f'<a style="color:{palette.dim}" href="{DOCUMENTATION}/{page}">{title}</a>'
                for title, page in _LINKS.items()
            )
        )
        self.status.set_palette(palette)
        self.known.status.set_palette(palette)
        self.show_estimate(*self._estimate)

    # ----------------------------------------------------------------- build

    def minimumSizeHint(self) -> QSize:
        """Fit beside the canvas of a small screen."""
        return QSize(320, 360)

    def sizeHint(self) -> QSize:
        """Return a size at which settings do not wrap."""
        return QSize(350, 640)

    def _dress(self) -> None:
        self.header = QLabel()
        self.header.setOpenExternalLinks(True)
        self.device_note = WrappingLabel()
        self.device_note.hide()
        name_children(
            self,
            *("swap", "preset", "estimate", "loss_plot", "header", "device_note", "save_menu"),
            *("progress", "status", "preview", "train", "restart", "cancel", "save"),
        )
        self.swap.setToolTip("Exchange the first and the last image")
        self.swap.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self.swap.setFixedWidth(28)
        self.preview.setToolTip(tooltip(_PREVIEW))
        self.restart.setToolTip(tooltip("Discard the training so far and start again."))
        self.train.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.save.setToolTip(
            tooltip("Save frames, fields, model, settings and report as a run folder.")
        )
        self.save_menu.setFixedWidth(22)
        self.save_menu.setToolTip("More ways to save")
        self.set_saveable(False)
        self._menu = menu = QMenu(self)
        for kind, text in (
            ("run", "Run folder…"),
            ("frames", "Frames as OME-TIFF…"),
            ("vectors", "Arrows as CSV…"),
            ("export", "Movies and other formats…"),
        ):
            action = menu.addAction(text)
            action.setObjectName(f"save_{kind}")
            action.triggered.connect(lambda _=False, kind=kind: self.saveRequested.emit(kind))

    def _lay_out(self) -> None:
        choosers = QGridLayout()
        choosers.setContentsMargins(0, 0, 0, 0)
        choosers.setSpacing(4)
        choosers.setColumnStretch(1, 1)
        for line, text, box in (
            (0, "First image", self.first_end),
            (1, "Last image", self.last_end),
            (4, "Preset", self.preset),
        ):
            label = QLabel(text)
            label.setBuddy(box)
            choosers.addWidget(label, line, 0)
            choosers.addWidget(box, line, 1, 1, 1 if box is not self.preset else 2)
        choosers.addWidget(self.swap, 0, 2, 2, 1)
        self.series.add_to(choosers, 2)
        self.form.add_note("training.device", self.device_note)

        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        buttons.addWidget(self.preview)
        buttons.addWidget(self.train, 1)
        for button in (self.restart, self.cancel, self.save):
            buttons.addWidget(button)
        buttons.addSpacing(-3)
        buttons.addWidget(self.save_menu)
        shown = (self.pair_notes, self.estimate, self.loss_plot, self.progress, self.status)
        self.scroll = fill_view(
            self, (self.header, choosers, self.known, self.form), (*shown, buttons)
        )

    def _wire(self) -> None:
        self.swap.clicked.connect(self.swapRequested)
        self.preset.edited.connect(lambda: self.presetChosen.emit(self.preset.value() or CUSTOM))
        self.form.valueChanged.connect(self.settingsChanged)
        self.preview.clicked.connect(self.previewRequested)
        self.train.clicked.connect(self.trainRequested)
        self.restart.clicked.connect(self.restartRequested)
        self.cancel.clicked.connect(self.cancelRequested)
        self.save.clicked.connect(lambda: self.saveRequested.emit("run"))
        self.save_menu.clicked.connect(
            lambda: self._menu.popup(self.save_menu.mapToGlobal(self.save_menu.rect().topLeft()))
        )
