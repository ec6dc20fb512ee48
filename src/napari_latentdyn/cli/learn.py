"""Fit and write, with progress, and with a first Ctrl-C that stops in good order."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_latentdyn.cli.errors import OutputError
from napari_latentdyn.cli.progress import ProgressLine, clock
from napari_latentdyn.errors import RunFolderError

if TYPE_CHECKING:
    from napari_latentdyn.core.checkpoint import Checkpoint
    from napari_latentdyn.core.dynamics import Dynamics
    from napari_latentdyn.core.fit import Progress
    from napari_latentdyn.core.pair import ImagePair
    from napari_latentdyn.settings import Settings

__all__ = ["Interrupt", "interruptible", "learn", "write"]


class Interrupt:
    """Whether the user pressed Ctrl-C."""

    def __init__(self, line: ProgressLine) -> None:
        self.requested = False
        self._line = line
        self._told = False

    def should_stop(self) -> bool:
        """Return whether to stop, and tell the user once that this was heard."""
        # Not in the signal handler: it may interrupt a write to the same stream.
        if self.requested and not self._told:
            self._told = True
            self._line.note("Stopping; what was learned is kept. Ctrl-C again gives it up.")
        return self.requested

    def _on_signal(self, *_: Any) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


@contextmanager
def interruptible(line: ProgressLine) -> Iterator[Interrupt]:
    """Let the first Ctrl-C ask for a stop, and the second one interrupt."""
    interrupt = Interrupt(line)
    before = signal.signal(signal.SIGINT, interrupt._on_signal)  # noqa: SLF001
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)
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
    from napari_latentdyn.core.fit import fit

    # Nobody looks at a preview here; the result keeps the settings as they were given.
    fitting = fit(
        pair,
        settings.updated({"output.preview": False}),
        should_stop=should_stop,
        resume=resume,
    )
    dynamics = _drained(fitting, line.show)
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
) -> Path:
    """Draw the frames, write the run folder and say what it holds.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    times = dynamics.times()
    frames = dynamics.frames(times, on_frame=lambda i, n: line.step("render", i, n))
    line.close()
    try:
        written = dynamics.save(
            folder,
            times=times,
            frames=frames,
            inputs=inputs,
            placement=placement,
            overwrite=overwrite,
        )
    except RunFolderError as error:
        raise OutputError(str(error)) from None
    report = dynamics.report
    early = (
        f", stopped early: {report['steps_planned']} were planned"
        if report["stopped_early"]
        else ""
    )
    line.note(
        f"{len(times)} frames after {report['steps']} steps "
        f"in {clock(report['seconds'])}{early}; written to:"
    )
    return written


def _drained(fitting: Any, show: Callable[[Progress], None]) -> Dynamics:
    while True:
        try:
            show(next(fitting))
        except StopIteration as end:
            dynamics: Dynamics = end.value
            return dynamics
