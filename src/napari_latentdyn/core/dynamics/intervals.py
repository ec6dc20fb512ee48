"""Times of frames, and frames that are computed interval by interval; without PyTorch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_latentdyn.core.dynamics.motion import times_at
from napari_latentdyn.files.archive import Parts
from napari_latentdyn.settings import Settings

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics.result import Dynamics

__all__ = ["LARGE_FRAMES", "Rendered", "computed", "frame_times", "interval_slices", "is_large"]

Rendered = Literal["frames", "latents", "confidence", "deviation"]

#: Bytes of all frames above which they are computed interval by interval, when they are used.
LARGE_FRAMES = 256_000_000


def frame_times(
    settings: Settings, observation_times: ArrayLike = (0.0, 1.0)
) -> NDArray[np.float64]:
    """Return the times of the frames by the settings, those of the images included."""
    output, known = settings.output, np.asarray(observation_times, np.float64)
    if output.times is not None:
        return np.unique(np.concatenate([known, times_at(known, output.times)]))
    between = settings.model.stages - 1 if output.frames is None else output.frames
    count = (len(known) - 1) * (between + 1) + 1
    return np.interp(np.linspace(0.0, len(known) - 1.0, count), np.arange(len(known)), known)


def is_large(dynamics: Dynamics) -> bool:
    """Return whether the frames of a result take more memory than `LARGE_FRAMES`."""
    if len(dynamics.observation_times) == 2:
        return False
    # The images of a folder need not be read for that.
    known = dynamics.report.frames_shape or dynamics.observations.images.shape
    return 4 * len(dynamics.times()) * math.prod(known[1:]) > LARGE_FRAMES


def interval_slices(dynamics: Dynamics) -> list[slice]:
    """Return the frames of each interval, in the order of the frames."""
    intervals, _ = dynamics.observations.locate(dynamics.times())
    ends = [0, *(np.flatnonzero(np.diff(intervals)) + 1).tolist(), len(intervals)]
    return [slice(start, end) for start, end in itertools.pairwise(ends)]


def computed(
    dynamics: Dynamics,
    what: Rendered,
    should_stop: Callable[[], bool] | None = None,
    on_frame: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32] | Parts:
    """Return an array at the times of a result; a large one in parts, computed as they are used.

    `should_stop` and `on_frame` are those of `Dynamics.frames`.
    """
    known = dynamics.stored(what)
    if known is not None:
        return known
    if not is_large(dynamics):
        return _at(dynamics, what, None, should_stop, on_frame)
    times = dynamics.times()

    def parts() -> Iterator[NDArray[np.float32]]:
        for chosen in interval_slices(dynamics):
            tell = on_frame and _share(on_frame, chosen, len(times))
            yield _at(dynamics, what, times[chosen], should_stop, tell)

    following = parts()
    first = next(following)
    every = itertools.chain([first], following)
    return Parts((len(times), *first.shape[1:]), first.dtype, every)


def _at(
    dynamics: Dynamics,
    what: Rendered,
    times: NDArray[np.float64] | None,
    should_stop: Callable[[], bool] | None,
    on_frame: Callable[[int, int], None] | None,
) -> NDArray[np.float32]:
    if what == "frames":
        return dynamics.frames(times, should_stop=should_stop, on_frame=on_frame)
    array = dynamics.latents if what == "latents" else dynamics.confidence
    return array(times, should_stop=should_stop)


def _share(
    on_frame: Callable[[int, int], None], chosen: slice, count: int
) -> Callable[[int, int], None]:
    """Return a function that reports the progress of some frames as a part of all."""
    here = chosen.stop - chosen.start
    return lambda done, total: on_frame(chosen.start + here * done // total, count)
