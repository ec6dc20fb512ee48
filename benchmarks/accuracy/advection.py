"""Frames from advection of the images themselves, without any network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from benchmarks.accuracy.outcome import Image, Outcome

from napari_latentdyn.core.baselines.advection import AdvectedImages

__all__ = ["two_sided_advection"]


def two_sided_advection(first: Image, last: Image, times: Sequence[float]) -> Outcome:
    """Carry both images to each time, and mix them by time."""
    advected = AdvectedImages.fitted(first, last, times)
    frames = [advected.frame(first[None], last[None], time)[0] for time in times]
    return Outcome(np.stack(frames), displacement=advected.displacement())
