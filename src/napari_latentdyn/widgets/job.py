"""The background job of a preview or a training."""

from __future__ import annotations

import gc
import threading
import time
import uuid
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from napari_latentdyn.core.geometry.checks import value_oddities
from napari_latentdyn.core.observations.sources import describe_input
from napari_latentdyn.core.training.pace import Stopwatch
from napari_latentdyn.core.training.progress import Progress
from napari_latentdyn.errors import FitError, Stopped
from napari_latentdyn.viewer.context import METADATA_KEY
from napari_latentdyn.viewer.knowledge.reading import NOTHING, Known
from napari_latentdyn.viewer.reading import notes_of_snapshots
from napari_latentdyn.widgets.background import BackgroundJob
from napari_latentdyn.widgets.texts import describe, scene_name, titles

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_latentdyn.core.dynamics.result import Dynamics
    from napari_latentdyn.core.observations.observations import Observations
    from napari_latentdyn.settings import Settings
    from napari_latentdyn.viewer.layers import LayerTuple, Snapshot

    Mask = NDArray[np.bool_]

__all__ = ["Job", "key_of"]

_RUNS = uuid.UUID("6f0b0c0e-5d6c-4a55-9b0f-0f6a2b0d7f11")
# Difference of two agreements that is not visible.
_AS_GOOD = 0.01


