"""The status line: problems of the current choice come before the last message."""

from __future__ import annotations

from typing import Any, Protocol

from napari_latentdyn.widgets.labels import Severity
from napari_latentdyn.widgets.texts import sentence

__all__ = ["Messages", "fail"]

WELCOME = (
    "Choose two images of one scene, taken one after the other, or the first and the last of a "
    "series. File > Open Sample has examples."
)


def fail(view: Any, text: str) -> None:
    """Show an error in the status line of a view, and as a notification of napari."""
    from napari.utils.notifications import show_error

    text = sentence(text)
    view.show_status(text, error=True)
    show_error(text)


class _View(Protocol):
    def show_status(self, text: str, severity: Severity = "info") -> None: ...


class Messages:
    """Decides on the text of the status line, and notifies napari of errors."""

    def __init__(self, view: _View, welcome: str = WELCOME) -> None:
        self._view = view
        self._welcome = welcome
        self._last: tuple[str, Severity] = (welcome, "info")
        self._problem: tuple[str, Severity] = ("", "info")

    def say(self, text: str, doubt: str = "") -> None:
        """Show a message; a doubt follows in the colour of a warning."""
        self._last = (f"{text} {doubt}", "warning") if doubt else (text, "info")
        self._show()

    def forget(self, first: str = "", last: str = "", count: int = 2) -> None:
        """Replace the message about an earlier choice: images of two names are ready."""
        named = first if first == last else f"{first} → {last}"
        images = f"{count} images, {named}" if count > 2 else f"{first} → {last}"
        ready = f"Ready: {images}. Press Preview for a quick answer."
        self.say(ready if first and last else self._welcome)

    def report(self, text: str, severity: Severity = "error") -> None:
        """Show a message with its severity, and as a notification of napari."""
        from napari.utils.notifications import show_error, show_warning

        text = sentence(text)
        if text != self._problem[0]:
            self._last = (text, severity)
        self._view.show_status(text, severity)
        (show_warning if severity == "warning" else show_error)(text)

    def set_problem(self, text: str, severity: Severity = "error") -> None:
        """Set the problem that prevents training, ``""`` for none."""
        self._problem = (text, severity)
        self._show()

    def _show(self) -> None:
        self._view.show_status(*(self._problem if self._problem[0] else self._last))
