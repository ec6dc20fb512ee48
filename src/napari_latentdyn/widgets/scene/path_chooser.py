"""Chooses a file or folder: by typing, dropping, or in one of several dialogs."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLabel, QMenu, QPushButton, QSizePolicy, QWidget

from napari_latentdyn.widgets.labels import WrappingLabel
from napari_latentdyn.widgets.layouts import column, row
from napari_latentdyn.widgets.palette import Palette
from napari_latentdyn.widgets.text_boxes import PathBox

__all__ = ["PathChooser"]

#: A name, a text, and a dialog that returns a path, ``""`` if it is cancelled.
Dialog = tuple[str, str, Callable[[], str]]


class PathChooser(QWidget):
    """A path with a menu of dialogs, and a line of facts, which a form places below.

    The object names are those of the path, and with ``_choose`` of the button, with the name of
    the dialog of each entry of its menu, and with ``_facts`` of the line.
    """

    edited = Signal()
    dropped = Signal(list)

    def __init__(self, name: str, special: str, dialogs: Sequence[Dialog]) -> None:
        super().__init__()
        self.path = PathBox(special)
        self.path.setObjectName(name)
        self.choose = QPushButton("…")
        self.choose.setObjectName(f"{name}_choose")
        self.choose.setFixedWidth(28)
        self.choose.setToolTip("Choose in a dialog")
        self.facts = WrappingLabel()
        self.facts.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.facts.setObjectName(f"{name}_facts")
        self.show_facts("")
        self._menu = QMenu(self)
        self._menu.setObjectName(f"{name}_menu")
        for key, text, ask in dialogs:
            action = self._menu.addAction(text)
            action.setObjectName(f"{name}_{key}")
            action.triggered.connect(lambda _=False, ask=ask: self._ask(ask))
        column((row(self.path, self.choose),), self)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.path.edited.connect(self.edited)
        self.path.dropped.connect(self.dropped)
        self.choose.clicked.connect(
            lambda: self._menu.popup(self.choose.mapToGlobal(self.choose.rect().bottomLeft()))
        )

    def label(self, text: str) -> QLabel:
        """Return a label whose mnemonic and whose name for screen readers are those of the path."""
        label = QLabel(text)
        # With a focus proxy the key Tab would not leave path and button.
        label.setBuddy(self.path)
        return label

    def value(self) -> str:
        """Return the path, ``""`` if there is none."""
        return self.path.value() or ""

    def set_value(self, path: str) -> None:
        """Set the path."""
        self.path.setValue(path)

    def show_facts(self, text: str) -> None:
        """Show one line below the path, ``""`` for none."""
        self.facts.setText(html.escape(text))
        self.facts.setVisible(bool(text))

    def set_palette(self, palette: Palette) -> None:
        """Use the colours of another theme."""
        self.facts.setStyleSheet(f"color: {palette.dim};")

    def _ask(self, ask: Callable[[], str]) -> None:
        path = ask()
        if path:
            self.set_value(path)
