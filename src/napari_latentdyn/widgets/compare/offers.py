"""Methods and results that can be compared, and layers with true frames."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.errors import ObservationError
from napari_latentdyn.widgets.explore.explorable import ExplorableRuns

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_latentdyn.core.baselines import MethodInfo
    from napari_latentdyn.core.dynamics.result import Dynamics

__all__ = ["Offers", "true_stack"]

#: Prefix of the names of results; the run id follows.
_RESULT = "result "
#: Relative tolerance for equal images, which may differ by rounding.
_ROUNDING = 1e-6


class Offers:
    """Methods to compare: baselines, presets, and results of a viewer."""

    def __init__(self, viewer: Viewer) -> None:
        self._runs = ExplorableRuns(viewer)

    def methods(self) -> list[MethodInfo]:
        """Return all methods, results first, as they take the least time."""
        from napari_latentdyn.core.baselines import list_methods

        return [*self._results(), *list_methods()]

    def describe(self, name: str) -> MethodInfo:
        """Return a method by name; an unknown name raises `SettingsError`."""
        from napari_latentdyn.core.baselines import describe_method

        for info in self._results():
            if info.name == name:
                return info
        return describe_method(name)

    def add(self, folder: str | Path) -> str:
        """Add a run folder; return the name of its method."""
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
        dynamics = self._runs.dynamics(run_id)
        if dynamics is None:
            raise ObservationError(f"the result “{name}” was deleted; add its run folder.")
        return dynamics


def true_stack(layers: list[Image], first: Image | None, last: Image | None) -> Image | None:
    """Return a stack in memory that begins with the first image and ends with the last, or None."""
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
