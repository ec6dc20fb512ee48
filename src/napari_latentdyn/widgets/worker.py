"""What runs in the worker thread: a fit, then the rendering of its results."""

from __future__ import annotations

import gc
import hashlib
import importlib
import threading
import time
import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.checks import value_oddities
from napari_latentdyn.core.pace import Stopwatch
from napari_latentdyn.errors import Stopped, UserError
from napari_latentdyn.widgets.wording import scene_name, titles

if TYPE_CHECKING:
    from napari_latentdyn.core.device import Device
    from napari_latentdyn.core.dynamics import Dynamics
    from napari_latentdyn.core.fit import Progress
    from napari_latentdyn.layers import LayerTuple, Snapshot
    from napari_latentdyn.settings import Settings
    from napari_latentdyn.widgets.results import Result

__all__ = [
    "Failure",
    "Job",
    "Mailbox",
    "Outcome",
    "Rendered",
    "describe",
    "fingerprint",
    "learn",
    "look_for_devices",
]

_RUNS = uuid.UUID("6f0b0c0e-5d6c-4a55-9b0f-0f6a2b0d7f11")
# Pause between two yields: napari's worker emits a Qt signal for each of them.
_YIELD_SECONDS = 1 / 15
# Difference of two agreements that nobody sees.
_AS_GOOD = 0.01
_NO_PREVIEW = "The preview was stopped; nothing changed."
# What PyTorch says on a GPU, and on the CPU of Linux and of Windows.
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


class Mailbox:
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
    mailbox: Mailbox = field(default_factory=Mailbox)
    stop: threading.Event = field(default_factory=threading.Event)
    abort: threading.Event = field(default_factory=threading.Event)
    started: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def kind(self) -> str:
        """What it is called when the user is told of it."""
        return "preview" if self.is_preview else "training"

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


def learn(job: Job) -> Generator[None, None, Outcome | Failure]:
    """Fit and render; to be run by a generator worker.

    Nothing is ever raised: napari's workers swallow every RuntimeError, which
    is what torch raises for almost anything, and a traceback would keep the
    model's memory alive.

    Returns
    -------
    Outcome or Failure
    """
    job.started.set()
    try:
        return (yield from _learn(job))
    except Exception as error:  # noqa: BLE001 - whatever it is, the window says it
        return Failure(describe(error, f"The {job.kind} failed"))
    finally:
        job.previous = job.shown = None
        gc.collect()
        job.ended.set()


def _learn(job: Job) -> Generator[None, None, Outcome | Failure]:
    if job.abort.is_set():
        return Failure(f"The {job.kind} was cancelled before it began.", cancelled=True)
    from napari_latentdyn.core.pair import ImagePair

    pair_settings = job.settings.images
    pair = ImagePair.from_arrays(
        job.first.array,
        job.last.array,
        pair_settings,
        channel_axis=job.first.channel_axis,
        channel_axis_last=job.last.channel_axis,
        mask_first=job.first.missing,
        mask_last=job.last.missing,
    )
    job.oddities = value_oddities(
        pair, titles(job.first, job.last), (job.first.array, job.last.array)
    )
    masks = [image.missing for image in (job.first, job.last) if image.missing is not None]
    mark = fingerprint(job.first.array, job.last.array, *masks)
    resume = None
    if job.previous is not None and job.previous_fingerprint == mark:
        resume = job.previous.checkpoint
    if job.shown is not None and job.shown.fingerprint == mark:
        from napari_latentdyn.core.preview import agreement_of

        known = agreement_of(pair, np.asarray(job.shown.dynamics.fields), job.settings)
        job.mailbox.least = max(0.0, (known or 0.0) - _AS_GOOD)
    yield
    from napari_latentdyn.core.fit import fit

    generator = (job.fit or fit)(pair, job.settings, should_stop=job.stop.is_set, resume=resume)
    try:
        dynamics = yield from _drain(generator, job.mailbox)
    except Stopped:
        if job.is_preview:
            return Failure(_NO_PREVIEW, cancelled=True)
        return Failure("Stopped before anything was learned; nothing changed.", cancelled=True)
    del generator
    dynamics.placement = job.first.placement.to_dict()
    if job.abort.is_set():
        return _without_frames(job, dynamics, mark, resume is not None)
    try:
        rendered = _render(dynamics, job)
    except Exception as error:  # noqa: BLE001 - what was learned is kept, whatever it is
        # Rendering that is asked to stop says so by an exception of its own.
        problem = "" if job.abort.is_set() else describe(error, "The rendering failed")
        return _without_frames(job, dynamics, mark, resume is not None, problem)
    if rendered is None:
        return _without_frames(job, dynamics, mark, resume is not None)
    return Outcome(dynamics, mark, rendered, resume is not None)


