"""Progress of a run: bar, time left, loss plot and live preview."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from napari_latentdyn.core.runfolder.evidence import agreement_note
from napari_latentdyn.widgets.state import State
from napari_latentdyn.widgets.texts import duration, sentence

if TYPE_CHECKING:
    from napari_latentdyn.core.training.fit import Progress
    from napari_latentdyn.widgets.learn_view import LearnView
    from napari_latentdyn.widgets.preview import Preview

__all__ = ["ProgressDisplay", "TimeLeft"]


class TimeLeft:
    """Time left of a job, from the pace since its first step."""

    def __init__(self) -> None:
        self._began: tuple[float, float] | None = None

    def text(self, done: float, total: float, least: float = 0.0) -> str:
        """Return a text such as " – 20 s left"; ``""`` within a second, or up to `least` parts."""
        now = time.monotonic()
        if self._began is None:
            self._began = (done, now)
        made, taken = done - self._began[0], now - self._began[1]
        if made <= least or taken <= 1 or done >= total:
            return ""
        return f" – {duration(taken / made * (total - done))} left"


class ProgressDisplay:
    """Shows the steps of a background job in a view."""

    def __init__(self, view: LearnView, preview: Preview) -> None:
        self._view = view
        self._preview = preview
        self._time_left = TimeLeft()
        self._note = ""

    def begin(self, *, restart: bool) -> None:
        """Prepare for a run; `restart` clears the losses."""
        self._time_left = TimeLeft()
        self._note = ""
        if restart:
            self._view.loss_plot.clear()
        self._view.show_progress(0, 0, "")

    def show(self, events: list[Progress]) -> tuple[State, str] | None:
        """Show steps; return the state after the last step, and its message."""
        for event in events:
            if event.phase == "train":
                self._view.loss_plot.add(
                    event.step, event.losses, event.agreement, event.agreement_before
                )
                self._view.loss_plot.show()
        previews = [event.preview for event in events if event.preview is not None]
        if previews and self._view.form.editor("output.preview").value():
            self._preview.show(previews[-1])
        if not events:
            return None
        event = events[-1]
        self._note = next((one.note for one in events[::-1] if one.note), self._note)
        if event.phase != "train":
            doing, said = event.message.rstrip("…."), sentence(event.message)
            self._view.show_progress(
                event.step, event.total, f"{doing} – %p %" if doing else "%p %"
            )
            if event.phase != "prepare":
                return State.RENDERING if event.phase == "render" else State.PREPARING, said
            return State.PREPARING, f"{said} {self._note}".strip()
        text = f"%p %{self._time_left.text(event.step, event.total, least=1)}"
        self._view.show_progress(event.step, event.total, text)
        note = agreement_note(event.agreement_before, event.agreement)
        return State.TRAINING, (
            f"{event.message}: step {event.step} of {event.total}{'; ' if note else ''}{note}."
        )
