"""Editors of texts: a line, and the path of a file or folder."""

from __future__ import annotations

import html
from collections.abc import Sequence

from qtpy.QtCore import QMimeData, QUrl, Signal
from qtpy.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from qtpy.QtWidgets import QLineEdit

__all__ = ["PathBox", "TextBox"]


class TextBox(QLineEdit):
    """A line of text, or None (shown as `special`) if it is empty."""

    edited = Signal()

    def __init__(self, special: str = "") -> None:
        super().__init__()
        self.setPlaceholderText(special)
        self.setMinimumWidth(60)
        self.textChanged.connect(lambda _: self.edited.emit())

    def value(self) -> str | None:
        """Return the text without blanks around it, or None."""
        return self.text().strip() or None

    def setValue(self, value: str | None) -> None:
        """Set the text, or None."""
        self.setText(value or "")


class PathBox(TextBox):
    """The path of a file or folder, which can be typed, pasted or dropped.

    The whole path is in the tooltip. `dropped` has all paths that were dropped at once, if there
    are several.
    """

    dropped = Signal(list)

    def __init__(self, special: str = "") -> None:
        super().__init__(special)
        self._explanation = ""
        self.setAcceptDrops(True)
        self.edited.connect(lambda: self.setToolTip(self._explanation))

    def value(self) -> str | None:
        """Return the path, also of an address ``file://`` or of a quoted path, or None."""
        text = super().value()
        if text is None:
            return None
        if text.startswith("file://"):
            return QUrl(text).toLocalFile() or None
        if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
            # Some file managers copy a path with quotes.
            text = text[1:-1]
        return text or None

    def setToolTip(self, text: str | None) -> None:
        """Explain the path, below the whole path."""
        self._explanation = text or ""
        path = self.text().strip()
        shown = f"<qt>{html.escape(path)}<br><br>" if path else "<qt>"
        super().setToolTip(self._explanation.replace("<qt>", shown, 1))

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Accept files and folders, and texts as other lines do."""
        if event is not None and _local_paths(event.mimeData()):
            event.acceptProposedAction()
            return
        super().dragEnterEvent(event)

    def dragMoveEvent(self, event: QDragMoveEvent | None) -> None:
        """Accept files and folders, and texts as other lines do."""
        if event is not None and _local_paths(event.mimeData()):
            event.acceptProposedAction()
            return
        super().dragMoveEvent(event)

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Replace the text by the path of a file or folder."""
        paths: Sequence[str] = [] if event is None else _local_paths(event.mimeData())
        if event is None or not paths:
            super().dropEvent(event)
            return
        event.acceptProposedAction()
        if len(paths) > 1:
            self.dropped.emit(list(paths))
        else:
            self.setValue(paths[0])


def _local_paths(data: QMimeData | None) -> list[str]:
    urls = [] if data is None else data.urls()
    paths = [url.toLocalFile() for url in urls if url.isLocalFile()]
    # The path of a folder may end in a slash, and that of a drive has to.
    return [path.rstrip("/") if len(path) > len("C:/") else path for path in paths]