def _without_frames(
    job: Job, dynamics: Dynamics, mark: str, resumed: bool, problem: str = ""
) -> Outcome | Failure:
    if job.is_preview:
        # Nothing was learned that would be worth being kept.
        return Failure(problem or _NO_PREVIEW, cancelled=not problem)
    return Outcome(dynamics, mark, None, resumed, problem)


def _drain(
    generator: Generator[Progress, None, Dynamics], mailbox: Mailbox
) -> Generator[None, None, Dynamics]:
    yielded = 0.0
    while True:
        try:
            mailbox.post(next(generator))
        except StopIteration as end:
            return end.value
        now = time.monotonic()
        if now - yielded > _YIELD_SECONDS:
            yielded = now
            yield


def _render(dynamics: Dynamics, job: Job) -> Rendered | None:
    from napari_latentdyn.layers import result_layers

    began = time.perf_counter()
    times = np.asarray(dynamics.times(), dtype=float)
    frames = dynamics.frames(
        times, should_stop=job.abort.is_set, on_frame=job.mailbox.post_rendering
    )
    latents = None
    if job.settings.output.latents:
        latents = dynamics.latents(times, should_stop=job.abort.is_set)
    confidence = None
    if job.settings.output.confidence:
        confidence = dynamics.confidence(times, should_stop=job.abort.is_set)
    if job.abort.is_set():
        return None
    images = job.settings.images
    interval = None
    if images.interval is not None:
        interval = {"value": images.interval, "unit": images.interval_unit}
    tuples = result_layers(
        frames=np.asarray(frames),
        times=times,
        velocity=np.asarray(dynamics.fields),
        field_times=np.asarray(dynamics.field_times, dtype=float),
        settings=job.settings,
        report={**dynamics.report, "inputs": job.inputs(), "interval": interval},
        placement=job.first.placement,
        run_id=job.run_id,
        name=scene_name(job.first, job.last),
        latents=latents,
        confidence=confidence,
    )
    seconds = time.perf_counter() - began
    return Rendered(np.asarray(frames), times, tuples, latents, confidence, seconds)


def describe(error: Exception, what: str) -> str:
    """Return one sentence on any error, without its traceback, which may hold much memory."""
    if isinstance(error, UserError):
        return str(error)
    text = " ".join(str(error).split())
    out_of_memory = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    if out_of_memory or any(words in text.lower() for words in _NO_MEMORY):
        return (
            "The memory is not sufficient for these settings: use a smaller batch or patch size, "
            "or another device."
        )
    first = text.split(". ")[0].rstrip(".") or "no reason was given"
    if len(first) > 200:
        first = first[:199] + "…"
    return f"{what} with {type(error).__name__}: {first}."


def fingerprint(*arrays: NDArray[Any]) -> str:
    """Return a hash of the type, shape and values of arrays."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def look_for_devices() -> tuple[list[Device], str]:
    """List the devices, and say why a GPU is not used; imports PyTorch."""
    try:
        from napari_latentdyn.core.device import cuda_note, list_devices, warm_up

        # What a training imports comes along: libraries that load hold the interpreter, which a
        # window that waits for its user bears better than one that shows a training.
        importlib.import_module("napari_latentdyn.core.fit")
        warm_up()
        return list_devices(), cuda_note()
    except (ImportError, OSError, RuntimeError) as error:
        return [], f"PyTorch cannot be used: {' '.join(str(error).split())[:200]}"
