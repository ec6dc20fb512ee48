"""Results that can be explored: those of this process, and run folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.viewer.cache import RESULTS
from napari_latentdyn.viewer.layers import mark_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["ExplorableRuns"]


class ExplorableRuns:
    """Results by run id: those of the layers of a viewer, and opened run folders."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._opened: dict[str, Dynamics] = {}
        self._names: dict[str, str] = {}

    def items(self) -> list[tuple[str, str]]:
        """Return run ids and names, the latest last."""
        found = {run_id: dynamics.name for run_id, dynamics in self._opened.items()}
        for run_id, (info, name) in self._layers().items():
            if run_id in RESULTS or info.get("folder"):
                found[run_id] = name
        return list(found.items())

    def dynamics(self, run_id: str) -> Dynamics | None:
        """Return the result of a run, or None if it was deleted."""
        if run_id in self._opened:
            return self._opened[run_id]
        info, name = self._layers().get(run_id, ({}, ""))
        dynamics = RESULTS.get(run_id)
        if dynamics is not None and info:
            return dynamics.at(info["times"], name=name)
        if info.get("folder"):
            self._opened[run_id] = Dynamics.load(info["folder"])
            self._opened[run_id].run_id = run_id
            return self._opened[run_id]
        return None

    def open(self, folder: str | Path) -> str:
        """Load a run folder; return its run id."""
        dynamics = Dynamics.load(folder)
        self._opened[dynamics.run_id] = dynamics
        return dynamics.run_id

    def _layers(self) -> dict[str, tuple[dict[str, Any], str]]:
        """Return metadata and name of each run from its layers, preferably its frames."""
        found: dict[str, tuple[dict[str, Any], str]] = {}
        others: dict[str, dict[str, Any]] = {}
        for layer in self._viewer.layers:
            info = mark_of(layer)
            if not info.get("run_id") or "times" not in info:
                continue
            run_id = str(info["run_id"])
            if info.get("role") == "frames":
                self._names[run_id] = layer.name.removesuffix(" frames")
                found[run_id] = (info, self._names[run_id])
            else:
                others[run_id] = info
        # Deleted frames of a result can be computed again.
        for run_id, info in others.items():
            if run_id not in found and run_id in self._names:
                found[run_id] = (info, self._names[run_id])
        return found
