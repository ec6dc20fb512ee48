"""One comparison: images, true frames and times, and the outcome of each method."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.checks import value_oddities
from napari_latentdyn.core.runfolder.schema import InputReport
from napari_latentdyn.errors import ObservationError
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.context import LayerContext, LayerTuple
from napari_latentdyn.viewer.layers import image_data
from napari_latentdyn.viewer.reading import notes_of_snapshots
from napari_latentdyn.viewer.snapshot import is_rgb, read_values, with_nan
from napari_latentdyn.viewer.timeline import Timeline
from napari_latentdyn.widgets.compare.times import Interval
from napari_latentdyn.widgets.texts import scene_name, titles

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_latentdyn.core.baselines import Assessment, Interpolation, MethodInfo, Truth
    from napari_latentdyn.viewer.snapshot import Snapshot
    from napari_latentdyn.widgets.background import BackgroundJob

__all__ = ["TRUTH", "Outcome", "Request", "true_frames"]

#: Name of the true frames among those of methods.
TRUTH = "truth"
_RUNS = uuid.UUID("0f4b7a0e-7d43-4f53-9c0b-6a2c0a1d9e55")


@dataclass(frozen=True, eq=False)
class Outcome:
    """Frames of a method, computing time, scores, and warnings about the images."""

    info: MethodInfo
    seconds: float
    made: Interpolation
    assessment: Assessment
    oddities: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Request:
    """One comparison: two images, times of frames, and true frames at some of these times.

    Times are fractions of the interval and include both ends. `choice` is the key of the images.
    """

    first: Snapshot
    last: Snapshot
    times: NDArray[np.float64]
    truth: Truth | None = None
    choice: Any = None
    interval: Interval | None = None

    @property
    def run_id(self) -> str:
        """Id of all comparisons of the same two images."""
        return str(uuid.uuid5(_RUNS, f"{self.first.key} {self.last.key}"))

    def agrees_with(self, other: Request | None) -> bool:
        """Return whether results of both requests can be compared."""
        if other is None or self.run_id != other.run_id:
            return False
        mine, theirs = self.measured_on(), other.measured_on()
        return len(mine) == len(theirs) and all(
            np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
            for a, b in zip(mine, theirs, strict=True)
        )

    def measured_on(self) -> list[NDArray[Any]]:
        """Return images, times and true frames."""
        truth = [] if self.truth is None else [self.truth.frames]
        return [self.first.known, self.last.known, self.times, *truth]

    def compute(self, info: MethodInfo, job: BackgroundJob) -> Outcome:
        """Run a method in a background job and assess its frames."""
        # Imports do not count as computing time.
        import napari_latentdyn.core.training.fit  # noqa: F401
        from napari_latentdyn.core.baselines import assess
        from napari_latentdyn.core.observations.observations import Observations

        info.require()
        observations = Observations.from_arrays(
            self.first.array,
            self.last.array,
            settings=Settings().images,
            channel_axis=[self.first.channel_axis, self.last.channel_axis],
            masks=[self.first.missing, self.last.missing],
        )
        began = time.perf_counter()
        made = info.method(
            observations,
            self.times,
            should_stop=job.cancelled.is_set,
            on_progress=lambda event: job.report(int(event.step), int(event.total)),
        )
        seconds = time.perf_counter() - began
        known = () if self.truth is None else (self.truth.frames, self.truth.times)
        odd = value_oddities(
            observations, titles(self.first, self.last), (self.first.array, self.last.array)
        )
        odd += notes_of_snapshots(self.first, self.last)
        return Outcome(
            info, seconds, made, assess(observations, made, self.times, *known), tuple(odd)
        )

    def layers(
        self, outcome: Outcome, *, errors: bool, among_others: bool = False
    ) -> list[LayerTuple]:
        """Return the frames of a method, and its error maps if there are true frames.

        `among_others` adds the name of the images to the names of layers.
        """
        name, frames = outcome.info.name, outcome.made.frames
        made = [self._frames(name, outcome.info.title, frames, among_others=among_others)]
        if errors and len(outcome.assessment.errors):
            # Both ends have no true frame and no error.
            maps = np.full((len(self.times), *frames.shape[-2:]), np.nan, np.float32)
            maps[1:-1] = outcome.assessment.errors.mean(axis=1)
            made.append(
                self._reference(self._title(outcome.info.title, among_others)).layer(
                    maps,
                    "image",
                    f"compare_{name}_error",
                    "error",
                    rgb=False,
                    colormap="magma",
                    visible=False,
                    contrast_limits=(0.0, self.largest_error(outcome)),
                )
            )
        return made

    def true_layer(self, *, among_others: bool = False) -> LayerTuple | None:
        """Return the true frames between the images as a layer, or None."""
        if self.truth is None:
            return None
        first, last = (_channels_first(image.known)[None] for image in (self.first, self.last))
        frames = np.concatenate([first, self.truth.frames, last])
        return self._frames(TRUTH, "True frames", frames, among_others=among_others)

    def _frames(
        self, name: str, title: str, frames: NDArray[Any], *, among_others: bool
    ) -> LayerTuple:
        """Return frames (T, C, H, W) as a layer with the appearance of the images."""
        frames = frames if frames.shape[1] > 1 else frames[:, 0]
        image, rgb = image_data(frames, self._source(), None)
        looks: dict[str, Any] = {"rgb": rgb}
        if not rgb:
            ends = np.concatenate([self.first.known.ravel(), self.last.known.ravel()])
            finite = ends[np.isfinite(ends)]
            looks["contrast_limits"] = (float(finite.min()), float(finite.max()))
        channels = int(not rgb and image.ndim == 4)
        shared = self._reference(self._title(title, among_others))
        return shared.layer(image, "image", f"compare_{name}", "", channels=channels, **looks)

    def _title(self, title: str, among_others: bool) -> str:
        return f"{scene_name(self.first, self.last)}: {title}" if among_others else title

    def _source(self) -> InputReport:
        return InputReport(
            dtype=self.first.array.dtype.name,
            shape=list(self.first.array.shape),
            rgb=self.first.channel_axis is not None,
        )

    @staticmethod
    def largest_error(outcome: Outcome) -> float:
        """Return the 99th percentile of the errors of a method, 1 without errors."""
        errors = outcome.assessment.errors
        finite = errors[np.isfinite(errors)]
        most = float(np.percentile(finite, 99)) if finite.size else 0.0
        return most if most > 0 else 1.0

    def _reference(self, title: str) -> LayerContext:
        stages = max(1, len(self.times) - 1)
        whole = self.interval[0] if self.interval else float(stages)
        edges = np.linspace(0.0, whole, stages + 1)
        line = Timeline(self.times, self.times * whole, edges, self.interval)
        return LayerContext.on(line, self.first.placement, title, {"run_id": self.run_id})


def true_frames(
    layer: Image, first: Snapshot, last: Snapshot, times: NDArray[np.float64] | None
) -> Truth:
    """Return the true frames of a layer, without both ends, and their times.

    The layer is a stack (T, Y, X), RGB or not, or one frame. `times` are those of the frames, or of
    all frames except both ends; None means evenly spaced.
    """
    from napari_latentdyn.core.baselines import place_truth

    stack = _frames_of(layer, first, last)
    shape = first.array.shape
    if stack.ndim == len(shape):
        stack = stack[None]
    if stack.ndim != len(shape) + 1 or stack.shape[1:] != shape:
        raise ObservationError(
            f"true frames must be a stack of frames of shape {shape}; got “{layer.name}” of shape "
            f"{stack.shape}: choose another layer of true frames."
        )
    ends = (_channels_first(first.known), _channels_first(last.known))
    frames = stack[:, None] if len(shape) == 2 else np.moveaxis(stack, -1, 1)
    return place_truth(frames, times, ends, f"“{layer.name}”")


def _frames_of(layer: Image, first: Snapshot, last: Snapshot) -> NDArray[np.float32]:
    """Return the frames of a layer; only those between the images if both belong to the layer."""
    data = layer.data[0] if layer.multiscale else layer.data
    backwards = False
    moved = [n for n, (a, b) in enumerate(zip(first.index, last.index, strict=False)) if a != b]
    if {first.layer_id, last.layer_id} == {str(layer.unique_id)} and len(moved) == 1:
        (axis,) = moved
        backwards = first.index[axis] > last.index[axis]
        a, b = sorted((first.index[axis], last.index[axis]))
        data = data[(*first.index[:axis], slice(a, b + 1), *first.index[axis + 1 :])]
    rgb = is_rgb(layer)
    frames = with_nan(*read_values(data, -1 if rgb else None)).astype(np.float32)
    if backwards:
        # Not all lazy arrays support negative steps.
        frames = frames[::-1]
    # The images were copied without alpha.
    return frames[..., : first.array.shape[-1]] if rgb else frames


def _channels_first(image: NDArray[Any]) -> NDArray[np.float32]:
    plane = np.asarray(image, np.float32)
    return plane[None] if plane.ndim == 2 else np.moveaxis(plane, -1, 0)
