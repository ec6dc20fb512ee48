"""Results of the last runs, to save and to continue."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.settings import Settings
from napari_latentdyn.settings.continuing import changed_at_start
from napari_latentdyn.widgets.texts import run_title

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics.result import Dynamics
    from napari_latentdyn.widgets.job import Job

__all__ = ["FinishedJob", "Results"]

SUFFIXES = {"run": "", "frames": ".ome.tif", "vectors": ".csv"}
_ENDS = {"run": "_run", "frames": "_frames", "vectors": "_arrows"}


class FinishedJob:
    """The result of a job of the window, and the run folder that it was last saved to."""

    def __init__(self, job: Job, dynamics: Dynamics) -> None:
        self.dynamics = dynamics
        self.settings: Settings = job.settings
        self.name = dynamics.name
        self.title = run_title("preview" if job.is_preview else "result", job.first, job.last)
        self.is_preview = job.is_preview
        self.folder: Path | None = None
        self.run_id = job.run_id
        self.layers = job.layers
        self._key = job.key

    @property
    def steps(self) -> int:
        """Number of optimiser steps."""
        return self.dynamics.report.steps or 0

    @property
    def can_be_saved(self) -> bool:
        """Whether the frames were rendered."""
        return bool(self.layers)

    def steps_left(self, settings: Settings) -> int:
        """Return the number of steps left, negative if there are too many already."""
        return settings.training.steps - self.steps

    def is_of(self, key: tuple[str, ...]) -> bool:
        """Return whether the images and all that is known have this key; see `Job.key`."""
        return key == self._key

    def fits(self, key: tuple[str, ...], settings: Settings) -> bool:
        """Return whether a training with this key and these settings can continue this job."""
        return (
            self.dynamics.fitted.checkpoint is not None
            and self.is_of(key)
            and changed_at_start(self.settings, settings) is None
        )

    def suggested_name(self, kind: str) -> str:
        """Return a file name."""
        name = re.sub(r"[^\w.-]+", "_", self.name).strip("_.") or "dynamics"
        return f"{name}{_ENDS[kind]}{SUFFIXES[kind]}"

    def save(self, kind: str, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write a run folder, the frames or the arrows; return the path with its suffix."""
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
        return target

    def _save_run(self, folder: Path, overwrite: bool) -> None:
        self.dynamics.save(folder, overwrite=overwrite)
        self.folder = folder.resolve()

    def _write_layer(self, kind: str, path: Path) -> None:
        from napari_latentdyn.viewer.writers import write_image, write_vectors

        data, meta, _ = next(layer for layer in self.layers if layer[2] == kind)
        (write_image if kind == "image" else write_vectors)(str(path), data, meta)


@dataclass
class Results:
    """The last result, and the last training, which can be continued after previews."""

    shown: FinishedJob | None = None
    trained: FinishedJob | None = None

    @property
    def can_be_saved(self) -> bool:
        """Whether there is a result to save."""
        return self.shown is not None and self.shown.can_be_saved

    @property
    def unsaved(self) -> FinishedJob | None:
        """The unsaved result that closing the window would lose, preferably a training."""
        return next(
            (r for r in (self.trained, self.shown) if r is not None and r.folder is None), None
        )

    @property
    def preview_shown(self) -> bool:
        """Whether the last run was a preview."""
        return self.shown is not None and self.shown.is_preview

    def take(self, result: FinishedJob) -> None:
        """Store a result; a preview does not replace the last training."""
        self.shown = result
        if not result.is_preview:
            self.trained = result

    def clear(self) -> None:
        """Remove all results."""
        self.shown = self.trained = None

    def to_continue(self, key: tuple[str, ...], settings: Settings) -> FinishedJob | None:
        """Return the training that a training with this key would continue, or None.

        After a preview, a complete training is continued in order to be shown again.
        """
        trained = self.trained
        if trained is None or not trained.fits(key, settings):
            return None
        left = trained.steps_left(settings)
        can_return = left == 0 and trained.steps > 0 and self.preview_shown
        return trained if left > 0 or can_return else None
