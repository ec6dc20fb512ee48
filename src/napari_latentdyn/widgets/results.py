"""What is kept of the last run: to continue from it, and to save it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.settings import Settings
from napari_latentdyn.widgets.wording import common_name, learning_key

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics import Dynamics
    from napari_latentdyn.layers import LayerTuple
    from napari_latentdyn.widgets.worker import Job, Outcome

__all__ = ["Result"]

SUFFIXES = {"run": "", "frames": ".ome.tif", "vectors": ".csv"}
_ENDS = {"run": "_run", "frames": "_frames", "vectors": "_arrows"}


class Result:
    """The last run of a window.

    Attributes
    ----------
    dynamics : Dynamics
        What was learned, with the checkpoint.
    fingerprint : str
        Hash of the images it was learned from.
    settings : Settings
        Settings of the run.
    name : str
        Name of the scene, for file names.
    """

    def __init__(self, job: Job, outcome: Outcome) -> None:
        self.dynamics: Dynamics = outcome.dynamics
        self.fingerprint = outcome.fingerprint
        self.settings: Settings = job.settings
        self.name = common_name(job.first.name, job.last.name)
        self._rendered = outcome.rendered
        self._layer_ids = (job.first.layer_id, job.last.layer_id)
        self._inputs = job.inputs()
        self._placement = job.first.placement
        self._folder = Path.home()

    @property
    def steps(self) -> int:
        """Optimiser steps done."""
        return int(self.dynamics.report.get("steps", 0))

    @property
    def can_be_saved(self) -> bool:
        """Whether there are frames."""
        return self._rendered is not None

    @property
    def layers(self) -> list[LayerTuple]:
        """The layers, or none if they were not rendered."""
        return self._rendered.layers if self._rendered is not None else []

    def can_continue(self, layer_ids: tuple[str, str], settings: Settings) -> bool:
        """Whether a training of these layers with these settings would go on from here."""
        return (
            self.dynamics.checkpoint is not None
            and layer_ids == self._layer_ids
            and self.steps < settings.training.steps
            and learning_key(settings) == learning_key(self.settings)
        )

    def suggested_path(self, kind: str) -> str:
        """Return a name to save under, in the folder that was used last."""
        name = re.sub(r"[^\w.-]+", "_", self.name).strip("_.") or "dynamics"
        return str(self._folder / f"{name}{_ENDS[kind]}{SUFFIXES[kind]}")

    def save(self, kind: str, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write a run folder, the frames, or the arrows.

        Parameters
        ----------
        kind : {"run", "frames", "vectors"}
            What to write.
        path : path
            Folder or file; a file gets its suffix if it has none.
        overwrite : bool
            Replace an earlier run folder.

        Returns
        -------
        Path
            What was written.

        Raises
        ------
        RunFolderError
            If it cannot be written.
        """
        target = Path(path)
        suffix = SUFFIXES[kind]
        if suffix and not target.name.lower().endswith(suffix):
            target = target.with_name(target.name + suffix)
        writers: dict[str, Callable[[], Any]] = {
            "run": lambda: self._save_run(target, overwrite),
            "frames": lambda: self._write_layer("image", target),
            "vectors": lambda: self._write_layer("vectors", target),
        }
        try:
            writers[kind]()
        except OSError as error:
            raise RunFolderError(
                f"{target} cannot be written: {error.strerror or error}."
            ) from None
        self._folder = target.parent
        return target

    def _save_run(self, folder: Path, overwrite: bool) -> None:
        assert self._rendered is not None
        self.dynamics.save(
            folder,
            times=self._rendered.times,
            frames=self._rendered.frames,
            latents=self._rendered.latents,
            confidence=self._rendered.confidence,
            inputs=self._inputs,
            placement=self._placement.to_dict(),
            overwrite=overwrite,
        )

    def _write_layer(self, kind: str, path: Path) -> None:
        from napari_latentdyn.io.writers import write_image, write_vectors

        data, meta, _ = next(layer for layer in self.layers if layer[2] == kind)
        (write_image if kind == "image" else write_vectors)(str(path), data, meta)
