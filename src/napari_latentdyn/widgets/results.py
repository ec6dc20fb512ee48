"""What is kept of the last run: to continue from it, and to save it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.settings import Settings
from napari_latentdyn.widgets.texts import learning_key, run_title, scene_name

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics.result import Dynamics
    from napari_latentdyn.viewer.layers import LayerTuple
    from napari_latentdyn.widgets.job import Job, Outcome

__all__ = ["Result", "Results"]

SUFFIXES = {"run": "", "frames": ".ome.tif", "vectors": ".csv"}
_ENDS = {"run": "_run", "frames": "_frames", "vectors": "_arrows"}


class Result:
    """What a run of a window ended with.

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
    title : str
        What to call it in sentences.
    run_id : str
        That of its layers.
    is_preview : bool
        Whether nothing was to be learned from the images: it is never continued.
    folder : Path or None
        The run folder that it was written to last.
    """

    def __init__(self, job: Job, outcome: Outcome) -> None:
        self.dynamics: Dynamics = outcome.dynamics
        self.fingerprint = outcome.fingerprint
        self.settings: Settings = job.settings
        self.name = scene_name(job.first, job.last)
        self.title = run_title("preview" if job.is_preview else "result", job.first, job.last)
        self.is_preview = job.is_preview
        self.folder: Path | None = None
        self.run_id = job.run_id
        self._rendered = outcome.rendered
        self._images = (job.first.key, job.last.key)
        self._inputs = job.inputs()
        self._placement = job.first.placement

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

    def steps_left(self, settings: Settings) -> int:
        """Return how many steps are left to do, negative if there are too many already."""
        return settings.training.steps - self.steps

    def is_of(self, images: tuple[str, str]) -> bool:
        """Whether it comes from the images with these keys."""
        return images == self._images

    def fits(self, images: tuple[str, str], settings: Settings) -> bool:
        """Whether a training of the images with these keys and settings can go on from here."""
        return (
            self.dynamics.checkpoint is not None
            and self.is_of(images)
            and learning_key(settings) == learning_key(self.settings)
        )

    def suggested_name(self, kind: str) -> str:
        """Return a name to save under."""
        name = re.sub(r"[^\w.-]+", "_", self.name).strip("_.") or "dynamics"
        return f"{name}{_ENDS[kind]}{SUFFIXES[kind]}"

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
            placement=self._placement.to_report(),
            overwrite=overwrite,
        )
        self.folder = folder.resolve()

    def _write_layer(self, kind: str, path: Path) -> None:
        from napari_latentdyn.viewer.writers import write_image, write_vectors

        data, meta, _ = next(layer for layer in self.layers if layer[2] == kind)
        (write_image if kind == "image" else write_vectors)(str(path), data, meta)


@dataclass
class Results:
    """The results that a window keeps.

    Attributes
    ----------
    shown : Result or None
        What the last run ended with: it is saved.
    trained : Result or None
        What the last training ended with: it is continued, also after previews.
    """

    shown: Result | None = None
    trained: Result | None = None

    @property
    def can_be_saved(self) -> bool:
        """Whether there is anything to save."""
        return self.shown is not None and self.shown.can_be_saved

    @property
    def unsaved(self) -> Result | None:
        """What is lost when the window closes: a training before a preview."""
        return next(
            (r for r in (self.trained, self.shown) if r is not None and r.folder is None), None
        )

    @property
    def preview_shown(self) -> bool:
        """Whether the last run was a preview."""
        return self.shown is not None and self.shown.is_preview

    def take(self, result: Result) -> None:
        """Keep the result of a run in place of the one before, but no preview for a training."""
        self.shown = result
        if not result.is_preview:
            self.trained = result

    def clear(self) -> None:
        """Let go of everything."""
        self.shown = self.trained = None

    def to_continue(self, images: tuple[str, str], settings: Settings) -> Result | None:
        """Return what a training of the images with these keys would go on from.

        That can be a training which has done all its steps: after a preview it
        is continued in order to be shown again.
        """
        trained = self.trained
        if trained is None or not trained.fits(images, settings):
            return None
        left = trained.steps_left(settings)
        can_return = left == 0 and trained.steps > 0 and self.preview_shown
        return trained if left > 0 or can_return else None
