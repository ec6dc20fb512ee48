"""Places of the frames of a series that were missing in an image and are filled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics.result import Dynamics

__all__ = ["estimated_places"]


def estimated_places(dynamics: Dynamics) -> NDArray[np.uint8] | None:
    """Return 1 where frames show an estimate, (T, H, W); None for a result without estimates.

    The marks of the nearest image move with the velocity of the frame.
    """
    if len(dynamics.observation_times) == 2 or dynamics.observations.estimated is None:
        return None
    marks = dynamics.observations.estimated
    if not marks.any():
        return None
    known, times = dynamics.observation_times, dynamics.times()
    nearest = np.abs(times[:, None] - known).argmin(axis=1)
    rows, columns = np.indices(marks.shape[1:], np.float32)
    found = np.zeros((len(times), *marks.shape[1:]), np.uint8)
    later = dynamics.elapsed(times) - dynamics.elapsed(known)[nearest]
    for index in np.flatnonzero(np.any(marks, axis=(1, 2)).take(nearest)):
        dy, dx = later[index] * dynamics.velocity([times[index]])[0]
        places = [
            np.clip(np.rint(at - way).astype(np.intp), 0, size - 1)
            for at, way, size in zip((rows, columns), (dy, dx), marks.shape[1:], strict=True)
        ]
        found[index] = marks[nearest[index]][tuple(places)]
    return found
