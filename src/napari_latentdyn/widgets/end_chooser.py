"""Chooser of an image of a pair: a layer, and the frame of a stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from napari_latentdyn.viewer.frames import FrameAxis
from napari_latentdyn.widgets.editors import NARROW, ChoiceBox, IntBox
from napari_latentdyn.widgets.form import tooltip
from napari_latentdyn.widgets.layouts import column, row

__all__ = ["EndChooser"]

#: Width in pixels of both buttons of a spin box and of its margins.
_BUTTONS = 46
_ANY_WIDTH = 16_777_215  # QWIDGETSIZE_MAX
#: Least width of the chooser of a layer, whose name is elided.
_NARROWEST = 36
_TIMES = {"first": "earlier", "last": "later"}


class EndChooser(QWidget):
    """Chooses a layer, and a frame along each axis of a stack, counted from 1.

    The object names are ``first_image``, ``first_frame``, and ``first_frame.1``, ``.2`` for more
    axes, or the same with ``last``.
    """

    layerEdited = Signal()
    frameEdited = Signal()

    def __init__(self, end: Literal["first", "last"]) -> None:
        super().__init__()
        self._end = end
        self._axes: tuple[FrameAxis, ...] = ()
        self._index: tuple[int, ...] = ()
        self.layer = ChoiceBox()
        self.layer.setObjectName(f"{end}_image")
        self.layer.setMinimumWidth(_NARROWEST)
        self.layer.setToolTip(tooltip(f"Image layer of the {_TIMES[end]} time."))
        self.layer.edited.connect(self.layerEdited)
        self._boxes: list[IntBox] = []
        self._beside = row(self.layer)
        # A layer and two axes do not fit into one line.
        self._further = QWidget()
        self._below = QHBoxLayout(self._further)
        self._below.setContentsMargins(0, 0, 0, 0)
        self._below.setSpacing(4)
        self._further.hide()
        column((self._beside, self._further), self, spacing=4)
        self.setFocusProxy(self.layer)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._box(0)

    @property
    def axes(self) -> tuple[FrameAxis, ...]:
        """The axes with more than one frame."""
        return self._axes

    @property
    def index(self) -> tuple[int, ...]:
        """Index along each leading axis, counted from 0."""
        return self._index

    def show_frames(self, axes: Sequence[FrameAxis], index: Sequence[int]) -> None:
        """Show the choosers of frames for some axes without emitting a signal."""
        self._axes, self._index = tuple(axes), tuple(index)
        for number, axis in enumerate(self._axes):
            box = self._box(number)
            with QSignalBlocker(box):
                box.setPrefix(f"{axis.name} " if len(self._axes) > 1 else "")
                box.setSuffix(f" of {axis.size}")
                box.setRange(1, axis.size)
                box.setValue(self._index[axis.number] + 1)
            # Several axes with names take more room than there is.
            text = "" if box.prefix() else f"{axis.size}{box.suffix()}"
            width = box.fontMetrics().horizontalAdvance(text) + _BUTTONS
            box.setMinimumWidth(width)
            # The name of the layer gets the rest of the line.
            box.setMaximumWidth(width if text else _ANY_WIDTH)
            what = f"along {axis.name}" if len(self._axes) > 1 else "of the stack"
            box.setToolTip(
                tooltip(
                    f"Frame {what} that is the {self._end} image. The slider of the viewer does "
                    "not change this choice."
                )
            )
        for number, box in enumerate(self._boxes):
            box.setVisible(number < len(self._axes))
        self._further.setVisible(len(self._axes) > 1)

    def _box(self, number: int) -> IntBox:
        while len(self._boxes) <= number:
            box = IntBox(1, 1)
            many = len(self._boxes)
            box.setObjectName(f"{self._end}_frame" + (f".{many}" if many else ""))
            box.setStyleSheet(NARROW)
            box.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
            box.hide()
            (self._below if many else self._beside).addWidget(box)
            box.edited.connect(self._on_frame)
            self._boxes.append(box)
        return self._boxes[number]

    def _on_frame(self) -> None:
        index = list(self._index)
        for axis, box in zip(self._axes, self._boxes, strict=False):
            index[axis.number] = (box.value() or 1) - 1
        self._index = tuple(index)
        self.frameEdited.emit()
