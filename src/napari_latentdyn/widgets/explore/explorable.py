"""Which results can be explored: those of this process, and run folders."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_latentdyn.viewer import cache
from napari_latentdyn.viewer.explore.subject import Subject
from napari_latentdyn.viewer.layers import METADATA_KEY

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["ExplorableRuns"]


class ExplorableRuns:
    """Results of a viewer by their run: of its layers, and of folders that were opened here."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._opened: dict[str, Subject] = {}
        self._names: dict[str, str] = {}

    def items(self) -> list[tuple[str, str]]:
        """Return runs and names, the latest last."""
        found = {run_id: subject.name for run_id, subject in self._opened.items()}
        for run_id, (info, name) in self._layers().items():
            if cache.take(run_id) is not None or info.get("folder"):
                found[run_id] = name
        return list(found.items())

    def subject(self, run_id: str) -> Subject | None:
        """Return what a run has to be explored, None if it is gone.

        Raises
        ------
        RunFolderError
            If its folder cannot be read any more.
        """
        if run_id in self._opened:
            return self._opened[run_id]
        info, name = self._layers().get(run_id, ({}, ""))
        dynamics = cache.take(run_id)
        if dynamics is not None and info:
            return Subject.from_dynamics(dynamics, info, name)
        if info.get("folder"):
            self._opened[run_id] = Subject.from_run(info["folder"], run_id)
            return self._opened[run_id]
        return None

    def open(self, folder: str | Path) -> str:
        """Read a run folder; return its run.

        Raises
        ------
        RunFolderError
            If it cannot be read.
        """
        subject = Subject.from_run(folder, uuid.uuid4().hex)
        self._opened[subject.run_id] = subject
        return subject.run_id

    def _layers(self) -> dict[str, tuple[Mapping[str, Any], str]]:
        """Return what layers say of their runs, and names; frames before others."""
        found: dict[str, tuple[Mapping[str, Any], str]] = {}
        others: dict[str, Mapping[str, Any]] = {}
        for layer in self._viewer.layers:
            info = layer.metadata.get(METADATA_KEY)
            if not isinstance(info, Mapping) or not info.get("run_id") or "times" not in info:
                continue
            run_id = str(info["run_id"])
            if info.get("role") == "frames":
                self._names[run_id] = layer.name.removesuffix(" frames")
                found[run_id] = (info, self._names[run_id])
            else:
                others[run_id] = info
        # A result whose frames were deleted can be drawn again.
        for run_id, info in others.items():
            if run_id not in found and run_id in self._names:
                found[run_id] = (info, self._names[run_id])
        return found
