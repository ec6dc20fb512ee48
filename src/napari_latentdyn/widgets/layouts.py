"""Layouts, timers and questions that the windows share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtWidgets import (
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLayout,
    QMessageBox,
    QProgressBar,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

__all__ = [
    "ask_replace",
    "column",
    "fill_view",
    "form_layout",
    "name_children",
    "row",
    "show_job",
    "single_shot",
]

Item: TypeAlias = QWidget | QLayout


def row(first: QWidget, *others: QWidget) -> QHBoxLayout:
    """Return a row of widgets, of which the first takes the free space."""
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    layout.addWidget(first, 1)
    for other in others:
        layout.addWidget(other)
    return layout


def column(
    items: Iterable[Item],
    parent: QWidget | None = None,
    margins: tuple[int, int, int, int] = (0, 0, 0, 0),
    spacing: int = 0,
) -> QVBoxLayout:
    """Return a column of widgets and layouts."""
    layout = QVBoxLayout() if parent is None else QVBoxLayout(parent)
    layout.setContentsMargins(*margins)
    layout.setSpacing(spacing)
    for item in items:
        if isinstance(item, QWidget):
            layout.addWidget(item)
        else:
            layout.addLayout(item)
    return layout


def form_layout() -> QFormLayout:
    """Return an empty form whose fields take the free space."""
    form = QFormLayout()
    form.setContentsMargins(0, 0, 0, 0)
    form.setVerticalSpacing(4)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
    return form


def fill_view(view: QWidget, scrolled: Iterable[Item], below: Iterable[Item]) -> QScrollArea:
    """Fill a view with a scrolling column and a fixed column; return the scrolling area."""
    inside = QWidget()
    column(scrolled, inside, (6, 4, 6, 4), 6).addStretch(1)
    scroll = QScrollArea()
    scroll.setObjectName("scroll")
    scroll.setWidget(inside)
    scroll.setWidgetResizable(True)
    scroll.setFrameShape(QFrame.Shape.NoFrame)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    layout = column((), view)
    layout.addWidget(scroll, 1)
    layout.addLayout(column(below, None, (6, 2, 6, 4), 4))
    view.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
    return scroll


def name_children(view: QWidget, *names: str, prefix: str = "") -> None:
    """Give attributes of a view their names as object names."""
    for name in names:
        getattr(view, name).setObjectName(f"{prefix}{name}")


def show_job(bar: QProgressBar, what: str, done: int, total: int) -> None:
    """Show the progress of a job, ``""`` if there is none."""
    bar.setVisible(bool(what))
    bar.setRange(0, total)
    bar.setValue(done)
    bar.setFormat(f"{what} %p %")


def single_shot(parent: QObject, milliseconds: int, slot: Callable[[], Any]) -> QTimer:
    """Return a timer that calls a slot once after each start."""
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.timeout.connect(slot)
    return timer


def ask_replace(parent: QWidget, title: str, text: str) -> bool:
    """Ask whether something may be replaced."""
    yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
    return bool(QMessageBox.question(parent, title, text, yes | no, no) == yes)