@dataclass(eq=False)
class Job(BackgroundJob):
    """A preview or a training of two images or more in the background.

    A training continues `previous` if the images are equal, and then sets `resumed`. `shown` is
    the result of these images in the window, `choice` the key of the images chosen, `known` the
    knowledge of the user, `times` those of more than two images. `stop` ends training after the
    current step, `skip_frames` leaves out the frames; then, or after
    `frames_problem`, there are no `layers`. A preview is never continued, and a cancelled preview
    has no result. `is_kept` says that matched intervals stay on disk if the job is stopped.
    """

    images: tuple[Snapshot, ...]
    settings: Settings
    times: NDArray[np.float64] | None = None
    known: Known = NOTHING
    previous: Dynamics | None = None
    shown: Dynamics | None = None
    is_preview: bool = False
    choice: Any = None
    fit: Callable[..., Generator[Progress, None, Dynamics]] | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    skip_frames: threading.Event = field(default_factory=threading.Event)
    watch: Stopwatch = field(default_factory=Stopwatch)
    oddities: list[str] = field(default_factory=list)
    layers: list[LayerTuple] = field(default_factory=list)
    resumed: bool = False
    is_kept: bool = False
    frames_problem: str = ""
    seconds_of_frames: float = 0.0

    def __post_init__(self) -> None:
        super().__init__(f"The {self.kind}")
        self.continues = self.previous is not None
        #: Smallest agreement of a live preview that is shown.
        self._least = 0.0

    @property
    def kind(self) -> str:
        """Name of the job in messages."""
        if self.is_preview:
            return "preview"
        return "training" if self.settings.training.steps > 0 else "matching"

    @property
    def first(self) -> Snapshot:
        """The first image."""
        return self.images[0]

    @property
    def last(self) -> Snapshot:
        """The last image."""
        return self.images[-1]

    @property
    def title(self) -> str:
        """Name of the job in napari's dialogs."""
        return f"Latent Dynamics: {self.kind} of {self.first.name} and {self.last.name}"

    @property
    def run_id(self) -> str:
        """Id of all runs on the same images, which update the same layers."""
        return str(uuid.uuid5(_RUNS, " ".join(image.key for image in self.images)))

    @property
    def key(self) -> tuple[str, ...]:
        """The same for all runs on the same images with the same knowledge."""
        return key_of(self.images, self.known)

    def sources(self) -> list[dict[str, Any]]:
        """Describe the images for the report."""
        described = []
        known = self.known.knowledge.sources
        mask = ", ".join(source["name"] for source in known if source["role"] == "missing")
        for number, image in enumerate(self.images):
            rgb = image.channel_axis is not None and self.settings.images.channel is None
            place = image.coordinates
            described.append(
                describe_input(image.name, image.array, rgb=rgb)
                | ({"geo": place.to_report()} if place is not None and place.crs else {})
                | ({"mask": mask} if self.known.missing_of(number) is not None else {})
            )
        return described

    def notes(self) -> list[str]:
        """Return the notes on the images for the user."""
        notes = [image.note for image in (self.first, self.last) if image.note]
        count = len(self.images)
        return [f"Using {count} images.", *notes] if count > 2 else notes

    def cancel(self) -> None:
        """Cancel the job, which then has no result."""
        super().cancel()
        self.stop.set()
        self.skip_frames.set()

    # ------------------------------------------------------- in the worker thread

    def compute(self) -> Generator[Progress, None, Dynamics]:
        """Fit, then render the frames."""
        observations = self._observations()
        resume = None
        if self.previous is not None and self.previous.observations.same_as(observations):
            resume = self.previous.fitted.checkpoint
        live = self.settings.output.preview and self.settings.training.steps > 0
        if live and self.shown is not None and self.shown.observations.same_as(observations):
            from napari_latentdyn.core.training.preview import agreement_of

            known = agreement_of(observations, self.shown.fields, self.settings)
            self._least = max(0.0, (known or 0.0) - _AS_GOOD)
        from napari_latentdyn.core.training.cache import discard_unused, is_long, series_cache
        from napari_latentdyn.core.training.fit import fit

        stops: dict[str, Any] = {"should_stop": self.stop.is_set, "resume": resume}
        keep = None
        if is_long(observations, self.settings):
            keep = stops["keep"] = series_cache(observations, self.settings)
            self.is_kept = True
        dynamics = yield from (self.fit or fit)(observations, self.settings, **stops)
        if keep is not None:
            discard_unused(keep)
        dynamics.name, dynamics.run_id = scene_name(self.first, self.last), self.run_id
        self.resumed, began = resume is not None, time.perf_counter()
        try:
            self.layers = self._rendered(dynamics)
        except Exception as error:  # noqa: BLE001 - any error keeps the training
            # Rendering that stops early raises an exception, too.
            if not self.skip_frames.is_set():
                self.frames_problem = describe(error, "The rendering failed")
        self.seconds_of_frames = time.perf_counter() - began
        if self.is_preview and not self.layers:
            raise FitError(self.frames_problem) if self.frames_problem else Stopped
        return dynamics

    def post(self, step: Progress) -> None:
        """Store a step for the window, without a preview that is worse than the result shown."""
        self.watch.see(step)
        # A preview without agreement is a double exposure.
        if step.agreement is not None and step.agreement <= self._least:
            step = replace(step, preview=None)
        super().post(step)

    def report(self, done: int, total: int) -> None:
        """Report the number of rendered frames."""
        super().post(Progress("render", done, total, message="Rendering the frames"))

    def release(self) -> None:
        """Release the memory of earlier results and of failed runs."""
        super().release()
        self.previous = self.shown = None
        gc.collect()

    def _observations(self) -> Observations:
        """Return the checked images."""
        from napari_latentdyn.core.observations.observations import Observations

        images = self.images
        observations = Observations.from_arrays(
            *(image.array for image in images),
            settings=self.settings.images,
            times=self.times,
            channel_axis=[image.channel_axis for image in images],
            masks=[
                _either(image.missing, self.known.missing_of(k)) for k, image in enumerate(images)
            ],
        ).with_knowledge(self.known.knowledge)
        odd: list[str] = []
        for (first, last), pair in zip(pairwise(images), observations.intervals(), strict=True):
            odd += value_oddities(pair, titles(first, last), (first.array, last.array))
        self.oddities = [*odd, *notes_of_snapshots(*images)]
        return observations.described(self.first.placement, self.sources())

    def _rendered(self, dynamics: Dynamics) -> list[LayerTuple]:
        """Render the frames and return the layers, none if frames are skipped."""
        if self.skip_frames.is_set():
            return []
        from napari_latentdyn.core.dynamics.intervals import is_large
        from napari_latentdyn.viewer.layers import result_layers

        if is_large(dynamics):
            # Intervals are rendered when they are looked at.
            return self._marked(result_layers(dynamics))
        dynamics.render(should_stop=self.skip_frames.is_set, on_frame=self.report)
        return [] if self.skip_frames.is_set() else self._marked(result_layers(dynamics))

    def _marked(self, layers: list[LayerTuple]) -> list[LayerTuple]:
        """Write into the metadata of layers what was known, missing pixels included."""
        for _, meta, _ in layers if self.known.sentence else ():
            meta["metadata"][METADATA_KEY]["known"] = self.known.sentence
        return layers


def key_of(images: Sequence[Snapshot], known: Known) -> tuple[str, ...]:
    """Return the keys of images, and that of all that is known, if anything is."""
    return (*(image.key for image in images), *filter(None, [known.key]))


def _either(one: Mask | None, other: Mask | None) -> Mask | None:
    if one is None or other is None:
        return other if one is None else one
    return one | other
