"""True frames to compare with, and their times."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.cli.errors import UsageError
from napari_latentdyn.core.baselines import Truth, place_truth, times_of
from napari_latentdyn.core.observations.images import read_stack
from napari_latentdyn.core.observations.pair import ImagePair
from napari_latentdyn.settings import Settings

__all__ = ["parse_times", "read_truth"]


def parse_times(text: str) -> NDArray[np.float64]:
    """Read the times of true frames.

    Raises
    ------
    UsageError
        If they are no fractions of the interval, or one is there twice.
    """
    times = times_of(text)
    if times is None:
        raise UsageError(
            f"could not read the times '{text}'; --truth-times takes different fractions separated "
            "by commas, e.g. 0.25,0.5."
        )
    return times


def read_truth(
    source: str, times: NDArray[np.float64] | None, pair: ImagePair, settings: Settings
) -> Truth:
    """Read true frames, of which those at both ends are left out.

    Parameters
    ----------
    source : str
        File with a stack, with or without the two images at its ends.
    times : ndarray, shape (K,), or None
        Time of each frame of the stack, or of each but those at its ends;
        None if they are evenly spaced.
    pair : ImagePair
        The images.
    settings : Settings
        Says which channel is taken.

    Raises
    ------
    PairError
        If the frames do not fit the images or the times.
    """
    grey = pair.channels == 1 and settings.images.channel is None
    stack = read_stack(source, grey=grey)
    if stack.ndim == 3:
        stack = stack[:, None]
    elif settings.images.channel is not None and settings.images.channel < stack.shape[1]:
        stack = stack[:, settings.images.channel :][:, :1]
    first = np.where(pair.valid_first, pair.first, np.nan)
    last = np.where(pair.valid_last, pair.last, np.nan)
    return place_truth(stack, times, (first, last), source)
