"""Runs one job at a time in a worker thread and brings its progress to the window."""

from __future__ import annotations

from functools import partial
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_latentdyn.widgets.job import Job
from napari_latentdyn.widgets.worker import learn
from napari_latentdyn.widgets.workers import WAIT_SECONDS, StopHandle, make_worker

__all__ = ["Runner"]


class Runner(QObject):
    """Starts a job, empties its queue ten times a second, tells of its end.

    Attributes
    ----------
    polled : Signal
        ``(events, preview, rendering)`` as `ProgressQueue.take` returns them.
    ended : Signal
        ``(job, outcome)``; the outcome is None if the worker was stopped by
        someone else and returned nothing.
    quitting : Signal
        napari ends all tasks, because its window closes.
    """

    polled = Signal(object, object, object)
    ended = Signal(object, object)
    quitting = Signal()
    INTERVAL_MS = 100
    WAIT_SECONDS = WAIT_SECONDS

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._handle: StopHandle[Job] = StopHandle(self, self._on_quit)
        self._worker: Any = None
        self._timer = QTimer(self)
        self._timer.setInterval(self.INTERVAL_MS)
        self._timer.timeout.connect(self._poll)

    @property
    def job(self) -> Job | None:
        """The job at work, None if there is none."""
        return self._handle.work

    def start(self, job: Job) -> None:
        """Start a job in a worker thread."""
        self._handle.work = job
        self._worker = make_worker(job, partial(learn, job), self._handle.stop)
        self._worker.returned.connect(self._on_returned)
        self._worker.finished.connect(self._on_finished)
        self._worker.start()
        self._timer.start()

    def kill(self, seconds: float) -> bool:
        """Stop the job without any result; return whether its thread let go in time."""
        self._disconnect()
        return self._handle.kill(seconds)

    def _poll(self) -> None:
        if self.job is not None:
            self.polled.emit(*self.job.queue.take())

    def _on_returned(self, outcome: Any) -> None:
        if self.job is not None:
            self._poll()
            self._end(outcome)

    def _on_finished(self) -> None:
        # Someone else, such as napari's list of tasks, can stop a worker: it returns nothing.
        if self.job is not None:
            self._end(None)

    def _on_quit(self) -> None:
        self.quitting.emit()
        self._disconnect()

    def _end(self, outcome: Any) -> None:
        job = self.job
        self._disconnect()
        self._handle.work = None
        self.ended.emit(job, outcome)

    def _disconnect(self) -> None:
        self._timer.stop()
        if self._worker is not None:
            self._worker.returned.disconnect(self._on_returned)
            self._worker.finished.disconnect(self._on_finished)
            self._worker = None
