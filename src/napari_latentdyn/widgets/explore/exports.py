"""Writes what is explored in the formats of other programs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_latentdyn.explore.subject import Subject
from napari_latentdyn.layers import find_layer
from napari_latentdyn.widgets.explore.view import ExploreView

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_latentdyn.export import Source
    from napari_latentdyn.widgets.tasks import Task

__all__ = ["Exports"]


class Exports:
    """Asks for a place and writes there in the background.

    Parameters
    ----------
    viewer : napari.Viewer
        Where tracks are looked for.
    view : ExploreView
        What the user chose.
    run : callable
        Computes a task, as `ExploreController` does.
    """

    def __init__(self, viewer: Viewer, view: ExploreView, run: Callable[..., None]) -> None:
        self._viewer = viewer
        self._view = view
        self._run = run
        self._folder = Path.home()
        self.subject: Subject | None = None

    def export(self) -> None:
        """Write the frames that are shown, the fields, and tracks if there are any."""
        subject, box = self.subject, self._view.export_box
        if subject is None:
            return
        form = box.chosen
        problem = form.problem()
        try:
            options = box.options()
        except ValueError:
            problem = "An option takes numbers with commas between them, such as 0, 0.5, 1."
        if problem:
            self._view.show_status(problem, error=True)
            return
        name = re.sub(r"[^\w.-]+", "_", subject.name).strip("_.") or "result"
        given = self._view.ask_target(
            form.title, str(self._folder / f"{name}{form.suffix}"), form.suffixes
        )
        if not given:
            return
        path = Path(given)
        if form.suffix and not path.name.lower().endswith(form.suffixes):
            path = path.with_name(path.name + form.suffix)
        # The dialog of the system asks only about the very name that was given.
        replace = path.exists() and (
            (str(path) == given and not form.folder) or self._view.ask_replace(str(path))
        )
        if path.exists() and not replace:
            return
        self._folder = path.parent
        tracks = self._tracks(subject)

        def write(task: Task) -> Path:
            source = _source(subject, self._frames(subject), tracks, task)
            return form.write(
                source,
                path,
                overwrite=replace,
                on_progress=task.report,
                should_stop=task.stop.is_set,
                **options,
            )

        def say(written: Path | None) -> None:
            if written is not None:
                self._view.show_status(f"Exported as {written}.")

        self._run(f"export {path}", f"Writing {form.title}", write, say)

    def _frames(self, subject: Subject) -> Any:
        layer = find_layer(self._viewer, subject.run_id, "frames")
        if layer is None or layer.rgb or layer.ndim not in (3, 4):
            return None
        data = np.asarray(layer.data)
        data = np.moveaxis(data, 0, 1) if data.ndim == 4 else data
        return data if len(data) == len(subject.times) else None

    def _tracks(self, subject: Subject) -> Any:
        layer = find_layer(self._viewer, subject.run_id, "tracers")
        if layer is None:
            return None
        data = np.array(layer.data, dtype=np.float64)
        data[:, 1] = subject.times[np.clip(data[:, 1].astype(int), 0, len(subject.times) - 1)]
        return data


def _source(subject: Subject, frames: Any, tracks: Any, task: Task) -> Source:
    from napari_latentdyn.export import Source

    if frames is None:
        # Colours of a layer are cut to what can be shown.
        frames = subject.frames(task.stop.is_set, task.report)
    return Source(
        frames=frames,
        times=subject.times,
        velocity=subject.velocity,
        settings=subject.settings,
        report=subject.report,
        placement=subject.placement,
        interval=subject.interval,
        name=subject.name,
        tracks=tracks,
    )
