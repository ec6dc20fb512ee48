"""Saves results at a path that the user chooses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_latentdyn.errors import UserError
from napari_latentdyn.viewer.layers import mark_saved
from napari_latentdyn.widgets.closing import Stake
from napari_latentdyn.widgets.file_dialogs import ask_target
from napari_latentdyn.widgets.layouts import ask_replace
from napari_latentdyn.widgets.texts import run_title

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_latentdyn.widgets.export.exporter import Exporter
    from napari_latentdyn.widgets.job import Job
    from napari_latentdyn.widgets.learn_view import LearnView
    from napari_latentdyn.widgets.messages import Messages
    from napari_latentdyn.widgets.results import FinishedJob, Results

__all__ = ["Saving"]

#: Title and file type of the dialogs.
_DIALOGS = {
    "run": ("Save the run folder", "Run folder (*)"),
    "frames": ("Save the frames as OME-TIFF", "OME-TIFF (*.ome.tif)"),
    "vectors": ("Save the arrows as CSV", "Comma-separated values (*.csv)"),
}


class Saving:
    """Saves results and reports the outcome."""

    def __init__(
        self, view: LearnView, messages: Messages, results: Results, viewer: Viewer
    ) -> None:
        self._view = view
        self._viewer = viewer
        self._exporter: Exporter | None = None
        self._messages = messages
        self._results = results

    def ask_and_save(self, kind: str, result: FinishedJob | None = None) -> bool:
        """Ask for a path and save there, by default the result shown; return whether it is saved.

        `kind` is "run", "frames", "vectors" or "export", which opens the dialog.
        """
        result = result or self._result()
        if result is None:
            return False
        if kind == "export":
            self._export(result)
            return False
        from napari_latentdyn.core.runfolder.report import is_run_folder

        title, filters = _DIALOGS[kind]
        path = ask_target(self._view, title, result.suggested_name(kind), filters)
        if not path:
            return False
        replace = kind == "run" and is_run_folder(path)
        question = f"{path} already holds a run. Replace it?"
        if replace and not ask_replace(self._view, "Replace the run?", question):
            return False
        return self._write(result, kind, path, overwrite=replace) is not None

    def save(self, kind: str, path: str | Path, *, overwrite: bool = False) -> Path | None:
        """Save the result shown; return the path, or None after an error message."""
        result = self._result()
        if result is None:
            return None
        return self._write(result, kind, path, overwrite=overwrite)

    def _write(
        self, result: FinishedJob, kind: str, path: str | Path, *, overwrite: bool
    ) -> Path | None:
        try:
            written = result.save(kind, path, overwrite=overwrite)
        except UserError as error:
            self._messages.report(str(error))
            return None
        if kind == "run":
            mark_saved(self._viewer, result.run_id, written.resolve())
        what = "The preview was saved" if result.is_preview else "Saved"
        self._messages.say(f"{what} to {written}.")
        return written

    def at_stake(self, job: Job | None) -> Stake | None:
        """Return what closing the window would lose: a running training and an unsaved result.

        A running preview does not count.
        """
        result = self._results.unsaved
        if job is not None and job.is_preview:
            job = None
        if job is None and result is None:
            return None
        return Stake(
            "" if job is None else run_title(job.kind, job.first, job.last),
            "" if result is None else result.title,
            result is not None and result.can_be_saved,
            (id(job), id(result)),
        )

    def save_unsaved(self) -> bool:
        """Ask for a path and save the unsaved result; return whether nothing is unsaved."""
        result = self._results.unsaved
        return result is None or self.ask_and_save("run", result)

    def close(self) -> None:
        """Stop an export."""
        if self._exporter is not None:
            self._exporter.close()

    def _export(self, result: FinishedJob) -> None:
        from napari_latentdyn.widgets.export.exporter import Exporter

        if self._exporter is None:
            self._exporter = Exporter(self._viewer, self._view)
        self._exporter.show(result.dynamics)

    def _result(self) -> FinishedJob | None:
        if not self._results.can_be_saved:
            self._messages.report("There is nothing to save yet: press Preview first.", "warning")
            return None
        return self._results.shown
