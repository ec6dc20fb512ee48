"""True frames to compare with, and their times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.cli.errors import UsageError
from napari_latentdyn.cli.images import read_stack
from napari_latentdyn.core.pair import ImagePair
from napari_latentdyn.errors import PairError
from napari_latentdyn.settings import Settings

__all__ = ["Truth", "parse_times", "read_truth"]


@dataclass(frozen=True)
class Truth:
    """True frames between two images.

    Attributes
    ----------
    frames : ndarray of float32, shape (K, C, H, W)
        Without those at both ends.
    times : ndarray, shape (K,)
        Fractions of the interval, in ascending order.
    """

    frames: NDArray[np.float32]
    times: NDArray[np.float64]


def parse_times(text: str) -> NDArray[np.float64]:
    """Read the times of true frames.

    Raises
    ------
    UsageError
        If they are no fractions of the interval, or one is there twice.
    """
    try:
        times = np.array([float(part) for part in text.split(",") if part.strip()])
    except ValueError:
        times = np.array([np.nan])
    if not (len(times) and np.all((times >= 0) & (times <= 1)) and len(set(times)) == len(times)):
        raise UsageError(
            f"--truth-times takes different fractions of the interval, such as 0.2,0.5, "
            f"not '{text}'."
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
        If the frames do not fit the images.
    UsageError
        If there is another number of times than of frames, or nothing is left.
    """
    stack = _read(source, pair, settings)
    if (times is None or len(times) == len(stack) - 2) and _has_ends(stack, pair):
        stack = stack[1:-1]
    if times is None:
        times = np.linspace(0, 1, len(stack) + 2)[1:-1]
    if len(times) != len(stack):
        raise UsageError(
            f"--truth-times has {len(times)} times and {source} {len(stack)} frames: give one "
            "for each frame."
        )
    order = [i for i in np.argsort(times) if 0 < times[i] < 1]
    if not order:
        raise UsageError(f"{source} has no frame between the two images to compare with.")
    return Truth(stack[order], times[order])


def _read(source: str, pair: ImagePair, settings: Settings) -> NDArray[np.float32]:
    grey = pair.channels == 1 and settings.images.channel is None
    stack = read_stack(source, grey=grey)
    if stack.ndim == 3:
        stack = stack[:, None]
    elif settings.images.channel is not None and settings.images.channel < stack.shape[1]:
        stack = stack[:, settings.images.channel :][:, :1]
    if stack.shape[1:] != pair.first.shape:
        raise PairError(
            f"the true frames in {source} have shape {stack.shape[1:]} (channels, height, width), "
            f"the images {pair.first.shape}: they must agree."
        )
    return stack


def _has_ends(stack: NDArray[np.float32], pair: ImagePair) -> bool:
    """Return whether a stack starts with the first image and ends with the last.

    They may be rounded: each has to be much closer to its image than to its
    neighbour in the stack.
    """
    if len(stack) < 3:
        return False
    both = pair.valid_first & pair.valid_last & np.isfinite(stack).all(axis=(0, 1))
    ends = ((stack[0], pair.first, stack[1]), (stack[-1], pair.last, stack[-2]))
    return all(
        _distance(end, image, both) < 0.1 * _distance(end, neighbour, both)
        for end, image, neighbour in ends
    )


def _distance(a: NDArray[Any], b: NDArray[Any], valid: NDArray[np.bool_]) -> float:
    return float(np.sqrt(np.mean((a[:, valid] - b[:, valid]) ** 2)))
