"""A window whose job napari stopped, because the viewer closes or another one did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from qtpy.QtCore import QObject, QTimer

from napari_latentdyn.widgets.results import Results

__all__ = ["ExternalStop"]

#: Time after which a window that was to close is gone.
_WAIT_MS = 700


class ExternalStop(QObject):
    """Closes a controller when napari ends its worker, and opens it again if its window stays.

    napari ends the workers of the viewer that was in front when they began,
    which need not be the viewer of the window.

    Parameters
    ----------
    results : Results
        What the controller drops when it closes.
    still_there : callable
        Whether the window is there.
    close, go_on : callable
        Close the controller and open it again.
    parent : QObject
        As for any object.
    """

    def __init__(
        self,
        results: Results,
        still_there: Callable[[], bool],
        close: Callable[[], None],
        go_on: Callable[[], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._results = results
        self._kept = Results()
        self._still_there = still_there
        self._close = close
        self._go_on = go_on
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._on_time)

    def on_quitting(self) -> None:
        """Close the controller, and see later whether the window closed."""
        self._kept = replace(self._results)
        self._close()
        self._timer.start(_WAIT_MS)

    def _on_time(self) -> None:
        kept, self._kept = self._kept, Results()
        if self._still_there():
            self._results.shown, self._results.trained = kept.shown, kept.trained
            self._go_on()
