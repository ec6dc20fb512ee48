"""Cross-dissolve: the two images mixed by time."""

from __future__ import annotations

from functools import partial

from napari_latentdyn.core.baselines.interface import Interpolation, OnProgress, ShouldStop, Times
from napari_latentdyn.core.baselines.progress import dissolved, make_frames
from napari_latentdyn.core.observations.observations import Observations

__all__ = ["cross_dissolve"]


def cross_dissolve(
    observations: Observations, times: Times, *, should_stop: ShouldStop, on_progress: OnProgress
) -> Interpolation:
    """Mix the two images by time, channel by channel: nothing moves, and there is no field."""
    mixed = partial(dissolved, observations)
    return Interpolation(make_frames(observations, times, mixed, should_stop, on_progress))
