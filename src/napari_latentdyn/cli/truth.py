"""True frames for a comparison, and their times."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.cli.errors import UsageError
from napari_latentdyn.core.baselines import Truth, place_truth, times_of
from napari_latentdyn.core.observations.images import read_stack
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.settings import Settings

__all__ = ["parse_times", "read_truth"]


def parse_times(text: str) -> NDArray[np.float64]:
    """Read the times of true frames: different fractions of the interval."""
    times = times_of(text)
    if times is None:
        raise UsageError(
            "--truth-times must be different fractions separated by commas, such as 0.25,0.5; "
            f"got '{text}'."
        )
    return times


def read_truth(
    source: str, times: NDArray[np.float64] | None, observations: Observations, settings: Settings
) -> Truth:
    """Read true frames with or without both images at the ends, which are left out.

    `times` has one time for each frame of the stack, or for each except the ends; None means evenly
    spaced.
    """
    grey = observations.channels == 1 and settings.images.channel is None
    stack = read_stack(source, grey=grey)
    if stack.ndim == 3:
        stack = stack[:, None]
    elif settings.images.channel is not None and settings.images.channel < stack.shape[1]:
        stack = stack[:, settings.images.channel :][:, :1]
    first = np.where(observations.valid[0], observations.images[0], np.nan)
    last = np.where(observations.valid[1], observations.images[1], np.nan)
    return place_truth(stack, times, (first, last), source)
