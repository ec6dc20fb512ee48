"""Fits with what a user knows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.knowledge.knowledge import Knowledge
from napari_latentdyn.core.knowledge.regions import Regions
from napari_latentdyn.core.knowledge.tracks import Tracks
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.generators import drain
from napari_latentdyn.settings import Settings

Floats = NDArray[np.float64]

QUICK = Settings.preset("quick")


def fitted(images: list[Floats], known: Knowledge | None = None, **changes: object) -> Dynamics:
    observations = Observations.from_arrays(*images).with_knowledge(known or Knowledge())
    return drain(
        fit(observations, QUICK.updated({n.replace("__", "."): v for n, v in changes.items()}))
    )


def knowing(tracks: Tracks | None = None, **masks: NDArray[np.bool_]) -> Knowledge:
    return Knowledge(Regions.from_masks(**masks), tracks)
