"""Editors of single settings: each has `value`, `setValue` and the signal `edited`.

The mouse wheel scrolls the form and never changes a value. Values are never rounded.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from qtpy.QtCore import QSignalBlocker, QSize, Qt, Signal
from qtpy.QtGui import QValidator, QWheelEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from napari_latentdyn.widgets.eliding import ElidingComboBox
from napari_latentdyn.widgets.layouts import row

__all__ = ["NARROW", "CheckBox", "ChoiceBox", "FloatBox", "IntBox", "PairBox"]

#: Style of a spin box beside another control, as napari makes spin boxes wide.
NARROW = (
    "QAbstractSpinBox { min-width: 62px; padding: 1px 4px; }"
    "QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { width: 15px; }"
)
_PARTIAL_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d*)?([eE][+-]?\d*)?")
# QDoubleSpinBox rounds to its number of decimals: the largest number allowed avoids rounding.
_MAX_DECIMALS = sys.float_info.max_10_exp + sys.float_info.dig


class _NoWheel:
    """Leaves the mouse wheel to the scrolling area."""

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Ignore the wheel."""
        if event is not None:
            event.ignore()


class IntBox(_NoWheel, QSpinBox):
    """A whole number, or None (shown as `special`) if `optional`."""

    edited = Signal()

    def __init__(
        self,
        minimum: int | None = None,
        maximum: int | None = None,
        *,
        optional: bool = False,
        special: str = "auto",
    ) -> None:
        super().__init__()
        low = -(2**31) + 1 if minimum is None else minimum
        high = 2**31 - 1 if maximum is None else maximum
        self._optional = optional
        self.setRange(low - 1 if optional else low, high)
        if optional:
            self.setSpecialValueText(special)
        if high > 1024:
            self.setStepType(QSpinBox.StepType.AdaptiveDecimalStepType)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.valueChanged.connect(lambda _: self.edited.emit())

    def value(self) -> int | None:
        """Return the number, or None."""
        value = super().value()
        return None if self._optional and value == self.minimum() else value

    def setValue(self, value: int | None) -> None:
        """Set the number, or None."""
        super().setValue(self.minimum() if value is None else int(value))

    def validate(self, text: str | None, position: int) -> tuple[QValidator.State, str, int]:
        """Accept an empty text if the number is optional."""
        if self._optional and not _number_text(self, text):
            return QValidator.State.Acceptable, text or "", position
        return super().validate(text, position)

    def valueFromText(self, text: str | None) -> int:
        """Read an empty text as None."""
        if self._optional and not _number_text(self, text):
            return self.minimum()
        return super().valueFromText(text)

    def minimumSizeHint(self) -> QSize:
        """Return a width for a few digits, whatever the bounds are."""
        return QSize(72, super().minimumSizeHint().height())


