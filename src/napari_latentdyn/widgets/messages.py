"""What the status line says: problems of the present choice before what happened last."""

from __future__ import annotations

from napari_latentdyn.widgets.learn_view import LearnView, Severity
from napari_latentdyn.widgets.texts import sentence

__all__ = ["Messages"]

WELCOME = (
    "Choose two images of one scene, taken one after the other. File > Open Sample has examples."
)


class Messages:
    """Decides what the status line of a view shows, and tells napari of errors."""

    def __init__(self, view: LearnView) -> None:
        self._view = view
        self._last: tuple[str, Severity] = (WELCOME, "info")
        self._problem: tuple[str, Severity] = ("", "info")

    def say(self, text: str, doubt: str = "") -> None:
        """Show one line, and in the colour of a warning why it may not be trusted."""
        self._last = (f"{text} {doubt}", "warning") if doubt else (text, "info")
        self._show()

    def forget(self, first: str = "", last: str = "") -> None:
        """Drop the message about an earlier choice, and say that two named images are ready."""
        ready = f"Ready: {first} → {last}. Press Preview for a quick answer."
        self.say(ready if first and last else WELCOME)

    def report(self, text: str, severity: Severity = "error") -> None:
        """Show one line in the colour of its severity, and as a notification of napari."""
        from napari.utils.notifications import show_error, show_warning

        text = sentence(text)
        if text != self._problem[0]:
            self._last = (text, severity)
        self._view.show_status(text, severity)
        (show_warning if severity == "warning" else show_error)(text)

    def set_problem(self, text: str, severity: Severity = "error") -> None:
        """Say what keeps the present choice from being trained, ``""`` if nothing does."""
        self._problem = (text, severity)
        self._show()

    def _show(self) -> None:
        self._view.show_status(*(self._problem if self._problem[0] else self._last))
