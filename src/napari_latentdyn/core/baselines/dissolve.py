"""Cross-dissolve: the two images mixed by time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.baselines.interface import Interpolation, OnProgress, ShouldStop
from napari_latentdyn.core.baselines.progress import draw
from napari_latentdyn.core.observations.pair import ImagePair

__all__ = ["cross_dissolve"]


def cross_dissolve(
    pair: ImagePair,
    times: NDArray[np.float64],
    *,
    should_stop: ShouldStop,
    on_progress: OnProgress,
) -> Interpolation:
    """Mix the two images by time: nothing moves.

    Channel by channel; both ends are the images, and there is no field.
    """

    def mixed(time: float) -> NDArray[np.float32]:
        return (1 - time) * pair.first + time * pair.last

    return Interpolation(draw(pair, times, mixed, should_stop, on_progress))