class FloatBox(_NoWheel, QDoubleSpinBox):
    """A real number at full precision, or None (shown as `special`) if `optional`.

    A step changes the leading digit: 0.001, 0.002, ... 0.009, 0.01, 0.02. Only
    magnitudes below 1e-300 lose digits.
    """

    edited = Signal()

    def __init__(
        self,
        minimum: float | None = None,
        maximum: float | None = None,
        *,
        exclusive_minimum: bool = False,
        optional: bool = False,
        special: str = "auto",
    ) -> None:
        super().__init__()
        low = -sys.float_info.max if minimum is None else float(minimum)
        high = sys.float_info.max if maximum is None else float(maximum)
        if exclusive_minimum and not optional:
            # The smallest number far from denormal numbers stands for "more than zero".
            low += 1e-300
        self._optional = optional
        self.setDecimals(_MAX_DECIMALS)
        self.setRange(low, high)
        if optional:
            self.setSpecialValueText(special)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.valueChanged.connect(lambda _: self.edited.emit())

    def value(self) -> float | None:
        """Return the number, or None."""
        value = super().value()
        return None if self._optional and value == self.minimum() else value

    def setValue(self, value: float | None) -> None:
        """Set the number, or None."""
        super().setValue(self.minimum() if value is None else float(value))

    def textFromValue(self, value: float) -> str:
        """Return the shortest text that gives the same number."""
        return repr(float(value)).removesuffix(".0")

    def valueFromText(self, text: str | None) -> float:
        """Read a number; an empty text is None."""
        number = _number_text(self, text)
        try:
            return float(number)
        except ValueError:
            return self.minimum()

    def validate(self, text: str | None, position: int) -> tuple[QValidator.State, str, int]:
        """Accept numbers within the bounds, including numbers such as 1e-4."""
        number = _number_text(self, text)
        state = QValidator.State.Invalid
        if not number:
            state = QValidator.State.Acceptable if self._optional else QValidator.State.Intermediate
        elif _PARTIAL_NUMBER.fullmatch(number):
            state = QValidator.State.Intermediate
            try:
                if self.minimum() <= float(number) <= self.maximum():
                    state = QValidator.State.Acceptable
            except ValueError:
                pass
        return state, text or "", position

    def stepBy(self, steps: int) -> None:
        """Change the leading digit."""
        value = self.value()
        if value is None:
            value = 0.0
        for _ in range(abs(steps)):
            value = _next_value(value, up=steps > 0)
        self.setValue(min(max(value, self.minimum()), self.maximum()))

    def sizeHint(self) -> QSize:
        """Return a width for a few digits; the bounds can have hundreds of digits."""
        return QSize(100, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """Return a width for a few digits."""
        return QSize(84, super().minimumSizeHint().height())


class ChoiceBox(_NoWheel, ElidingComboBox):
    """One of several values, which can be shown by other texts."""

    edited = Signal()

    def __init__(self, values: Iterable[Any] = ()) -> None:
        super().__init__()
        for value in values:
            self.addItem(str(value), value)
        # Long entries must not widen the window.
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.currentIndexChanged.connect(self._on_index)

    def value(self) -> Any:
        """Return the value chosen, or None."""
        return self.currentData()

    def setValue(self, value: Any) -> None:
        """Choose a value; an unknown value clears the choice."""
        self.setCurrentIndex(self._index_of(value))

    def setCurrentText(self, text: str | None) -> None:
        """Choose by value or by the text shown."""
        index = self._index_of(text)
        self.setCurrentIndex(self.findText(text or "") if index < 0 else index)

    def set_texts(self, texts: Mapping[Any, str]) -> None:
        """Show other texts for some of the values."""
        for value, text in texts.items():
            index = self._index_of(value)
            if index >= 0:
                self.setItemText(index, text)
                self.setItemData(index, text, Qt.ItemDataRole.ToolTipRole)

    def set_items(self, items: Iterable[tuple[Any, str]]) -> None:
        """Replace all values and texts, and keep the choice if possible."""
        value = self.value()
        with QSignalBlocker(self):
            self.clear()
            for data, text in items:
                self.addItem(text, data)
                self.setItemData(self.count() - 1, text, Qt.ItemDataRole.ToolTipRole)
            self.setValue(value)

    def _on_index(self, index: int) -> None:
        self.edited.emit()

    def _index_of(self, value: Any) -> int:
        # findData compares through Qt, for which 3 equals 3.0 and 1 equals True.
        for index in range(self.count()):
            data = self.itemData(index)
            if type(data) is type(value) and data == value:
                return index
        return -1


class CheckBox(QCheckBox):
    """Check box of a setting that is true or false."""

    edited = Signal()

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.toggled.connect(lambda _: self.edited.emit())

    def value(self) -> bool:
        """Return whether the box is checked."""
        return self.isChecked()

    def setValue(self, value: bool) -> None:
        """Check or uncheck the box."""
        self.setChecked(bool(value))


class PairBox(QWidget):
    """Two whole numbers side by side: height and width."""

    edited = Signal()

    def __init__(self, minimum: int | None = None, maximum: int | None = None) -> None:
        super().__init__()
        self.boxes = (IntBox(minimum, maximum), IntBox(minimum, maximum))
        self._unit = QLabel()
        times = QLabel("×")
        for label in (times, self._unit):
            label.setIndent(0)
        layout = row(self.boxes[0], times, self.boxes[1], self._unit)
        layout.setSpacing(2)
        layout.setStretch(2, 1)
        self.setLayout(layout)
        self.setFocusProxy(self.boxes[0])
        for box in self.boxes:
            box.setStyleSheet(NARROW)
            box.edited.connect(self.edited)

    def value(self) -> tuple[int, int]:
        """Return both numbers."""
        first, second = (box.value() for box in self.boxes)
        assert first is not None
        assert second is not None
        return first, second

    def setValue(self, value: tuple[int, int]) -> None:
        """Set both numbers; emits `edited` at most once."""
        before = self.value()
        with QSignalBlocker(self):
            for box, number in zip(self.boxes, value, strict=True):
                box.setValue(number)
        if self.value() != before:
            self.edited.emit()

    def setObjectName(self, name: str | None) -> None:
        """Name the pair, and its numbers by position: ``patches.size.0``, ``patches.size.1``."""
        super().setObjectName(name or "")
        for number, box in enumerate(self.boxes):
            box.setObjectName(f"{name}.{number}")

    def setSuffix(self, suffix: str) -> None:
        """Show a unit after both numbers."""
        self._unit.setText(suffix)


def _number_text(box: QSpinBox | QDoubleSpinBox, text: str | None) -> str:
    return (text or "").removesuffix(box.suffix()).strip().replace(",", ".")


def _next_value(value: float, *, up: bool) -> float:
    if value == 0:
        return 0.1 if up else -0.1
    growing = (value > 0) == up
    exponent = math.floor(math.log10(abs(value)))
    leading = abs(value) / 10.0**exponent
    if not growing and leading < 1.0 + 1e-9:
        exponent -= 1
        leading *= 10.0
    # The next round digit: 0.0015 becomes 0.002, not 0.0025.
    digit = math.floor(leading + 1e-9) + 1 if growing else math.ceil(leading - 1e-9) - 1
    return math.copysign(float(f"{digit}e{exponent}"), value)
