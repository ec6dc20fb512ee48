"""The view of "Explore dynamics": controls and signals, without a viewer."""

from __future__ import annotations

import html
from typing import Any

from qtpy.QtCore import QSignalBlocker, QSize, Signal
from qtpy.QtWidgets import QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_latentdyn.viewer.explore.options import ExploreOptions
from napari_latentdyn.widgets.editors import CheckBox, ChoiceBox
from napari_latentdyn.widgets.explore.carry import CarryBox
from napari_latentdyn.widgets.explore.legend import Legend
from napari_latentdyn.widgets.explore.profile_plot import ProfilePlot
from napari_latentdyn.widgets.form import make_editor, tooltip
from napari_latentdyn.widgets.labels import StatusLine, WrappingLabel
from napari_latentdyn.widgets.layouts import (
    column,
    fill_view,
    form_layout,
    name_children,
    row,
    show_job,
)
from napari_latentdyn.widgets.palette import DARK, Palette

__all__ = ["ExploreView"]

#: Buttons by their object names: text and explanation.
_BUTTONS = {
    "draw_frames": ("Compute", "Compute these frames from the result."),
    "place_points": (
        "Place points",
        "Add a layer of points: click in the image to place tracers, drag to move them.",
    ),
    "place_grid": ("Place grid", "Place tracers on a grid; the tracers placed before are removed."),
    "carry": ("Carry", "Carry the tracers along the motion, and show their paths as tracks."),
    "carry_along": (
        "Carry along",
        "Carry the layer to the times of the frames, as a layer that the next press updates.",
    ),
    "draw_line": (
        "Draw a line",
        "Add a layer of lines: draw one in the image to see the values along it over time.",
    ),
    "export": (
        "Export…",
        "Write frames, fields, tracks, movies and figures in the formats of other programs.",
    ),
    "show_latents": (
        "Show the latent channels",
        "Add one layer for each channel of the latent state, side by side in a grid.",
    ),
}


