"""Exports a result, between dialog and viewer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QWidget

from napari_latentdyn.core.geometry.units import unit_symbol
from napari_latentdyn.errors import ExportError, UserError
from napari_latentdyn.export import Format
from napari_latentdyn.export.look import moment_texts
from napari_latentdyn.export.movie import write_movie
from napari_latentdyn.files.paths import exists
from napari_latentdyn.viewer.layers import find_layer, saved_folder
from napari_latentdyn.viewer.timeline import timeline_of
from napari_latentdyn.widgets.background import BackgroundJob, JobQueue
from napari_latentdyn.widgets.export.canvas import CANVAS_FORMATS, CanvasCamera, check_zoom
from napari_latentdyn.widgets.export.dialog import ExportDialog
from napari_latentdyn.widgets.file_dialogs import last_folder, remember_folder
from napari_latentdyn.widgets.palette import palette_of
from napari_latentdyn.widgets.texts import sentence

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_latentdyn.core.dynamics.result import Dynamics


__all__ = ["Exporter"]


class Exporter(QObject):
    """Shows the dialog, and exports in the background."""

    def __init__(self, viewer: Viewer, parent: QWidget) -> None:
        super().__init__(parent)
        self._parent = parent
        self._viewer = viewer
        self._dynamics: Dynamics | None = None
        self._camera: CanvasCamera | None = None
        self._queue = JobQueue(self)
        self.dialog = ExportDialog(parent)
        self._queue.changed.connect(self._on_progress)
        self._queue.failed.connect(self._fail)
        self._queue.stopped.connect(self._on_stopped)
        self.dialog.exportRequested.connect(self._export)
        self.dialog.cancelRequested.connect(self._cancel)

    def show(self, dynamics: Dynamics) -> None:
        """Show the dialog for a result."""
        self.dialog.set_palette(palette_of(self._viewer))
        self._offer(dynamics)
        self.dialog.show()
        self.dialog.raise_()
        self.dialog.activateWindow()

    def take(self, dynamics: Dynamics | None) -> None:
        """Change the result of the dialog, or close the dialog."""
        if not self.dialog.isVisible():
            self._dynamics = None
        elif dynamics is None:
            self.dialog.close()
            self._dynamics = None
        else:
            self._offer(dynamics)

    def close(self) -> None:
        """Cancel the export, and close the dialog."""
        self._queue.close()
        self._end_film()
        self.dialog.close()

    def _offer(self, dynamics: Dynamics) -> None:
        if self._dynamics is None or self._dynamics.run_id != dynamics.run_id:
            self._cancel()
            self.dialog.offer(dynamics.name, last_folder() / _file_name(dynamics))
        self._dynamics = dynamics

    def _export(self) -> None:
        dynamics, dialog = self._dynamics, self.dialog
        if self._queue.busy:
            return
        if dynamics is None:
            self._fail("The result was deleted: choose another result in Explore dynamics.")
            return
        form, path = dialog.form, None
        problem = form.problem()
        options: dict[str, Any] = {}
        try:
            path = dialog.target()
            options = dialog.options()
        except UserError as error:
            problem = str(error)
        except ValueError:
            problem = "An option must be numbers separated by commas, such as 0, 0.5, 1."
        if path is None and problem is None:
            problem = "Choose a path: a file, or a folder for OME-Zarr."
        if problem is not None or path is None:
            self._fail(problem or "")
            return
        dialog.path.setText(str(path))
        replace = exists(path)
        if replace and not dialog.ask_replace(path):
            dialog.show_status(f"{path} was not changed.")
            return
        remember_folder(path)
        dialog.show_status(f"Writing {path}.")
        if form in CANVAS_FORMATS:
            self._film(dynamics, form, path, replace, options)
        else:
            self._write(dynamics, form, path, replace, options)

    def _write(
        self, dynamics: Dynamics, form: Format, path: Path, replace: bool, options: dict[str, Any]
    ) -> None:
        tracers = self._tracers(dynamics)
        # The result may have been saved since it was chosen.
        dynamics.folder = dynamics.folder or saved_folder(self._viewer, dynamics.run_id)

        def write(job: BackgroundJob) -> tuple[Path, str | None]:
            data = dynamics.to_xarray(
                tracers=tracers,
                std=bool(options.get("std")),
                should_stop=job.cancelled.is_set,
                on_frame=job.report,
            )
            written = form.write(
                data,
                path,
                overwrite=replace,
                on_progress=job.report,
                should_stop=job.cancelled.is_set,
                **options,
            )
            return written, form.note(data)

        self._queue.run("export", f"Writing {form.title}", write, self._say)

    def _film(
        self, dynamics: Dynamics, form: Format, path: Path, replace: bool, options: dict[str, Any]
    ) -> None:
        if (
            self._viewer.dims.ndim < 3
            or find_layer(self._viewer, dynamics.run_id, "frames") is None
        ):
            self._fail("The canvas has no frames to play: press Compute to add them again.")
            return
        if self._viewer.dims.ndim - 3 in self._viewer.dims.displayed:
            self._fail(
                "In 3-D the canvas shows all times at once: switch to 2-D for a movie (button "
                "below the list of layers)."
            )
            return
        chosen = {option.name: option.default for option in form.options} | options
        try:
            check_zoom(chosen["zoom"])
        except ExportError as error:
            self._fail(str(error))
            return
        scale, start = timeline_of(dynamics).of_frames
        duration, unit = dynamics.interval or (1.0, None)
        since = dynamics.times() - dynamics.observation_times[0]
        texts = moment_texts(since * duration, unit and unit_symbol(unit))
        camera = self._camera = CanvasCamera(
            self._viewer,
            [start + scale * step for step in range(len(dynamics.times()))],
            texts if chosen["label"] else (),
            scale_bar=chosen["scale_bar"],
            zoom=chosen["zoom"],
            parent=self,
        )

        def write(job: BackgroundJob) -> tuple[Path, str | None]:
            written = write_movie(
                camera.pictures(job.cancelled.is_set),
                path,
                fps=chosen["fps"],
                total=len(dynamics.times()),
                overwrite=replace,
                on_progress=job.report,
                should_stop=job.cancelled.is_set,
            )
            return written, None

        camera.start()
        self._queue.run("export", "Filming the canvas", write, self._say)

    def _fail(self, text: str) -> None:
        self.dialog.show_status(sentence(text), error=True)

    def _say(self, outcome: tuple[Path, str | None]) -> None:
        written, note = outcome
        self.dialog.show_status(f"Exported to {written}. {note or ''}".rstrip())

    def _on_progress(self, what: str, done: int, total: int) -> None:
        self.dialog.set_busy(what, done, total)
        if not what:
            self._end_film()

    def _cancel(self) -> None:
        if self._queue.busy:
            self._queue.cancel()
            self.dialog.show_status("Stopped; nothing was written.")

    def _on_stopped(self, job: BackgroundJob) -> None:
        if job.from_outside and not self._parent.window().isVisible():
            # The window was closed, and its canvas may be deleted.
            self._end_film(restore=False)

    def _end_film(self, *, restore: bool = True) -> None:
        if self._camera is not None:
            if restore:
                self._camera.finish()
            self._camera.deleteLater()
            self._camera = None

    def _tracers(self, dynamics: Dynamics) -> Any:
        layer = find_layer(self._viewer, dynamics.run_id, "tracers")
        if layer is None:
            return None
        data, times = np.array(layer.data, dtype=np.float64), dynamics.times()
        data[:, 1] = times[np.clip(data[:, 1].astype(int), 0, len(times) - 1)]
        return data


def _file_name(dynamics: Dynamics) -> str:
    return re.sub(r"[^\w.-]+", "_", dynamics.name).strip("_.") or "result"
