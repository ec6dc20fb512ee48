"""Movies of the canvas: screenshots in the window's thread, encoding in a worker."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer

from napari_latentdyn.errors import ExportError, Stopped
from napari_latentdyn.export import Format, Option
from napari_latentdyn.export.movie import write_movie
from napari_latentdyn.viewer.timelabel import tells_time

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["CANVAS_FORMATS", "CanvasCamera", "check_zoom"]

#: Zooms at which graphics cards give useful screenshots.
_SMALLEST_ZOOM, _LARGEST_ZOOM = 0.25, 4.0

_OPTIONS = (
    Option("fps", float, 10.0, "Frames per second."),
    Option("zoom", float, 1.0, "Pixels of the movie per pixel of the canvas, 0.25 to 4."),
    Option("label", bool, True, "Show the time of each frame."),
    Option("scale_bar", bool, True, "Show a scale bar."),
)
_ABOUT = (
    "The canvas as it is now, with all visible layers, one picture for each frame of the result; "
    "do not touch the window until the movie is saved."
)

#: Movies of the canvas, from `CanvasCamera` and `write_movie`.
CANVAS_FORMATS = tuple(
    Format(
        f"canvas-{end}",
        f"Movie of the canvas ({end.upper()})",
        (f".{end}",),
        write_movie,
        about=_ABOUT,
        extra="export",
        modules=("av",),
        options=_OPTIONS,
    )
    for end in ("mp4", "gif")
)


def check_zoom(zoom: float) -> None:
    """Raise `ExportError` for a zoom outside the limits."""
    if not _SMALLEST_ZOOM <= zoom <= _LARGEST_ZOOM:
        raise ExportError(
            f"the zoom of a movie must be {_SMALLEST_ZOOM:g} to {_LARGEST_ZOOM:g}; got {zoom:g}."
        )


class CanvasCamera(QObject):
    """Takes a screenshot of the canvas with a text at each of some world times."""

    #: Largest number of pictures that wait for the encoder.
    AHEAD = 2

    def __init__(
        self,
        viewer: Viewer,
        points: Sequence[float],
        texts: Sequence[str] = (),
        *,
        scale_bar: bool = True,
        zoom: float = 1.0,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._points = list(points)
        self._texts = list(texts)
        self._zoom = zoom
        self._scale_bar = scale_bar
        self._taken = 0
        self._pictures: queue.Queue[Any] = queue.Queue(self.AHEAD)
        self._restore: list[Callable[[], Any]] = []
        self._timer = QTimer(self)
        self._timer.setInterval(5)
        self._timer.timeout.connect(self._take)

    def start(self) -> None:
        """Start, in the window's thread."""
        overlays = self._viewer.canvas.overlays
        if self._texts:
            self._set(overlays.text, position="top_left", font_size=14, visible=True, text="")
        elif tells_time(self._viewer):
            self._set(overlays.text, visible=False)
        self._set(overlays.scale_bar, visible=self._scale_bar)
        point = self._viewer.dims.point
        self._restore.append(partial(self._go_back, point))
        self._timer.start()

    def finish(self) -> None:
        """Restore the window, in its thread; may be called again."""
        self._timer.stop()
        while self._restore:
            self._restore.pop()()

    def pictures(self, should_stop: Callable[[], bool]) -> Iterator[NDArray[np.uint8]]:
        """Yield the pictures, (H, W, 4), in a worker.

        A failed screenshot, or a canvas of another size, raises `ExportError`.
        """
        shape: tuple[int, ...] | None = None
        for _ in self._points:
            while True:
                if should_stop():
                    raise Stopped
                try:
                    picture = self._pictures.get(timeout=0.05)
                    break
                except queue.Empty:
                    continue
            if isinstance(picture, Exception):
                raise ExportError(f"the screenshot of the canvas failed: {picture}.") from picture
            shape = shape or picture.shape
            if picture.shape != shape:
                raise ExportError(
                    "the size of the canvas changed during the movie; do not touch the window "
                    "until the movie is saved."
                )
            yield picture

    def _go_back(self, point: Sequence[float]) -> None:
        # The user may have deleted layers, and their axes with them.
        if self._viewer.dims.ndim == len(point):
            self._viewer.dims.set_point(range(len(point)), point)

    def _set(self, overlay: Any, **values: Any) -> None:
        for name, value in values.items():
            self._restore.append(partial(setattr, overlay, name, getattr(overlay, name)))
            setattr(overlay, name, value)

    def _take(self) -> None:
        if self._taken == len(self._points):
            self.finish()
            return
        if self._pictures.full():
            return
        viewer = self._viewer
        try:
            viewer.dims.set_point(viewer.dims.ndim - 3, self._points[self._taken])
            if self._texts:
                viewer.canvas.overlays.text.text = self._texts[self._taken]
            picture = viewer.screenshot(canvas_only=True, flash=False, scale=self._zoom)
        except (RuntimeError, ValueError) as error:
            # The window was closed, or is too large for the graphics card.
            self._pictures.put_nowait(error)
            self.finish()
            return
        self._taken += 1
        self._pictures.put_nowait(np.ascontiguousarray(picture))
