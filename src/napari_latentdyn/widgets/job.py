"""A run as it goes to the worker thread, what the worker tells of it, and what it ends with."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.training.pace import Stopwatch

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics.result import Dynamics
    from napari_latentdyn.core.training.fit import Progress
    from napari_latentdyn.settings import Settings
    from napari_latentdyn.viewer.layers import LayerTuple, Snapshot
    from napari_latentdyn.widgets.results import Result

__all__ = ["Failure", "Job", "Outcome", "ProgressQueue", "Rendered"]

_RUNS = uuid.UUID("6f0b0c0e-5d6c-4a55-9b0f-0f6a2b0d7f11")


class ProgressQueue:
    """Progress on its way from the worker to the window, which empties it when it has time.

    However fast the steps are, they cost the window nothing until then.

    Attributes
    ----------
    watch : Stopwatch
        Takes the time of each phase.
    least : float
        Agreement of both images half way that a preview has to exceed to be
        better than what is shown already.
    """

    def __init__(self) -> None:
        self.watch = Stopwatch()
        self.least = 0.0
        self._lock = threading.Lock()
        self._events: list[Progress] = []
        self._preview: NDArray[np.float32] | None = None
        self._rendering: tuple[int, int] | None = None

    def post(self, progress: Progress) -> None:
        """Leave a progress; called by the worker."""
        self.watch.see(progress)
        with self._lock:
            # Without an agreement above that of no motion, a preview is a double exposure.
            better = progress.agreement is None or progress.agreement > self.least
            if progress.preview is not None and better:
                self._preview = progress.preview
            self._events.append(progress)
            if len(self._events) > 1000:
                del self._events[:-500]

    def post_rendering(self, done: int, total: int) -> None:
        """Tell how many frames are rendered; called by the worker."""
        with self._lock:
            self._rendering = (done, total)

    def take(self) -> tuple[list[Progress], NDArray[np.float32] | None, tuple[int, int] | None]:
        """Return what came since the last call: progress, latest preview, frames rendered."""
        with self._lock:
            taken = (self._events, self._preview, self._rendering)
            self._events, self._preview, self._rendering = [], None, None
        return taken


@dataclass(eq=False)
class Job:
    """One run: what goes in, and the ways to stop it.

    Attributes
    ----------
    stop : threading.Event
        Stops training after the current step; what was learned is rendered.
    abort : threading.Event
        Stops rendering, too.
    shown : Result, optional
        What the window shows of these images already.
    is_preview : bool
        A first answer, from which no training goes on: stopped half way it is nothing.
    choice : Any
        Names what was chosen when the run began.
    oddities : list of str
        What the worker found odd about the values of the images.
    started, ended : threading.Event
        Set by the worker when it begins and when it lets go of everything.
    """

    first: Snapshot
    last: Snapshot
    settings: Settings
    previous: Dynamics | None = None
    previous_fingerprint: str = ""
    shown: Result | None = None
    is_preview: bool = False
    choice: Any = None
    oddities: list[str] = field(default_factory=list)
    fit: Callable[..., Any] | None = None
    queue: ProgressQueue = field(default_factory=ProgressQueue)
    stop: threading.Event = field(default_factory=threading.Event)
    abort: threading.Event = field(default_factory=threading.Event)
    started: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def kind(self) -> str:
        """What it is called when the user is told of it."""
        if self.is_preview:
            return "preview"
        return "training" if self.settings.training.steps > 0 else "matching"

    @property
    def title(self) -> str:
        """Name of the job in napari's dialogs."""
        return f"Latent Dynamics: {self.kind} of {self.first.name} and {self.last.name}"

    @property
    def run_id(self) -> str:
        """The same for all runs on the same two images, which renew each other's results."""
        return str(uuid.uuid5(_RUNS, f"{self.first.key} {self.last.key}"))

    def inputs(self) -> dict[str, dict[str, Any]]:
        """Describe both images for the report."""
        return {
            end: {
                "name": image.name,
                "shape": list(image.array.shape),
                "dtype": str(image.array.dtype),
                "rgb": image.channel_axis is not None and self.settings.images.channel is None,
                **({"geo": image.geo} if image.geo else {}),
            }
            for end, image in (("first", self.first), ("last", self.last))
        }

    def notes(self) -> list[str]:
        """Say what the user should know of the images before they are used."""
        return [note for note in (self.first.note, self.last.note) if note]

    def cancel(self) -> None:
        """Stop as soon as possible, without any result."""
        self.stop.set()
        self.abort.set()

    def wait(self, seconds: float) -> bool:
        """Wait until the worker has let go; a job that never began needs no waiting."""
        return not self.started.is_set() or self.ended.wait(seconds)


@dataclass(frozen=True, eq=False)
class Rendered:
    """Results as plain arrays, what becomes layers of them, and the seconds that they took."""

    frames: NDArray[np.float32]
    times: NDArray[np.float64]
    layers: list[LayerTuple]
    latents: NDArray[np.float32] | None = None
    confidence: NDArray[np.float32] | None = None
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a run ended with; `rendered` is None where rendering was aborted or failed."""

    dynamics: Dynamics
    fingerprint: str
    rendered: Rendered | None
    resumed: bool
    problem: str = ""


@dataclass(frozen=True)
class Failure:
    """A run ended without anything; one sentence says why."""

    message: str
    cancelled: bool = False
