"""The background job of a preview or a training, and what it ends with."""

from __future__ import annotations

import gc
import hashlib
import threading
import time
import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.checks import value_oddities
from napari_latentdyn.core.training.pace import Stopwatch
from napari_latentdyn.core.training.progress import Progress
from napari_latentdyn.errors import FitError, Stopped
from napari_latentdyn.viewer.reading import notes_of_snapshots
from napari_latentdyn.widgets.background import BackgroundJob
from napari_latentdyn.widgets.texts import describe, scene_name, titles

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics.result import Dynamics
    from napari_latentdyn.core.observations.pair import ImagePair
    from napari_latentdyn.settings import Settings
    from napari_latentdyn.viewer.layers import LayerTuple, Snapshot
    from napari_latentdyn.widgets.results import Result

__all__ = ["Job", "Outcome", "Rendered"]

_RUNS = uuid.UUID("6f0b0c0e-5d6c-4a55-9b0f-0f6a2b0d7f11")
# Difference of two agreements that nobody sees.
_AS_GOOD = 0.01


@dataclass(eq=False)
class Job(BackgroundJob):
    """A preview or a training in the background.

    Attributes
    ----------
    first, last : Snapshot
        The images.
    previous : Result, optional
        The result that the training continues if the images are the same still.
    shown : Result, optional
        The result of these images that the window shows.
    is_preview : bool
        A first answer, which no training continues. Cancelled, it has no result.
    choice : Any
        Names what was chosen when the run began.
    fit : callable, optional
        Another one with the interface of `napari_latentdyn.core.training.fit.fit`.
    stop : threading.Event
        Stops the training after the step in progress; the frames are rendered.
    skip_frames : threading.Event
        Leaves the frames out; the training is kept.
    watch : Stopwatch
        Takes the time of each phase.
    oddities : list of str
        What is odd about the values of the images.
    """

    first: Snapshot
    last: Snapshot
    settings: Settings
    previous: Result | None = None
    shown: Result | None = None
    is_preview: bool = False
    choice: Any = None
    fit: Callable[..., Generator[Progress, None, Dynamics]] | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    skip_frames: threading.Event = field(default_factory=threading.Event)
    watch: Stopwatch = field(default_factory=Stopwatch)
    oddities: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(f"The {self.kind}")
        self.continues = self.previous is not None
        #: Agreement of both images half way that a preview has to exceed to be shown.
        self._least = 0.0

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
        """End without a result."""
        super().cancel()
        self.stop.set()
        self.skip_frames.set()

    # ------------------------------------------------------- in the worker thread

    def compute(self) -> Generator[Progress, None, Outcome]:
        """Fit, then render the frames."""
        pair, mark = self._pair()
        resume = None
        if self.previous is not None and self.previous.fingerprint == mark:
            resume = self.previous.dynamics.checkpoint
        live = self.settings.output.preview and self.settings.training.steps > 0
        if live and self.shown is not None and self.shown.fingerprint == mark:
            from napari_latentdyn.core.training.preview import agreement_of

            known = agreement_of(pair, np.asarray(self.shown.dynamics.fields), self.settings)
            self._least = max(0.0, (known or 0.0) - _AS_GOOD)
        from napari_latentdyn.core.training.fit import fit

        dynamics = yield from (self.fit or fit)(
            pair, self.settings, should_stop=self.stop.is_set, resume=resume
        )
        dynamics.placement = self.first.placement.to_dict()
        rendered, problem = None, ""
        try:
            rendered = self._rendered(dynamics)
        except Exception as error:  # noqa: BLE001 - what was learned is kept, whatever it is
            # Rendering that is asked to stop says so by an exception of its own.
            if not self.skip_frames.is_set():
                problem = describe(error, "The rendering failed")
        if self.is_preview and rendered is None:
            # Nothing was learned that would be worth keeping.
            raise FitError(problem) if problem else Stopped
        return Outcome(dynamics, mark, rendered, resume is not None, problem)

    def post(self, step: Progress) -> None:
        """Keep a step of the fit for the window, without a preview worse than what is shown."""
        self.watch.see(step)
        # Without an agreement above that of no motion, a preview is a double exposure.
        if step.agreement is not None and step.agreement <= self._least:
            step = replace(step, preview=None)
        super().post(step)

    def report(self, done: int, total: int) -> None:
        """Tell how many frames are rendered."""
        super().post(Progress("render", done, total, message="Rendering the frames"))

    def release(self) -> None:
        """Let go of the results before, and of what a failed run left."""
        super().release()
        self.previous = self.shown = None
        gc.collect()

    def _pair(self) -> tuple[ImagePair, str]:
        """Return the images, checked, and a hash of them."""
        from napari_latentdyn.core.observations.pair import ImagePair

        first, last = self.first, self.last
        pair = ImagePair.from_arrays(
            first.array,
            last.array,
            self.settings.images,
            channel_axis=first.channel_axis,
            channel_axis_last=last.channel_axis,
            mask_first=first.missing,
            mask_last=last.missing,
        )
        self.oddities = [
            *value_oddities(pair, titles(first, last), (first.array, last.array)),
            *notes_of_snapshots(first, last),
        ]
        masks = [image.missing for image in (first, last) if image.missing is not None]
        return pair, _fingerprint(first.array, last.array, *masks)

    def _rendered(self, dynamics: Dynamics) -> Rendered | None:
        """Return the frames and the layers, None if they are left out."""
        if self.skip_frames.is_set():
            return None
        from napari_latentdyn.viewer.layers import result_layers

        began = time.perf_counter()
        should_stop = self.skip_frames.is_set
        times = np.asarray(dynamics.times(), dtype=float)
        frames = dynamics.frames(times, should_stop=should_stop, on_frame=self.report)
        latents = confidence = None
        if self.settings.output.latents:
            latents = dynamics.latents(times, should_stop=should_stop)
        if self.settings.output.confidence:
            confidence = dynamics.confidence(times, should_stop=should_stop)
        if self.skip_frames.is_set():
            return None
        images = self.settings.images
        interval = None
        if images.interval is not None:
            interval = {"value": images.interval, "unit": images.interval_unit}
        layers = result_layers(
            frames=np.asarray(frames),
            times=times,
            velocity=np.asarray(dynamics.fields),
            field_times=np.asarray(dynamics.field_times, dtype=float),
            settings=self.settings,
            report={**dynamics.report, "inputs": self.inputs(), "interval": interval},
            placement=self.first.placement,
            run_id=self.run_id,
            name=scene_name(self.first, self.last),
            latents=latents,
            confidence=confidence,
        )
        seconds = time.perf_counter() - began
        return Rendered(np.asarray(frames), times, layers, latents, confidence, seconds)


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
    """What a run ended with; `rendered` is None where rendering was skipped or failed."""

    dynamics: Dynamics
    fingerprint: str
    rendered: Rendered | None
    resumed: bool
    problem: str = ""


def _fingerprint(*arrays: NDArray[Any]) -> str:
    """Return a hash of the type, shape and values of arrays."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
