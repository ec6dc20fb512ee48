"""Frames at other times than those of the run folder; needs PyTorch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from napari_latentdyn.errors import ExportError
from napari_latentdyn.export.source import Source

__all__ = ["with_times"]


def with_times(
    source: Source,
    times: ArrayLike,
    *,
    device: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Source:
    """Return a source with frames at any times, made by the model if they are not there.

    Parameters
    ----------
    source : Source
        What was read from a run folder.
    times : array_like of float
        Fractions of the interval.
    device : str, optional
        Where to compute; as in the settings of the run by default.
    on_progress : callable, optional
        Called with the pieces of work done and all of them.
    should_stop : callable, optional
        Asked now and then; true raises `errors.Stopped`.

    Raises
    ------
    ExportError
        If a time lies outside of [0, 1], or there is no run folder to make frames from.
    """
    wanted = np.unique(np.asarray(times, dtype=np.float64))
    if not wanted.size or not np.all((wanted >= 0) & (wanted <= 1)):
        raise ExportError("times are fractions of the interval; give numbers from 0 to 1.")
    near = np.abs(source.times[:, None] - wanted).min(axis=0)
    if source.folder is None or np.all(near <= 1e-6):
        return source.at(wanted)
    from napari_latentdyn.core.dynamics.result import Dynamics

    dynamics = Dynamics.load(source.folder)
    if device is not None:
        dynamics.settings = dynamics.settings.updated({"training.device": device})
    frames = dynamics.frames(wanted, should_stop=should_stop, on_frame=on_progress)
    confidence = None
    if source.confidence is not None:
        confidence = dynamics.confidence(wanted, should_stop=should_stop)
    return source.with_frames(frames, wanted, confidence)
