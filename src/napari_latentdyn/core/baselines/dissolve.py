"""Cross-dissolve: the two images mixed by time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.baselines.interface import Interpolation, OnProgress, ShouldStop, Times
from napari_latentdyn.core.baselines.progress import make_frames
from napari_latentdyn.core.observations.observations import Observations

__all__ = ["cross_dissolve"]


def cross_dissolve(
    observations: Observations, times: Times, *, should_stop: ShouldStop, on_progress: OnProgress
) -> Interpolation:
    """Mix the two images by time, channel by channel: nothing moves, and there is no field."""

    def mixed(time: float) -> NDArray[np.float32]:
        frame: NDArray[np.float32] = (1 - time) * observations.images[
            0
        ] + time * observations.images[1]
        return frame

    return Interpolation(make_frames(observations, times, mixed, should_stop, on_progress))
