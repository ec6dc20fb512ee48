"""The view of "Large scene": controls and signals, without a viewer."""

from __future__ import annotations

import html
import itertools
from functools import partial
from typing import Any

from qtpy.QtCore import QSize, Signal
from qtpy.QtWidgets import QLabel, QProgressBar, QPushButton, QSizePolicy, QWidget

from napari_latentdyn.core.observations.images.raster import DRIVERS
from napari_latentdyn.settings.scene import SCENE_PRESETS, SceneOptions
from napari_latentdyn.widgets.file_dialogs import ask_file, ask_folder, ask_target
from napari_latentdyn.widgets.form import SettingsForm, tooltip
from napari_latentdyn.widgets.labels import Severity, StatusLine, WrappingLabel
from napari_latentdyn.widgets.layouts import fill_view, name_children, row
from napari_latentdyn.widgets.learn_view import DOCUMENTATION
from napari_latentdyn.widgets.pair_notes import NotesLabel
from napari_latentdyn.widgets.palette import DARK, Palette
from napari_latentdyn.widgets.preset_box import CUSTOM, PresetBox
from napari_latentdyn.widgets.scene.path_chooser import PathChooser

__all__ = ["LargeSceneView"]

#: Settings that have an editor, and whether each is advanced; presets decide on the others.
_SHOWN = {
    "output.frames": False,
    "images.channel": True,
    "images.missing_value": True,
    "images.interval": True,
    "images.interval_unit": True,
    "training.device": True,
    "training.threads": True,
}
_SUFFIXES = " ".join(f"*{suffix}" for suffix in (".tif", ".tiff", *DRIVERS))
_FILTERS = f"Images (*.TIF *.TIFF {_SUFFIXES});;All files (*)"
_TIMES = {"first": "earlier", "last": "later"}


