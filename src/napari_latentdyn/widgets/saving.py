"""Saves what is shown where the user wants it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_latentdyn.errors import UserError
from napari_latentdyn.viewer.layers import mark_saved
from napari_latentdyn.widgets.closing import Stake
from napari_latentdyn.widgets.texts import run_title

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_latentdyn.widgets.export.exporter import Exporter
    from napari_latentdyn.widgets.job import Job
    from napari_latentdyn.widgets.learn_view import LearnView
    from napari_latentdyn.widgets.messages import Messages
    from napari_latentdyn.widgets.results import Result, Results

__all__ = ["Saving"]


class Saving:
    """Writes the result that is shown, and says what came of it.

    Parameters
    ----------
    view : LearnView
        Asks the user for a place.
    messages : Messages
        Where to say it.
    results : Results
        What there is to save.
    viewer : napari.Viewer
        Whose canvas can be filmed.
    """

    def __init__(
        self, view: LearnView, messages: Messages, results: Results, viewer: Viewer
    ) -> None:
        self._view = view
        self._viewer = viewer
        self._exporter: Exporter | None = None
        self._messages = messages
        self._results = results

    def ask_and_save(self, kind: str, result: Result | None = None) -> bool:
        """Ask for a place and write there; return False if it was not written.

        Parameters
        ----------
        kind : {"run", "frames", "vectors", "export"}
            What to write.
        result : Result, optional
            Another one than is shown.
        """
        result = result or self._result()
        if result is None:
            return False
        if kind == "export":
            self._export(result)
            return False
        from napari_latentdyn.core.runfolder.folder import is_run_folder

        path = self._view.ask_path(kind, result.suggested_name(kind))
        if not path:
            return False
        replace = kind == "run" and is_run_folder(path)
        if replace and not self._view.ask_replace(path):
            return False
        return self._write(result, kind, path, overwrite=replace) is not None

    def save(self, kind: str, path: str | Path, *, overwrite: bool = False) -> Path | None:
        """Write a run folder, the frames, or the arrows.

        Parameters
        ----------
        kind : {"run", "frames", "vectors"}
            What to write.
        path : path
            Folder or file.
        overwrite : bool
            Replace an earlier run folder.

        Returns
        -------
        Path or None
            What was written, or None if it could not be: the user was told why.
        """
        result = self._result()
        if result is None:
            return None
        return self._write(result, kind, path, overwrite=overwrite)

    def _write(
        self, result: Result, kind: str, path: str | Path, *, overwrite: bool
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
        """Return what is lost when nothing of a job at work and of the results is kept.

        A preview at work is nothing: it changes nothing until it is there.
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
        """Ask where to save what has not been saved; return whether it is."""
        result = self._results.unsaved
        return result is None or self.ask_and_save("run", result)

    def close(self) -> None:
        """Stop what is exported."""
        if self._exporter is not None:
            self._exporter.close()

    def _export(self, result: Result) -> None:
        from napari_latentdyn.viewer.explore.subject import Subject
        from napari_latentdyn.viewer.reference import METADATA_KEY
        from napari_latentdyn.widgets.export.exporter import Exporter

        if self._exporter is None:
            self._exporter = Exporter(self._viewer, self._view)
        _, meta, _ = result.layers[0]
        info = {**meta["metadata"][METADATA_KEY], "folder": result.folder}
        self._exporter.show(Subject.from_dynamics(result.dynamics, info, result.name))

    def _result(self) -> Result | None:
        if not self._results.can_be_saved:
            self._messages.report("There is nothing to save yet: press Preview first.", "warning")
            return None
        return self._results.shown
