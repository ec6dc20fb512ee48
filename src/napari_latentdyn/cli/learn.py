"""Fit and write, with progress, and with a first Ctrl-C that stops in good order."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_latentdyn.cli.codes import INTERRUPTED, OK, TERMINATED
from napari_latentdyn.cli.errors import OutputError
from napari_latentdyn.cli.progress import ProgressLine, clock
from napari_latentdyn.core.runfolder.evidence import agreement_sentence, motion_sentence
from napari_latentdyn.errors import RunFolderError, Stopped
from napari_latentdyn.generators import drain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_latentdyn.core.dynamics.checkpoint import Checkpoint
    from napari_latentdyn.core.dynamics.result import Dynamics
    from napari_latentdyn.core.observations.pair import ImagePair
    from napari_latentdyn.settings import Settings

__all__ = ["Interrupt", "interruptible", "learn", "write"]


class Interrupt:
    """Whether the user pressed Ctrl-C, or the system asked the process to end."""

    def __init__(self, line: ProgressLine) -> None:
        self.code = OK
        self._line = line
        self._asked = False
        self._told = False

    def should_stop(self) -> bool:
        """Return whether to stop, and tell the user once that this was heard."""
        # Not in the signal handler: it may interrupt a write to the same stream.
        if self._asked and not self._told:
            self._told = True
            self._line.note("Stopping in good order. Ctrl-C again stops at once and keeps nothing.")
        return self._asked

    def forget(self) -> None:
        """Let the next Ctrl-C stop what comes now, in place of giving all up."""
        # Who sends SIGTERM waits for some seconds only.
        if self.code != TERMINATED:
            self._asked = self._told = False

    def on_signal(self, number: int, *_: Any) -> None:
        """Take note of a signal; the second one interrupts."""
        self.code = INTERRUPTED if number == signal.SIGINT else TERMINATED
        if self._asked:
            raise KeyboardInterrupt(self.code)
        self._asked = True


@contextmanager
def interruptible(line: ProgressLine) -> Iterator[Interrupt]:
    """Let the first Ctrl-C or SIGTERM ask for a stop, and the second one interrupt."""
    interrupt = Interrupt(line)
    before = {
        number: signal.signal(number, interrupt.on_signal)
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        line.close()


def learn(
    pair: ImagePair,
    settings: Settings,
    *,
    line: ProgressLine,
    should_stop: Callable[[], bool],
    resume: Checkpoint | None = None,
) -> Dynamics:
    """Fit the model and show the progress.

    Raises
    ------
    FitError
        If the training fails.
    """
    from napari_latentdyn.core.training.fit import fit

    # Nobody looks at a preview here; the result keeps the settings as they were given.
    fitting = fit(
        pair,
        settings.updated({"output.preview": False}),
        should_stop=should_stop,
        resume=resume,
    )
    dynamics = drain(fitting, line.show)
    dynamics.settings = settings
    return dynamics


def write(
    dynamics: Dynamics,
    folder: Path,
    *,
    line: ProgressLine,
    inputs: dict[str, Any],
    placement: dict[str, Any] | None,
    overwrite: bool,
    interrupt: Interrupt | None = None,
) -> Path:
    """Draw the frames, write the run folder and say what it holds.

    If `interrupt` asks for it, only the frames of the two ends are drawn.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    began = time.perf_counter()
    times, frames, complete = _drawn(dynamics, line, interrupt)
    line.close()
    drawing = time.perf_counter() - began
    try:
        written = dynamics.save(
            folder,
            times=times,
            frames=frames,
            frames_complete=complete,
            inputs=inputs,
            placement=placement,
            overwrite=overwrite,
        )
    except RunFolderError as error:
        raise OutputError(str(error)) from None
    report = dynamics.report
    early = ""
    if report["stopped_early"]:
        early = f", stopped early: {report['steps_planned']} were planned"
    elif report.get("converged"):
        early = f", ended before {report['steps_planned']} because nothing improved any more"
    if not complete:
        line.note(
            "Only the frames of the two ends were drawn; this makes the others:  "
            f"napari-latentdyn apply {written}"
        )
    if effect := agreement_sentence(report):
        line.tell(effect)
    if doubt := motion_sentence(report):
        line.note(doubt)
    trained = report["steps_planned"] > 0
    done = f" after {report['steps']} steps; training" if trained else "; matching"
    line.tell(
        f"{len(times)} frames{done} took {clock(report['seconds'])}, "
        f"with the frames {clock(report['seconds'] + drawing)}{early}; written to:"
    )
    return written


def _drawn(
    dynamics: Dynamics, line: ProgressLine, interrupt: Interrupt | None
) -> tuple[NDArray[np.float64], NDArray[np.float32], bool]:
    """Return times and frames, and whether they are all that the settings ask for."""
    times = dynamics.times()
    ends = times[[0, -1]]
    should_stop = interrupt.should_stop if interrupt is not None else None

    def show(done: int, total: int) -> None:
        line.step("render", done, total)

    if interrupt is not None and dynamics.report["stopped_early"]:
        # That Ctrl-C was for the training.
        interrupt.forget()
    try:
        return times, dynamics.frames(times, should_stop=should_stop, on_frame=show), True
    except Stopped:
        line.close()
    return ends, dynamics.frames(ends, on_frame=show), len(times) == len(ends)
