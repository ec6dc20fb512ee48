"""Methods that make frames between two images, behind one interface.

`registry` names all methods; `quality` measures their frames, and `truth` selects the
true frames to compare with.
"""

from __future__ import annotations

from napari_latentdyn.core.baselines.interface import Interpolation, Method, MethodInfo
from napari_latentdyn.core.baselines.quality import Assessment, assess
from napari_latentdyn.core.baselines.registry import (
    BASELINES,
    describe_method,
    describe_result,
    find_method,
    list_methods,
)
from napari_latentdyn.core.baselines.scores import Score, score
from napari_latentdyn.core.baselines.truth import Truth, place_truth, times_of

__all__ = [
    "BASELINES",
    "Assessment",
    "Interpolation",
    "Method",
    "MethodInfo",
    "Score",
    "Truth",
    "assess",
    "describe_method",
    "describe_result",
    "find_method",
    "list_methods",
    "place_truth",
    "score",
    "times_of",
]