class LargeSceneView(QWidget):
    """Choosers of images and folder and a few settings, with progress and status below."""

    edited = Signal()
    presetChosen = Signal(str)
    layersRequested = Signal()
    startRequested = Signal()
    stopRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.first, self.last = (self._image(end) for end in ("first", "last"))
        self.use_layers = QPushButton("From the selected layers")
        self.swap = QPushButton("⇅")
        self.preset = PresetBox(SCENE_PRESETS)
        self.form = SettingsForm(_SHOWN)
        self.options: dict[str, Any] = {
            name: self.form.add_option(name, field)
            for name, field in SceneOptions.model_fields.items()
        }
        self.output = PathChooser(
            "output",
            "new or empty folder",
            (
                ("new", "New folder…", self._ask_new),
                ("folder", "Folder that exists…", partial(ask_folder, self, "Choose the folder")),
            ),
        )
        self.pair_notes = NotesLabel()
        self.summary = WrappingLabel()
        self.progress = QProgressBar()
        self.status = StatusLine()
        self.start = QPushButton("Start")
        self.stop = QPushButton("Stop")
        self._dress()
        self._lay_out()
        self._wire()
        self.set_running(False)
        self.set_palette(DARK)

    # ------------------------------------------------------------------ show

    def show_status(self, text: str, severity: Severity = "info") -> None:
        """Show one line, in the colour of its severity."""
        self.status.say(text, severity)

    def show_summary(self, text: str) -> None:
        """Show the size of the work, ``""`` if it is not known."""
        self.summary.setText(html.escape(text))
        self.summary.setVisible(bool(text))

    def show_progress(self, done: int, total: int, text: str) -> None:
        """Show the progress; a total of 0 means unknown."""
        self.progress.setRange(0, total)
        self.progress.setValue(done)
        self.progress.setFormat(text)

    def show_layers(self, names: tuple[str, str] | None) -> None:
        """Offer the files of two layers by their names, None if there are not two."""
        self.use_layers.setEnabled(names is not None)
        self.use_layers.setToolTip(
            tooltip(
                "Select two image layers that were opened from files."
                if names is None
                else f"Take the files of {names[0]} and {names[1]}."
            )
        )

    def set_ready(self, ready: bool) -> None:
        """Enable Start."""
        self.start.setEnabled(ready)

    def set_running(self, running: bool) -> None:
        """Enable Stop while a scene is computed, and the form otherwise."""
        inside = self.scroll.widget()
        if inside is not None:
            inside.setEnabled(not running)
        self.progress.setVisible(running)
        self.stop.setEnabled(running)
        if running:
            self.start.setEnabled(False)
            self.show_progress(0, 0, "")

    def set_palette(self, palette: Palette) -> None:
        """Use the colours of another theme."""
        for chooser in (self.first, self.last, self.output):
            chooser.set_palette(palette)
        self.pair_notes.set_palette(palette)
        self.status.set_palette(palette)
        self.summary.setStyleSheet(f"color: {palette.dim};")
        self.header.setText(
            f'<a style="color:{palette.dim}" href="{DOCUMENTATION}/large/">Large scenes</a>'
        )

    # ----------------------------------------------------------------- build

    def minimumSizeHint(self) -> QSize:
        """Fit beside the canvas of a small screen."""
        return QSize(320, 320)

    def sizeHint(self) -> QSize:
        """Return a size at which settings do not wrap."""
        return QSize(370, 560)

    def _image(self, end: str) -> PathChooser:
        chooser = PathChooser(
            f"{end}_file",
            "TIFF, COG or Zarr",
            (
                ("file", "File…", partial(ask_file, self, f"Choose the {end} image", _FILTERS)),
                ("zarr", "Zarr folder…", partial(ask_folder, self, f"Choose the {end} image")),
            ),
        )
        chooser.path.setToolTip(
            tooltip(
                f"File of the {_TIMES[end]} time: TIFF, BigTIFF, GeoTIFF, COG, or a folder of "
                "Zarr or OME-Zarr; FILE:3 takes one image of a Zarr. It is read tile by tile."
            )
        )
        return chooser

    def _ask_new(self) -> str:
        return ask_target(self, "Name the new folder", "scene", "Folder (*)", confirm=False)

    def _dress(self) -> None:
        self.header = QLabel()
        self.header.setOpenExternalLinks(True)
        name_children(
            self,
            *("use_layers", "swap", "preset", "summary", "progress", "status", "start", "stop"),
            "header",
        )
        self.swap.setToolTip("Exchange the first and the last image")
        self.swap.setFixedWidth(28)
        self.output.path.setToolTip(
            tooltip(
                "Folder into which the frames are written, as OME-Zarr. A scene in it that was "
                "stopped is continued."
            )
        )
        self.start.setToolTip(
            tooltip(
                "Match both images tile by tile and draw the frames; the window stays usable. A "
                "scene that was stopped continues."
            )
        )
        self.start.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.stop.setToolTip(
            tooltip("Stop after this tile and keep the finished tiles; Start continues the scene.")
        )
        self.show_summary("")
        self.show_layers(None)
        self.set_ready(False)

    def _lay_out(self) -> None:
        rows = self.form.basic
        rows.insertRow(0, self.first.label("First image"), self.first)
        # The whole width, so that they need one line only.
        rows.insertRow(1, self.first.facts)
        rows.insertRow(2, self.last.label("Last image"), self.last)
        rows.insertRow(3, self.last.facts)
        rows.insertRow(4, "", row(self.use_layers, self.swap))
        rows.insertRow(5, "Preset", self.preset)
        rows.addRow(self.output.label("Output folder"), self.output)
        self.scroll = fill_view(
            self,
            (self.header, self.form),
            (
                *(self.pair_notes, self.summary, self.progress, self.status),
                row(self.start, self.stop),
            ),
        )
        self._order_tabs()

    def _order_tabs(self) -> None:
        """Let the key Tab go through the controls from above."""
        above = [
            *(control for end in (self.first, self.last) for control in (end.path, end.choose)),
            *(self.use_layers, self.swap, self.preset, self.form.editor("output.frames")),
            *(self.output.path, self.output.choose),
        ]
        below = [self.options["scheduler"], self.start, self.stop]
        for controls in (above, below):
            for control, following in itertools.pairwise(controls):
                QWidget.setTabOrder(control, following)

    def _wire(self) -> None:
        for chooser in (self.first, self.last, self.output):
            chooser.edited.connect(self.edited)
        for chooser in (self.first, self.last):
            chooser.dropped.connect(self._take_pair)
        self.form.valueChanged.connect(self.edited)
        self.preset.edited.connect(lambda: self.presetChosen.emit(self.preset.value() or CUSTOM))
        self.swap.clicked.connect(
            lambda: self._take_pair([self.last.path.text(), self.first.path.text()])
        )
        self.use_layers.clicked.connect(self.layersRequested)
        self.start.clicked.connect(self.startRequested)
        self.stop.clicked.connect(self.stopRequested)

    def _take_pair(self, paths: list[str]) -> None:
        self.first.set_value(paths[0])
        self.last.set_value(paths[1])
