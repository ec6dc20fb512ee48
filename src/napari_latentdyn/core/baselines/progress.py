"""Work in a thread that can be stopped, and frames one after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.baselines.interface import Frames, OnProgress, ShouldStop, Times
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.training.progress import Progress
from napari_latentdyn.errors import Stopped

__all__ = ["dissolved", "make_frames", "report_step", "run_interruptible", "within_range"]

Result = TypeVar("Result")

#: Seconds between two calls of `should_stop`.
_ASK_EVERY = 0.1


def run_interruptible(work: Callable[[], Result], should_stop: ShouldStop) -> Result:
    """Return the result of a call that may take long and cannot be interrupted.

    The call runs in its own thread. Once `should_stop` is true, `Stopped` is raised and the
    result of the call is discarded.
    """
    done: Future[Result] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001  raised again by done.result()
            done.set_exception(error)

    if should_stop():
        raise Stopped
    threading.Thread(target=run, daemon=True).start()
    while not wait([done], timeout=_ASK_EVERY).done:
        if should_stop():
            raise Stopped
    return done.result()


def report_step(on_progress: OnProgress, step: int, total: int, message: str) -> None:
    """Report that `step` of `total` steps of the preparation are done."""
    on_progress(Progress("prepare", step, total, message=message))


def make_frames(
    observations: Observations,
    times: Times,
    make: Callable[[float], NDArray[np.floating]],
    should_stop: ShouldStop,
    on_progress: OnProgress,
) -> Frames:
    """Make one frame after the other, (T, C, H, W); those at both ends are the images.

    `make` returns the frame (C, H, W) at a time between the ends, in the units of the images.
    """
    frames = np.empty((len(times), *observations.images[0].shape), observations.images[0].dtype)
    for i, time in enumerate(map(float, times)):
        report_step(on_progress, i, len(times), f"Frame {i + 1} of {len(times)}")
        if time in (0.0, 1.0):
            frames[i] = observations.images[1] if time else observations.images[0]
        else:
            frames[i] = run_interruptible(lambda time=time: make(time), should_stop)  # type: ignore[misc]
    return frames


def dissolved(observations: Observations, time: float) -> NDArray[np.float32]:
    """Return two images mixed by time, (C, H, W)."""
    first, last = observations.images
    return np.asarray((1 - time) * first + time * last)


def within_range(
    frame: NDArray[Any], first: NDArray[np.float32], last: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Limit a frame (C, H, W) to the range of two images, channel by channel."""
    ends = np.stack([first, last])
    low, high = (f(ends, axis=(0, 2, 3))[:, None, None] for f in (np.min, np.max))
    return np.asarray(np.clip(frame, low, high), ends.dtype)
