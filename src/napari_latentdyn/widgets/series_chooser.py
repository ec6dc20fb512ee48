"""Chooser of the images between the first and the last one, and of the times of all."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QGridLayout, QLabel

from napari_latentdyn.widgets.editors import NARROW, IntBox
from napari_latentdyn.widgets.form import tooltip
from napari_latentdyn.widgets.labels import WrappingLabel
from napari_latentdyn.widgets.layouts import row
from napari_latentdyn.widgets.text_boxes import TextBox

__all__ = ["SeriesChooser"]

_STEP = (
    "Step from image to image between the first and the last one: 1 uses all of them, 2 every "
    "second. Without a step, the first and the last image are used alone."
)
_TIMES = (
    "Times of the images, separated by commas: numbers in the unit “Time between the images”, or "
    "dates such as 2024-03-01T12:00. If empty, the times are those shown in grey."
)


class SeriesChooser:
    """Two lines of a grid: the step from image to image, and the times of the images.

    The lines are hidden where nothing lies in between; that of the times also where two images
    are used. The object names are ``image_step``, ``image_count`` and ``image_times``.
    """

    def __init__(self) -> None:
        self.step = IntBox(1, 1, optional=True, special="two images")
        self.step.setObjectName("image_step")
        self.step.setToolTip(tooltip(_STEP))
        self.step.setStyleSheet(NARROW)
        # Many images and a long time must not widen the window.
        self.count = WrappingLabel()
        self.count.setObjectName("image_count")
        self.times = TextBox()
        self.times.setObjectName("image_times")
        self.times.setToolTip(tooltip(_TIMES))
        self._labels = QLabel("Image step"), QLabel("Image times")
        for label, box, text in (
            (self._labels[0], self.step, _STEP),
            (self._labels[1], self.times, _TIMES),
        ):
            label.setBuddy(box)
            label.setToolTip(tooltip(text))

    def add_to(self, grid: QGridLayout, line: int) -> None:
        """Add both lines to a grid of labels and editors."""
        beside = row(self.step, self.count)
        beside.setStretch(1, 1)
        for number, (label, box) in enumerate(
            zip(self._labels, (beside, row(self.times)), strict=True)
        ):
            grid.addWidget(label, line + number, 0)
            grid.addLayout(box, line + number, 1, 1, 2)
        self.offer(0, 2, "")

    def offer(self, between: int, used: int, times: str, span: str = "") -> None:
        """Show how many images lie in between and are used, their known times and time span."""
        with QSignalBlocker(self.step):
            self.step.setRange(0, max(1, between))
        self.count.setText(f"{used} images, {span}" if span else f"{used} images")
        self.times.setPlaceholderText(times)
        for part in (self._labels[0], self.step, self.count):
            part.setVisible(between > 0)
        for part in (self._labels[1], self.times):
            part.setVisible(between > 0 and used > 2)

    def show_choice(self, step: int | None, times: str | None) -> None:
        """Show another step and other times without a signal."""
        with QSignalBlocker(self.step), QSignalBlocker(self.times):
            self.step.setValue(step)
            self.times.setValue(times)
