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

__all__ = ["ProgressDisplay"]


class ProgressDisplay:
    """Shows the steps of a background job in a view."""

    def __init__(self, view: LearnView, preview: Preview) -> None:
        self._view = view
        self._preview = preview
        self._began: tuple[int, float] | None = None

    def begin(self, *, restart: bool) -> None:
        """Prepare for a run; `restart` clears the losses."""
        self._began = None
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
        if event.phase != "train":
            doing = event.message.rstrip("….")
            self._view.show_progress(
                event.step, event.total, f"{doing} – %p %" if doing else "%p %"
            )
            state = State.RENDERING if event.phase == "render" else State.PREPARING
            return state, sentence(event.message)
        text = "%p %"
        now = time.monotonic()
        if self._began is None:
            self._began = (event.step, now)
        done, taken = event.step - self._began[0], now - self._began[1]
        if done >= 2 and taken > 1:
            text += f" – {duration(taken / done * (event.total - event.step))} left"
        self._view.show_progress(event.step, event.total, text)
        note = agreement_note(event.agreement_before, event.agreement)
        return State.TRAINING, (
            f"{event.message}: step {event.step} of {event.total}{'; ' if note else ''}{note}."
        )
