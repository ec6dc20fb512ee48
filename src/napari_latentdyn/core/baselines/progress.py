"""What methods share: work in the background, and frames one after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.baselines.interface import Frames, OnProgress, ShouldStop
from napari_latentdyn.core.observations.pair import ImagePair
from napari_latentdyn.errors import SettingsError, Stopped

__all__ = ["draw", "run_interruptible", "tell"]

Result = TypeVar("Result")

#: Seconds between two questions whether to stop.
_ASK_EVERY = 0.1


def run_interruptible(work: Callable[[], Result], should_stop: ShouldStop) -> Result:
    """Return what a call returns, which may take long and cannot be interrupted.

    It runs in a thread of its own. Where the caller asks to stop, it is left
    alone and its result thrown away once it is there.

    Raises
    ------
    Stopped
        If `should_stop` became true before it was done.
    """
    done: Future[Result] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001  raised again where it is waited for
            done.set_exception(error)

    if should_stop():
        raise Stopped
    threading.Thread(target=run, daemon=True).start()
    while not wait([done], timeout=_ASK_EVERY).done:
        if should_stop():
            raise Stopped
    return done.result()


def tell(on_progress: OnProgress, step: int, total: int, message: str) -> None:
    """Report that `step` of `total` pieces of the preparation are done."""
    from napari_latentdyn.core.training.fit import Progress

    on_progress(Progress("prepare", step, total, message=message))


def draw(
    pair: ImagePair,
    times: NDArray[np.float64],
    make: Callable[[float], NDArray[np.floating]],
    should_stop: ShouldStop,
    on_progress: OnProgress,
) -> Frames:
    """Make one frame after the other; at both ends these are the images themselves.

    Parameters
    ----------
    pair : ImagePair
        The images.
    times : ndarray, shape (T,)
        Fractions of the interval.
    make : callable
        Returns the frame (C, H, W) at a time between the ends, in the units of
        the images.
    should_stop, on_progress
        As in `Method`.

    Returns
    -------
    ndarray of the type of the images, shape (T, C, H, W)

    Raises
    ------
    SettingsError
        If a time lies outside of [0, 1].
    Stopped
        If `should_stop` became true.
    """
    if np.size(times) and not (np.min(times) >= 0 and np.max(times) <= 1):
        raise SettingsError("the times of frames are fractions of the interval, from 0 to 1.")
    frames = np.empty((len(times), *pair.first.shape), pair.first.dtype)
    for i, time in enumerate(map(float, times)):
        tell(on_progress, i, len(times), f"Frame {i + 1} of {len(times)}")
        if time in (0.0, 1.0):
            frames[i] = pair.last if time else pair.first
        else:
            frames[i] = run_interruptible(lambda time=time: make(time), should_stop)  # type: ignore[misc]
    return frames
