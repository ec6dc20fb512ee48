"""The part of images that can move: without still regions and walls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.observations.intensities import fill
from napari_latentdyn.core.observations.observations import Observations

__all__ = ["moving_part"]


def moving_part(observations: Observations) -> Observations:
    """Return the images with their still regions and walls filled from what moves next to them.

    These pixels count as missing, so that nothing is compared with them, and no interpolation
    next to them reads their values. Observations without such regions are returned as they are.
    """
    blocked = observations.known.regions.blocked
    if blocked is None:
        return observations
    free: NDArray[np.bool_] = ~np.broadcast_to(blocked, observations.valid.shape)
    seen = observations.shown & free
    images = [fill(image, mask) for image, mask in zip(observations.images, seen, strict=True)]
    return replace(observations, images=np.stack(images), valid=observations.valid & free)
