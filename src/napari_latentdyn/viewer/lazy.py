"""Frames of a long series as arrays of dask: an interval is drawn when it is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.dynamics.intervals import interval_slices
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.export.look import contrast_limits
from napari_latentdyn.viewer.context import stage_confidence

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics.result import Dynamics

__all__ = ["image_confidence", "known_limits", "lazy_array"]

#: Number of pixels from which contrast limits are found.
_PIXELS = 4_000_000


def lazy_array(dynamics: Dynamics, what: Literal["frames", "confidence"]) -> Any:
    """Return the frames, (T, H, W) or (T, C, H, W), or their confidence, (T, H, W), as chunks.

    Each chunk has the frames of one interval, which are read, or computed where they are not
    stored.
    """
    import dask.array
    from dask.delayed import delayed

    images = dynamics.observations
    plane: tuple[int, ...] = images.shape
    if what == "frames" and images.multichannel:
        plane = (images.channels, *plane)
    kind = np.result_type(np.float32, images.low.dtype) if what == "frames" else np.float32
    chunks = [
        dask.array.from_delayed(
            delayed(partial(_chunk, dynamics, what, chosen), pure=False)(),
            (chosen.stop - chosen.start, *plane),
            kind,
        )
        for chosen in interval_slices(dynamics)
    ]
    return dask.array.concatenate(chunks)


def image_confidence(dynamics: Dynamics) -> Iterator[NDArray[np.float32]]:
    """Yield the confidence of the velocity of each stage, (H, W); see `stage_confidence`.

    No frame is drawn: the images show the texture as the frames do.
    """
    observed = dynamics.observations
    images = observed.images
    if not bool(observed.shown.all()):
        images = np.where(observed.shown[:, None], images, np.nan)
    return stage_confidence(images, dynamics, dynamics.observation_times)


def known_limits(images: Observations) -> tuple[float, float]:
    """Return contrast limits for frames from a part of the pixels of all images."""
    step = max(1, round((images.images.size / _PIXELS) ** 0.5))
    part = np.s_[..., ::step, ::step]
    shown = np.broadcast_to(images.shown[:, None], images.images.shape)
    return contrast_limits(images.images[part][shown[part]])


def _chunk(
    dynamics: Dynamics, what: Literal["frames", "confidence"], chosen: slice
) -> NDArray[np.floating[Any]]:
    known = dynamics.stored(what)
    if known is not None:
        return np.asarray(known[chosen])
    times = dynamics.times()[chosen]
    return dynamics.frames(times) if what == "frames" else dynamics.confidence(times)
