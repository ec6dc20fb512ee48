"""Progress on standard error: one line that is rewritten, or occasional lines for a file."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from napari_latentdyn.core.runfolder.evidence import agreement_note

if TYPE_CHECKING:
    from napari_latentdyn.core.training.fit import Progress

__all__ = ["ProgressLine", "clock"]

_TITLES = {
    "prepare": "Preparing",
    "scene": "Computing",
    "train": "Training",
    "render": "Rendering",
    "learn": "Learning",
    "carry": "Carrying",
}
_REDRAW_SECONDS = 0.1
_LINE_SECONDS = 15.0


class ProgressLine:
    """Shows the progress of a run on standard error; `now` returns the time in seconds."""

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        quiet: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._quiet = quiet
        self._now = now
        self._rewrites = self._stream.isatty()
        self._open = False
        self._shown_at = -float("inf")
        self._phase = ""
        self._phase_from = (0.0, 0)

    def show(self, progress: Progress) -> None:
        """Show the progress of a fit."""
        loss = progress.losses.get("total")
        note = f"loss {loss:.4g}" if loss is not None else ""
        if agreement := agreement_note(progress.agreement_before, progress.agreement):
            note = f"{agreement}  {note}"
        if progress.phase == "prepare":
            note = progress.message
        self.step(progress.phase, progress.step, progress.total, note)

    def step(self, phase: str, step: int, total: int, note: str = "") -> None:
        """Show that `step` of `total` parts of a phase are done."""
        if self._quiet:
            return
        now = self._now()
        if phase != self._phase:
            self._phase, self._phase_from = phase, (now, step)
            self._shown_at = -float("inf")
        wait = _REDRAW_SECONDS if self._rewrites else _LINE_SECONDS
        if now - self._shown_at < wait and step < total:
            return
        self._shown_at = now
        began, first = self._phase_from
        count = f"{step:>{len(str(total))}}/{total}"
        if phase in ("prepare", "scene"):
            count = f"{100 * step // max(total, 1):>3} %"
        parts = [f"{_TITLES.get(phase, phase):<9}", count]
        if note:
            parts.append(note)
        if step > first and step < total:
            left = (now - began) / (step - first) * (total - step)
            parts.append(f"{clock(left)} left")
        self._write("  ".join(parts), end=not self._rewrites)

    def tell(self, text: str) -> None:
        """Show a message on its own line, unless quiet."""
        if not self._quiet:
            self.note(text)

    def note(self, text: str) -> None:
        """Show a message on its own line, even when quiet."""
        self.close()
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def close(self) -> None:
        """End the line that is being rewritten."""
        if self._open:
            self._stream.write("\n")
            self._stream.flush()
            self._open = False

    def _write(self, text: str, *, end: bool) -> None:
        self._stream.write(f"{text}\n" if end else f"\r\x1b[K{text}")
        self._stream.flush()
        self._open = not end


def clock(seconds: float) -> str:
    """Write a duration as minutes and seconds, or hours where there are some."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
