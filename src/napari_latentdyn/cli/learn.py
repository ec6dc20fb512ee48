"""Fitting and writing with progress; the first Ctrl-C stops and keeps the result."""

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
from napari_latentdyn.core.runfolder.evidence import doubts, gains
from napari_latentdyn.errors import RunFolderError, Stopped
from napari_latentdyn.generators import drain

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics.checkpoint import Checkpoint
    from napari_latentdyn.core.dynamics.result import Dynamics
    from napari_latentdyn.core.observations.observations import Observations
    from napari_latentdyn.core.training.processes import Processes
    from napari_latentdyn.core.training.progress import Progress
    from napari_latentdyn.settings import Settings

__all__ = ["Interrupt", "interruptible", "learn", "write"]


_STOPPING = "Stopping after this step. Press Ctrl-C again to stop at once without a result."


class Interrupt:
    """Signals to stop, by Ctrl-C or from the system; `code` is the exit code for them."""

    def __init__(self, line: ProgressLine, announcement: str) -> None:
        self.code = OK
        self._line = line
        self._announcement = announcement
        self._requested = self._announced = False

    def should_stop(self) -> bool:
        """Return whether to stop, and tell the user once."""
        # Not in the signal handler, which may interrupt a write to the same stream.
        if self._requested and not self._announced:
            self._announced = True
            self._line.note(self._announcement)
        return self._requested

    def forget(self) -> None:
        """Let the next Ctrl-C stop the next phase and keep the result."""
        # The sender of SIGTERM waits for some seconds only.
        if self.code != TERMINATED:
            self._requested = self._announced = False

    def on_signal(self, number: int, *_: Any) -> None:
        """Record a signal; the second one interrupts."""
        self.code = INTERRUPTED if number == signal.SIGINT else TERMINATED
        if self._requested:
            raise KeyboardInterrupt(self.code)
        self._requested = True


@contextmanager
def interruptible(line: ProgressLine, announcement: str = _STOPPING) -> Iterator[Interrupt]:
    """Let the first Ctrl-C or SIGTERM ask for a stop, and the second one interrupt.

    `announcement` tells the user about the first one.
    """
    interrupt = Interrupt(line, announcement)
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
    observations: Observations,
    settings: Settings,
    *,
    line: ProgressLine,
    should_stop: Callable[[], bool],
    resume: Checkpoint | None = None,
    processes: Processes | None = None,
    keep: Path | None = None,
) -> Dynamics:
    """Fit the model and show the progress."""
    from napari_latentdyn.core.training.fit import fit

    # There is no window for a preview; the result keeps the given settings.
    fitting = fit(
        observations,
        settings.updated({"output.preview": False}),
        should_stop=should_stop,
        resume=resume,
        processes=processes,
        keep=keep,
    )

    def show(progress: Progress) -> None:
        if progress.note:
            line.tell(progress.note)
        line.show(progress)

    dynamics = drain(fitting, show)
    dynamics.settings = settings
    return dynamics


def write(
    dynamics: Dynamics,
    folder: Path,
    *,
    line: ProgressLine,
    overwrite: bool,
    interrupt: Interrupt | None = None,
) -> Path:
    """Compute the frames, write the run folder and summarise it.

    If `interrupt` asks for a stop, only the frames at the observations are computed.
    """
    began = time.perf_counter()
    should_stop = interrupt.should_stop if interrupt is not None else None

    def show(done: int, total: int) -> None:
        line.step("render", done, total)

    if interrupt is not None and dynamics.report.stopped_early:
        # The first Ctrl-C was for the training.
        interrupt.forget()
    complete = True
    try:
        try:
            written = dynamics.save(
                folder, overwrite=overwrite, should_stop=should_stop, on_frame=show
            )
        except Stopped:
            line.close()
            ends = dynamics.at(dynamics.observation_times)
            complete = len(dynamics.times()) == len(ends.times())
            dynamics = ends
            written = dynamics.save(folder, overwrite=overwrite, on_frame=show)
    except RunFolderError as error:
        raise OutputError(str(error)) from None
    line.close()
    rendering = time.perf_counter() - began
    report = dynamics.report
    early = ""
    if report.stopped_early:
        early = f", stopped early: {report.steps_planned} were planned"
    elif report.converged:
        early = f", ended before {report.steps_planned} because the agreement no longer improved"
    if not complete:
        line.note(
            "Only the frames at the times of the images were computed; this command computes the "
            "others:  "
            f"napari-latentdyn apply {written}"
        )
    for gain in gains(report):
        line.tell(gain)
    for doubt in doubts(report):
        line.note(doubt)
    seconds = report.seconds or 0.0
    trained = (report.steps_planned or 0) > 0
    done = f" after {report.steps} steps; training" if trained else "; matching"
    line.tell(
        f"{len(dynamics.times())} frames{done} took {clock(seconds)}, "
        f"with the frames {clock(seconds + rendering)}{early}; written to:"
    )
    return written
