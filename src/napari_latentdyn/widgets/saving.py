"""Saves what is shown where the user wants it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_latentdyn.errors import UserError

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_latentdyn.widgets.export.exporter import Exporter
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

    def ask_and_save(self, kind: str) -> None:
        """Ask for a place and write there, unless the user gives up."""
        result = self._result()
        if result is None:
            return
        if kind == "export":
            self._export(result)
            return
        from napari_latentdyn.core.runfolder import is_run_folder

        path = self._view.ask_path(kind, result.suggested_name(kind))
        if not path:
            return
        replace = kind == "run" and is_run_folder(path)
        if not replace or self._view.ask_replace(path):
            self.save(kind, path, overwrite=replace)

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
        try:
            written = result.save(kind, path, overwrite=overwrite)
        except UserError as error:
            self._messages.report(str(error))
            return None
        what = "The preview was saved" if result.is_preview else "Saved"
        self._messages.say(f"{what} to {written}.")
        return written

    def close(self) -> None:
        """Stop what is exported."""
        if self._exporter is not None:
            self._exporter.close()

    def _export(self, result: Result) -> None:
        from napari_latentdyn.explore.subject import Subject
        from napari_latentdyn.reference import METADATA_KEY
        from napari_latentdyn.widgets.export.exporter import Exporter

        if self._exporter is None:
            self._exporter = Exporter(self._viewer, self._view)
        _, meta, _ = result.layers[0]
        info = meta["metadata"][METADATA_KEY]
        self._exporter.show(Subject.from_dynamics(result.dynamics, info, result.name))

    def _result(self) -> Result | None:
        if not self._results.can_be_saved:
            self._messages.report(
                "There is nothing to save yet: press Preview or Train first.", "warning"
            )
            return None
        return self._results.shown
