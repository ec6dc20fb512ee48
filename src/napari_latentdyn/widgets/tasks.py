"""Computes in worker threads what a window shows, the latest wish of each kind last."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_latentdyn.errors import Stopped
from napari_latentdyn.widgets.worker import describe
from napari_latentdyn.widgets.workers import WAIT_SECONDS, StopHandle, make_worker

__all__ = ["Task", "Tasks"]


@dataclass(eq=False)
class Task:
    """One thing to compute.

    Attributes
    ----------
    kind : str
        A later task of the same kind takes its place.
    what : str
        What is computed, for the user.
    function : callable
        Called with the task in a worker thread; returns what `done` is called with.
    done : callable
        Called in the window's thread.
    """

    kind: str
    what: str
    function: Callable[[Task], Any]
    done: Callable[[Any], None]
    stop: threading.Event = field(default_factory=threading.Event)
    started: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    progress: tuple[int, int] = (0, 0)

    def report(self, done: int, total: int) -> None:
        """Tell how far it is; called by the worker."""
        self.progress = (done, total)

    @property
    def title(self) -> str:
        """Name of the task in napari's dialogs."""
        return f"Latent Dynamics: {self.what}"

    def cancel(self) -> None:
        """Do without the result."""
        self.stop.set()

    def wait(self, seconds: float) -> bool:
        """Wait for the thread; a task that never began needs no waiting."""
        return not self.started.is_set() or self.ended.wait(seconds)


class Tasks(QObject):
    """Runs one task at a time, and keeps the latest of each kind waiting.

    Attributes
    ----------
    changed : Signal
        ``(what, done, total)`` of the task at work, several times a second, and
        ``("", 0, 0)`` when there is none.
    failed : Signal
        One sentence.
    """

    changed = Signal(str, int, int)
    failed = Signal(str)
    INTERVAL_MS = 100
    WAIT_SECONDS = WAIT_SECONDS

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._handle: StopHandle[Task] = StopHandle(self, self.close)
        self._waiting: dict[str, Task] = {}
        self._task: Task | None = None
        self._worker: Any = None
        self._timer = QTimer(self)
        self._timer.setInterval(self.INTERVAL_MS)
        self._timer.timeout.connect(self._tell)

    @property
    def busy(self) -> bool:
        """Whether anything is computed or waits."""
        return self._task is not None or bool(self._waiting)

    @property
    def waiting(self) -> bool:
        """Whether anything waits behind what is computed."""
        return bool(self._waiting)

    def run(self, task: Task) -> None:
        """Compute a task as soon as the one at work is done."""
        if self._task is not None and self._task.kind == task.kind:
            self._task.stop.set()
        self._waiting.pop(task.kind, None)
        self._waiting[task.kind] = task
        self._next()

    def forget(self, kind: str) -> None:
        """Do without what is computed or waits of a kind."""
        self._waiting.pop(kind, None)
        if self._task is not None and self._task.kind == kind:
            self._task.stop.set()

    def cancel(self) -> None:
        """Do without everything."""
        self._waiting.clear()
        if self._task is not None:
            self._task.stop.set()

    def close(self) -> None:
        """Do without everything, and wait for the thread."""
        if not self.busy:
            # A window can close once more, when Qt has deleted this object already.
            return
        self._waiting.clear()
        self._task = None
        self._timer.stop()
        self._disconnect()
        self._handle.kill(self.WAIT_SECONDS)

    def _next(self) -> None:
        if self._task is not None or not self._waiting:
            return
        kind = next(iter(self._waiting))
        task = self._task = self._waiting.pop(kind)
        self._handle.work = task
        self._worker = make_worker(task, partial(_compute, task), self._handle.stop)
        self._worker.returned.connect(self._on_returned)
        self._worker.finished.connect(self._on_finished)
        self._worker.start()
        self._timer.start()
        self._tell()

    def _tell(self) -> None:
        if self._task is not None:
            self.changed.emit(self._task.what, *self._task.progress)

    def _on_returned(self, outcome: tuple[str, Any]) -> None:
        task = self._end()
        if task is None:
            return
        problem, value = outcome
        if problem:
            self.failed.emit(problem)
        elif not task.stop.is_set():
            task.done(value)
        self._go_on()

    def _on_finished(self) -> None:
        # Someone else can stop a worker: it returns nothing.
        if self._end() is not None:
            self._go_on()

    def _end(self) -> Task | None:
        task, self._task = self._task, None
        self._handle.work = None
        self._timer.stop()
        self._disconnect()
        return task

    def _go_on(self) -> None:
        self._next()
        if self._task is None:
            self.changed.emit("", 0, 0)

    def _disconnect(self) -> None:
        if self._worker is not None:
            self._worker.returned.disconnect(self._on_returned)
            self._worker.finished.disconnect(self._on_finished)
            self._worker = None


def _compute(task: Task) -> tuple[str, Any]:
    task.started.set()
    try:
        # What was chosen right after it makes it superfluous.
        time.sleep(0)
        if task.stop.is_set():
            return "", None
        return "", task.function(task)
    except Stopped:
        return "", None
    except Exception as error:  # noqa: BLE001 - a window goes on, whatever it is
        return ("" if task.stop.is_set() else describe(error, f"{task.what} failed")), None
    finally:
        task.ended.set()
