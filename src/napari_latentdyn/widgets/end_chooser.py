"""The chooser of one end of a pair: a layer, and the frame if the layer is a stack."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from napari_latentdyn.viewer.frames import FrameAxis
from napari_latentdyn.widgets.editors import NARROW, ChoiceBox, IntBox
from napari_latentdyn.widgets.form import tooltip

__all__ = ["EndChooser"]

_TIMES = {"first": "earlier", "last": "later"}


class EndChooser(QWidget):
    """Chooses a layer, and beside it a frame along each axis of a stack.

    The object names are ``first_image`` and ``first_frame`` (of further axes
    ``first_frame.1``, ``first_frame.2``), or the same with ``last``. Frames are
    counted from 1.

    Parameters
    ----------
    end : {"first", "last"}
        Which image of the pair is chosen.
    """

    layerEdited = Signal()
    frameEdited = Signal()

    def __init__(self, end: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._end = end
        self._axes: tuple[FrameAxis, ...] = ()
        self._index: tuple[int, ...] = ()
        self.layer = ChoiceBox()
        self.layer.setObjectName(f"{end}_image")
        self.layer.setToolTip(tooltip(f"Image layer of the {_TIMES[end]} time."))
        self.layer.edited.connect(self.layerEdited)
        self._boxes: list[IntBox] = []
        self._beside = QHBoxLayout()
        self._beside.setSpacing(4)
        self._beside.addWidget(self.layer, 1)
        # Two axes and a name do not fit into one line of a dock of usual width.
        self._further = QWidget()
        below = QHBoxLayout(self._further)
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(4)
        self._below = below
        self._further.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(self._beside)
        column.addWidget(self._further)
        self.setFocusProxy(self.layer)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._box(0)

    @property
    def axes(self) -> tuple[FrameAxis, ...]:
        """The axes along which there is a choice."""
        return self._axes

    @property
    def index(self) -> tuple[int, ...]:
        """Position along each axis in front of the plane, counted from 0."""
        return self._index

    def show_frames(self, axes: Sequence[FrameAxis], index: Sequence[int]) -> None:
        """Offer frames along some axes, and show which one is chosen; emits nothing."""
        self._axes, self._index = tuple(axes), tuple(index)
        for number, axis in enumerate(self._axes):
            box = self._box(number)
            blocked = box.blockSignals(True)
            box.setPrefix(f"{axis.name} " if len(self._axes) > 1 else "")
            box.setSuffix(f" of {axis.size}")
            box.setRange(1, axis.size)
            box.setValue(self._index[axis.number] + 1)
            box.blockSignals(blocked)
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
