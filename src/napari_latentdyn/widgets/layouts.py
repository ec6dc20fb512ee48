"""Layouts that several views share."""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLayout,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

__all__ = ["fill", "form_layout", "in_row"]


def form_layout() -> QFormLayout:
    """Return a form whose editors take all the room beside their labels."""
    form = QFormLayout()
    form.setContentsMargins(0, 0, 0, 0)
    form.setVerticalSpacing(4)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
    return form


def in_row(first: QWidget, *others: QWidget) -> QHBoxLayout:
    """Return widgets beside each other; the first takes the room that is left."""
    layout = QHBoxLayout()
    layout.setSpacing(4)
    layout.addWidget(first, 1)
    for widget in others:
        layout.addWidget(widget)
    return layout


def fill(
    view: QWidget, above: Iterable[QWidget | QLayout], below: Iterable[QWidget | QLayout]
) -> None:
    """Fill a view with a column that scrolls, named ``scroll``, and a fixed one below it."""
    inside = QWidget()
    _column(inside, above, (6, 4, 6, 4), 6).addStretch(1)
    scroll = QScrollArea()
    scroll.setObjectName("scroll")
    scroll.setWidget(inside)
    scroll.setWidgetResizable(True)
    scroll.setFrameShape(QFrame.Shape.NoFrame)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    layout = QVBoxLayout(view)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    layout.addWidget(scroll, 1)
    layout.addLayout(_column(None, below, (6, 2, 6, 4), 4))
    view.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)


def _column(
    parent: QWidget | None,
    parts: Iterable[QWidget | QLayout],
    margins: tuple[int, int, int, int],
    spacing: int,
) -> QVBoxLayout:
    column = QVBoxLayout() if parent is None else QVBoxLayout(parent)
    column.setContentsMargins(*margins)
    column.setSpacing(spacing)
    for part in parts:
        if isinstance(part, QLayout):
            column.addLayout(part)
        else:
            column.addWidget(part)
    return column
