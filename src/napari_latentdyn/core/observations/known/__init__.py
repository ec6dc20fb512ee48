"""Reading regions, tracks and landmarks that the user knows, for all ways to run."""

from __future__ import annotations

from napari_latentdyn.core.observations.known.knowledge import read_knowledge
from napari_latentdyn.core.observations.known.landmarks import read_landmarks
from napari_latentdyn.core.observations.known.outlines import draw_shape
from napari_latentdyn.core.observations.known.regions import read_region
from napari_latentdyn.core.observations.known.space import ImageSpace
from napari_latentdyn.core.observations.known.tracks import read_tracks

__all__ = [
    "ImageSpace",
    "draw_shape",
    "read_knowledge",
    "read_landmarks",
    "read_region",
    "read_tracks",
]
