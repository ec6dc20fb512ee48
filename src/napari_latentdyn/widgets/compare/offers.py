"""What a comparison offers: methods, results that are there already, and true frames."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.errors import PairError
from napari_latentdyn.widgets.explore.explorable import ExplorableRuns

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_latentdyn.core.baselines import MethodInfo
    from napari_latentdyn.core.dynamics.result import Dynamics

__all__ = ["Offers", "true_stack"]

#: Start of the name of a result among those of methods; its run follows.
_RESULT = "result "
#: Part of the range by which values of equal images may differ, as after a change of their type.
_ROUNDING = 1e-6


class Offers:
    """Methods that can be compared: baselines, presets, and results of this viewer.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers of results are offered.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._runs = ExplorableRuns(viewer)

    def methods(self) -> list[MethodInfo]:
        """Return all methods, results first: they take the least time."""
        from napari_latentdyn.core.baselines import list_methods

        return [*self._results(), *list_methods()]

    def describe(self, name: str) -> MethodInfo:
        """Return the method of a name that `methods` has.

        Raises
        ------
        SettingsError
            If there is none.
        """
        from napari_latentdyn.core.baselines import describe_method

        for info in self._results():
            if info.name == name:
                return info
        return describe_method(name)

    def add(self, folder: str | Path) -> str:
        """Offer a run folder; return the name of its method.

        Raises
        ------
        RunFolderError
            If it cannot be read.
        """
        return f"{_RESULT}{self._runs.open(folder)}"

    def _results(self) -> list[MethodInfo]:
        from napari_latentdyn.core.baselines import describe_result

        return [
            describe_result(
                f"{_RESULT}{run_id}",
                f"Result: {name}",
                partial(self._load, run_id, name),
            )
            for run_id, name in self._runs.items()
        ]

    def _load(self, run_id: str, name: str) -> Dynamics:
        subject = self._runs.subject(run_id)
        if subject is None:
            raise PairError(f"the result “{name}” is gone; add its run folder.")
        return subject.dynamics()


def true_stack(layers: list[Image], first: Image | None, last: Image | None) -> Image | None:
    """Return the stack that begins with the first image and ends with the last, if there is one.

    Samples and many users have such a stack beside the two images that were taken from it. Only
    arrays in memory are looked at.
    """
    if first is None or last is None:
        return None
    ends = (first.data, last.data)
    if not all(isinstance(end, np.ndarray) for end in ends):
        return None
    for layer in layers:
        data: Any = layer.data
        if (
            layer.multiscale
            or not isinstance(data, np.ndarray)
            or data.shape[1:] != ends[0].shape
            or data.shape[1:] != ends[1].shape
            or len(data) < 3
        ):
            continue
        if _same(data[0], ends[0]) and _same(data[-1], ends[1]):
            return layer
    return None


def _same(frame: NDArray[Any], image: NDArray[Any]) -> bool:
    """Return whether two arrays are equal except for rounding."""
    finite = image[np.isfinite(image)].astype(np.float64)
    near = _ROUNDING * float(np.ptp(finite)) if finite.size else 0.0
    return np.allclose(frame, image, rtol=0.0, atol=near, equal_nan=True)
