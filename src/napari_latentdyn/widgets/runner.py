"""Runs one job at a time in a worker thread and brings its progress to the window."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from qtpy.compat import isalive
from qtpy.QtCore import QObject, QTimer, Signal

from napari_latentdyn.widgets.worker import Job, learn

__all__ = ["Leash", "Runner", "make_worker"]


def make_worker(on_quit: Callable[[], Any], function: Callable[..., Any], *args: Any) -> Any:
    """Make a worker that calls `on_quit` when napari asks it to end.

    napari asks all workers that it ever started when its window closes, and does
    not wait for them; a thread that outlives the interpreter would crash it. A
    worker that has ended calls nothing: its window may be deleted by then.
    """
    from napari.qt import threading

    base: Any = threading.FunctionWorker
    if inspect.isgeneratorfunction(function):
        base = threading.GeneratorWorker

    callbacks = [on_quit]

    class Worker(base):
        def quit(self) -> None:
            # Not super().quit(): it would leave a generator hanging in its last yield.
            while callbacks:
                callbacks.pop()()

    worker = threading.create_worker(function, *args, _worker_class=Worker)
    worker.finished.connect(callbacks.clear)
    return worker


class Leash:
    """Holds the job at work, for those who have to stop it when Qt has deleted all else."""

    def __init__(self) -> None:
        self.job: Job | None = None

    def kill(self, seconds: float = 5.0) -> bool:
        """Stop the job without any result; return whether its thread let go in time."""
        job = self.job
        if job is None:
            return True
        job.cancel()
        return job.wait(seconds)


class Runner(QObject):
    """Starts a job, empties its mailbox ten times a second, tells of its end.

    Attributes
    ----------
    polled : Signal
        ``(events, preview, rendering)`` as `Mailbox.take` returns them.
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
    WAIT_SECONDS = 5.0

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.leash = Leash()
        self._worker: Any = None
        self._timer = QTimer(self)
        self._timer.setInterval(self.INTERVAL_MS)
        self._timer.timeout.connect(self._poll)

    @property
    def job(self) -> Job | None:
        """The job at work, None if there is none."""
        return self.leash.job

    def start(self, job: Job) -> None:
        """Start a job in a worker thread."""
        self.leash.job = job
        self._worker = make_worker(self._on_quit, learn, job)
        self._worker.returned.connect(self._on_returned)
        self._worker.finished.connect(self._on_finished)
        self._worker.start()
        self._timer.start()

    def kill(self, seconds: float) -> bool:
        """Stop the job without any result; return whether its thread let go in time."""
        self._disconnect()
        done = self.leash.kill(seconds)
        self.leash.job = None
        return done

    def _poll(self) -> None:
        if self.job is not None:
            self.polled.emit(*self.job.mailbox.take())

    def _on_returned(self, outcome: Any) -> None:
        if self.job is not None:
            self._poll()
            self._end(outcome)

    def _on_finished(self) -> None:
        # Someone else, such as napari's list of tasks, can stop a worker: it returns nothing.
        if self.job is not None:
            self._end(None)

    def _on_quit(self) -> None:
        if isalive(self):
            self.quitting.emit()
            self.kill(self.WAIT_SECONDS)
        else:
            # Qt deletes a dock with its window, before napari asks the workers.
            self.leash.kill(self.WAIT_SECONDS)

    def _end(self, outcome: Any) -> None:
        job = self.job
        self._disconnect()
        self.leash.job = None
        self.ended.emit(job, outcome)

    def _disconnect(self) -> None:
        self._timer.stop()
        if self._worker is not None:
            self._worker.returned.disconnect(self._on_returned)
            self._worker.finished.disconnect(self._on_finished)
            self._worker = None
