"""Writes a result in the formats of other programs, between dialog and viewer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QWidget

from napari_latentdyn.core.geometry.symbols import time_symbol
from napari_latentdyn.errors import ExportError, UserError
from napari_latentdyn.export import Format, make_dataset
from napari_latentdyn.export.look import moment_texts
from napari_latentdyn.export.movie import write_movie
from napari_latentdyn.files.paths import exists
from napari_latentdyn.viewer.layers import find_layer, saved_folder
from napari_latentdyn.widgets.export.canvas import CANVAS_FORMATS, CanvasCamera, check_zoom
from napari_latentdyn.widgets.export.dialog import ExportDialog
from napari_latentdyn.widgets.file_dialogs import last_folder, remember_folder
from napari_latentdyn.widgets.palette import palette_of
from napari_latentdyn.widgets.tasks import Task, Tasks
from napari_latentdyn.widgets.texts import sentence

if TYPE_CHECKING:
    import xarray
    from napari.viewer import Viewer

    from napari_latentdyn.viewer.explore.subject import Subject

__all__ = ["Exporter"]


class Exporter(QObject):
    """Shows the dialog, and writes in the background.

    Parameters
    ----------
    viewer : napari.Viewer
        Where frames and tracers are looked for, and whose canvas is filmed.
    parent : QWidget
        What the dialog belongs to.
    """

    def __init__(self, viewer: Viewer, parent: QWidget) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._subject: Subject | None = None
        self._camera: CanvasCamera | None = None
        self._tasks = Tasks(self)
        self.dialog = ExportDialog(parent)
        self._tasks.changed.connect(self._on_progress)
        self._tasks.failed.connect(self._fail)
        self.dialog.exportRequested.connect(self._export)
        self.dialog.cancelRequested.connect(self._cancel)

    def show(self, subject: Subject) -> None:
        """Open the dialog for a result, or bring it to the front."""
        self.dialog.set_palette(palette_of(self._viewer))
        self._offer(subject)
        self.dialog.show()
        self.dialog.raise_()
        self.dialog.activateWindow()

    def take(self, subject: Subject | None) -> None:
        """Go on with another result, or with none."""
        if not self.dialog.isVisible():
            self._subject = None
        elif subject is None:
            self.dialog.close()
            self._subject = None
        else:
            self._offer(subject)

    def close(self) -> None:
        """Stop what is written, and close the dialog."""
        self._tasks.close()
        self._end_film()
        self.dialog.close()

    def _offer(self, subject: Subject) -> None:
        if self._subject is None or self._subject.run_id != subject.run_id:
            self._cancel()
            self.dialog.offer(subject.name, last_folder() / _file_name(subject))
        self._subject = subject

    def _export(self) -> None:
        subject, dialog = self._subject, self.dialog
        if self._tasks.busy:
            return
        if subject is None:
            self._fail("The result is there no more: choose another one in Explore dynamics.")
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
            problem = "An option takes numbers with commas between them, such as 0, 0.5, 1."
        if path is None and problem is None:
            problem = "Say where to write: a file, or a folder for OME-Zarr."
        if problem is not None or path is None:
            self._fail(problem or "")
            return
        dialog.path.setText(str(path))
        replace = exists(path)
        if replace and not dialog.ask_replace(path):
            dialog.show_status(f"{path} was left as it is.")
            return
        remember_folder(path)
        dialog.show_status(f"Writing {path}.")
        if form in CANVAS_FORMATS:
            self._film(subject, form, path, replace, options)
        else:
            self._write(subject, form, path, replace, options)

    def _write(
        self, subject: Subject, form: Format, path: Path, replace: bool, options: dict[str, Any]
    ) -> None:
        frames, tracers = self._frames(subject), self._tracers(subject)
        # It may have been saved since it was chosen.
        folder = subject.folder or saved_folder(self._viewer, subject.run_id)

        def write(task: Task) -> tuple[Path, str | None]:
            data = _dataset(subject, frames, tracers, folder, task)
            written = form.write(
                data,
                path,
                overwrite=replace,
                on_progress=task.report,
                should_stop=task.stop.is_set,
                **options,
            )
            return written, form.note(data)

        self._tasks.run(Task("export", f"Writing {form.title}", write, self._say))

    def _film(
        self, subject: Subject, form: Format, path: Path, replace: bool, options: dict[str, Any]
    ) -> None:
        if self._viewer.dims.ndim < 3 or find_layer(self._viewer, subject.run_id, "frames") is None:
            self._fail("The canvas has no frames to play: press Draw to bring them back.")
            return
        if self._viewer.dims.ndim - 3 in self._viewer.dims.displayed:
            self._fail(
                "In 3-D the canvas shows all times at once: switch to 2-D to film them (button "
                "below the list of layers)."
            )
            return
        chosen = {option.name: option.default for option in form.options} | options
        try:
            check_zoom(chosen["zoom"])
        except ExportError as error:
            self._fail(str(error))
            return
        scale, start = subject.timeline.of_frames
        duration, unit = subject.interval or (1.0, None)
        texts = moment_texts(subject.times * duration, unit and time_symbol(unit))
        camera = self._camera = CanvasCamera(
            self._viewer,
            [start + scale * step for step in range(len(subject.times))],
            texts if chosen["label"] else (),
            scale_bar=chosen["scale_bar"],
            zoom=chosen["zoom"],
            parent=self,
        )

        def write(task: Task) -> tuple[Path, str | None]:
            written = write_movie(
                camera.pictures(task.stop.is_set),
                path,
                fps=chosen["fps"],
                total=len(subject.times),
                overwrite=replace,
                on_progress=task.report,
                should_stop=task.stop.is_set,
            )
            return written, None

        camera.start()
        self._tasks.run(Task("export", "Filming the canvas", write, self._say))

    def _fail(self, text: str) -> None:
        self.dialog.show_status(sentence(text), error=True)

    def _say(self, outcome: tuple[Path, str | None] | None) -> None:
        if outcome is not None:
            written, note = outcome
            self.dialog.show_status(f"Exported to {written}. {note or ''}".rstrip())

    def _on_progress(self, what: str, done: int, total: int) -> None:
        self.dialog.set_busy(what, done, total)
        if not what:
            self._end_film()

    def _cancel(self) -> None:
        if self._tasks.busy:
            self._tasks.cancel()
            self.dialog.show_status("Stopped; nothing was written.")

    def _end_film(self) -> None:
        if self._camera is not None:
            self._camera.finish()
            self._camera.deleteLater()
            self._camera = None

    def _frames(self, subject: Subject) -> Any:
        layer = find_layer(self._viewer, subject.run_id, "frames")
        if layer is None or layer.rgb or layer.ndim not in (3, 4):
            return None
        data = np.asarray(layer.data)
        data = np.moveaxis(data, 0, 1) if data.ndim == 4 else data
        return data if len(data) == len(subject.times) else None

    def _tracers(self, subject: Subject) -> Any:
        layer = find_layer(self._viewer, subject.run_id, "tracers")
        if layer is None:
            return None
        data = np.array(layer.data, dtype=np.float64)
        data[:, 1] = subject.times[np.clip(data[:, 1].astype(int), 0, len(subject.times) - 1)]
        return data


def _file_name(subject: Subject) -> str:
    return re.sub(r"[^\w.-]+", "_", subject.name).strip("_.") or "result"


def _dataset(
    subject: Subject, frames: Any, tracers: Any, folder: Path | None, task: Task
) -> xarray.Dataset:
    if frames is None:
        # Colours of a layer are cut to what can be shown.
        frames = subject.frames(task.stop.is_set, task.report)
    data = make_dataset(
        frames=frames,
        times=subject.times,
        velocity=subject.velocity,
        report=subject.report,
        settings=subject.settings.model_dump(mode="json"),
        placement=subject.placement,
        interval=subject.interval,
        title=subject.name,
        tracers=tracers,
    )
    if folder is not None:
        data.encoding["source"] = str(folder)
    return data