class ExploreView(QWidget):
    """Choice of a result, a section for each group of `ExploreOptions`, and a status line.

    `optionsChosen` has the group that changed, `pressed` the object name of a button.
    """

    resultChosen = Signal()
    openRequested = Signal()
    cancelRequested = Signal()
    profileChanged = Signal()
    bandChanged = Signal()
    optionsChosen = Signal(str)
    pressed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._editors: dict[str, Any] = {}
        self.buttons = {name: QPushButton(text) for name, (text, _) in _BUTTONS.items()}
        for name, button in self.buttons.items():
            button.setObjectName(name)
            button.setToolTip(tooltip(_BUTTONS[name][1]))
            button.clicked.connect(lambda _=False, name=name: self.pressed.emit(name))
        self.result = ChoiceBox()
        self.result.setToolTip(tooltip("Result to explore: of this window, or a run folder."))
        self.result.edited.connect(self.resultChosen)
        self.open_run = QPushButton("Open…")
        self.open_run.setToolTip(tooltip("Open a run folder that was saved."))
        self.open_run.clicked.connect(self.openRequested)
        self.about = WrappingLabel()
        self.legend = Legend()
        self.carry_box = CarryBox()
        self.cursor = CheckBox("Values under the cursor")
        self.cursor.setObjectName("profile.cursor")
        self.cursor.setToolTip(
            tooltip("Plot the values of the frames under the cursor over time, and of the map.")
        )
        self.cursor.edited.connect(self.profileChanged)
        self.band = CheckBox("Band of one standard deviation")
        self.band.setObjectName("profile.band")
        self.band.setToolTip(
            tooltip(
                "Draw a band around the values under the cursor: the image at that time would lie "
                "within the band in about 68 % of all places. The standard deviations of all "
                "frames are computed first."
            )
        )
        self.band.edited.connect(self.bandChanged)
        self.profile = ProfilePlot()
        self.progress = QProgressBar()
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip(tooltip("Stop the computation; nothing changes."))
        self.cancel.clicked.connect(self.cancelRequested)
        self.status = StatusLine()
        self.sections = QWidget()
        name_children(
            self,
            *("result", "open_run", "about", "legend", "profile", "progress", "cancel", "status"),
            "sections",
        )
        self._lay_out()
        self.set_busy("")
        self.set_usable(False)
        self.set_palette(DARK)

    # ------------------------------------------------------------------ show

    def options(self) -> ExploreOptions:
        """Return the options chosen."""
        data: dict[str, dict[str, Any]] = {}
        for name, editor in self._editors.items():
            group, _, field = name.partition(".")
            data.setdefault(group, {})[field] = editor.value()
        return ExploreOptions.parse(data)

    def set_option(self, name: str, value: Any) -> None:
        """Set an option to what is shown; no layer changes."""
        with QSignalBlocker(self._editors[name]):
            self._editors[name].setValue(value)

    def show_about(self, text: str) -> None:
        """Describe the result."""
        self.about.setText(html.escape(text))
        self.about.setVisible(bool(text))

    def show_status(self, text: str, *, error: bool = False) -> None:
        """Show one line."""
        self.status.say(text, "error" if error else "info")

    def set_busy(self, what: str, done: int = 0, total: int = 0) -> None:
        """Show the progress of a computation, ``""`` if there is none."""
        show_job(self.progress, what, done, total)
        self.cancel.setEnabled(bool(what))

    def set_usable(self, usable: bool) -> None:
        """Enable the controls that need a result."""
        self.sections.setEnabled(usable)
        self.buttons["export"].setEnabled(usable)

    def set_palette(self, palette: Palette) -> None:
        """Use the colours of another theme."""
        self.about.setStyleSheet(f"color: {palette.dim};")
        self.profile.set_palette(palette)
        self.status.set_palette(palette)

    # ----------------------------------------------------------------- build

    def minimumSizeHint(self) -> QSize:
        """Fit beside the canvas of a small screen."""
        return QSize(300, 320)

    def sizeHint(self) -> QSize:
        """Return a size at which options do not wrap."""
        return QSize(330, 640)

    def _lay_out(self) -> None:
        label = QLabel("Result")
        label.setBuddy(self.result)
        chooser = row(self.result, self.open_run, self.buttons["export"])
        chooser.insertWidget(0, label)
        inner = column((), self.sections, spacing=6)
        for group in ExploreOptions.model_fields:
            self._add_section(inner, group)
        inner.addWidget(_heading("Carry along"))
        inner.addWidget(self.carry_box)
        inner.addWidget(self.buttons["carry_along"])
        inner.addWidget(_heading("Profile"))
        inner.addLayout(row(self.cursor, self.buttons["draw_line"]))
        inner.addWidget(self.band)
        inner.addWidget(self.profile)
        inner.addWidget(_heading("Latent state"))
        inner.addWidget(self.buttons["show_latents"])
        self.scroll = fill_view(
            self,
            (chooser, self.about, self.sections),
            (self.legend, self.progress, row(self.status, self.cancel)),
        )

    def _add_section(self, inner: QVBoxLayout, group: str) -> None:
        field = ExploreOptions.model_fields[group]
        inner.addWidget(_heading(field.title or group))
        form = form_layout()
        model: Any = field.annotation
        for name, option in model.model_fields.items():
            dotted = f"{group}.{name}"
            editor: Any = make_editor(dotted, option)
            editor.setValue(option.default)
            self._editors[dotted] = editor
            editor.edited.connect(lambda group=group: self.optionsChosen.emit(group))
            if isinstance(editor, CheckBox):
                form.addRow(editor)
                continue
            label = QLabel(option.title or name)
            label.setToolTip(editor.toolTip())
            label.setBuddy(editor)
            beside = {"frames.count": "draw_frames", "tracers.spacing": "place_grid"}.get(dotted)
            form.addRow(label, row(editor, self.buttons[beside]) if beside else editor)
        inner.addLayout(form)
        if group == "tracers":
            inner.addLayout(row(self.buttons["place_points"], self.buttons["carry"]))


def _heading(text: str) -> QLabel:
    label = QLabel(f"<b>{html.escape(text)}</b>")
    label.setContentsMargins(0, 4, 0, 0)
    return label
