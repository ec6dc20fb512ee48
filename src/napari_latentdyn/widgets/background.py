"""Background jobs: computations in a worker thread, and the queue in which a window runs them."""

from __future__ import annotations

import atexit
import functools
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator
from typing import Any

from qtpy.QtCore import QCoreApplication, QObject, QTimer, Signal

from napari_latentdyn.errors import Stopped
from napari_latentdyn.generators import drain
from napari_latentdyn.widgets.texts import describe

__all__ = ["BackgroundJob", "JobQueue", "stop_all"]

#: Seconds that a window waits for a thread when it closes.
_WAIT_SECONDS = 5.0
#: Largest number of steps that wait for the window.
_MOST_STEPS = 1000

#: Jobs with a worker that have not ended: a thread that outlives the interpreter would crash it.
_running: set[BackgroundJob] = set()


class BackgroundJob:
    """A computation in a worker thread, without references to Qt: it can outlive its window.

    The thread calls `function` with the job, unless a subclass overrides `compute`. If the result
    is a generator, it runs to its end, and a cancelled job stops between two steps. `what` names
    the computation for the user, `progress` has the numbers of finished and of all parts, and
    `problem` is a sentence on the error that ended the job. `from_outside` tells that napari or
    the end of the program cancelled the job.
    """

    def __init__(self, what: str, function: Callable[[BackgroundJob], Any] | None = None) -> None:
        self.what = what
        self.progress = (0, 0)
        self.result: Any = None
        self.problem = ""
        self.from_outside = False
        self.done = False
        self.started = threading.Event()
        self.ended = threading.Event()
        self.cancelled = threading.Event()
        self._function = function
        self._steps: deque[Any] = deque(maxlen=_MOST_STEPS)

    @property
    def title(self) -> str:
        """Name of the job in napari's dialogs."""
        return f"Latent Dynamics: {self.what}"

    # ------------------------------------------------------- in the worker thread

    def compute(self) -> Any:
        """Return the result, or a generator that returns it."""
        assert self._function is not None
        return self._function(self)

    def post(self, step: Any) -> None:
        """Store a step of the generator for the window; raises `Stopped` after `cancel`."""
        if self.cancelled.is_set():
            raise Stopped
        self._steps.append(step)

    def report(self, done: int, total: int) -> None:
        """Report the number of finished parts."""
        self.progress = (done, total)

    def release(self) -> None:
        """Release the memory of the computation."""
        self._function = None

    # ------------------------------------------------------- in the window's thread

    def take_steps(self) -> list[Any]:
        """Return the steps since the last call."""
        return [self._steps.popleft() for _ in range(len(self._steps))]

    def cancel(self) -> None:
        """Request the end of the worker without a result."""
        self.cancelled.set()

    def stop_from_outside(self) -> None:
        """Cancel the job because a window or the program ends, and wait for its thread."""
        self.from_outside = True
        self.cancel()
        self.wait()

    def wait(self) -> bool:
        """Wait for the thread; return whether it is free, or the worker has not begun."""
        return not self.started.is_set() or self.ended.wait(_WAIT_SECONDS)


class JobQueue(QObject):
    """Runs one background job at a time, and keeps the latest job of each kind waiting.

    Signals and callbacks come in the thread of the window, and none after Qt has
    deleted the queue, which cancels its job. `changed` has the name and progress of the running
    job, ``("", 0, 0)`` without; `failed` has a sentence on the error; `stopped` the cancelled job.
    """

    changed = Signal(str, int, int)
    failed = Signal(str)
    stopped = Signal(object)
    INTERVAL_MS = 100

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: dict[str, tuple[BackgroundJob, Callable[[Any], Any]]] = {}
        self._current: tuple[str, BackgroundJob, Callable[[Any], Any]] | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(self.INTERVAL_MS)
        self._timer.timeout.connect(self._poll)

    @property
    def job(self) -> BackgroundJob | None:
        """The job in progress, None if there is none."""
        return None if self._current is None else self._current[1]

    @property
    def waiting(self) -> bool:
        """Whether a job waits for the one in progress."""
        return bool(self._waiting)

    @property
    def busy(self) -> bool:
        """Whether a job is in progress or waits."""
        return self._current is not None or self.waiting

    def run(
        self,
        kind: str,
        what: str,
        function: Callable[[BackgroundJob], Any],
        done: Callable[[Any], Any],
    ) -> None:
        """Run a function as `BackgroundJob`, and call `done` with its result.

        A later job of the same kind takes the place of this one.
        """
        self.start(BackgroundJob(what, function), done, kind)

    def start(self, job: BackgroundJob, done: Callable[[Any], Any], kind: str = "") -> None:
        """Run a job as soon as the one in progress has ended; `run` explains the parameters."""
        self.forget(kind)
        self._waiting[kind] = (job, done)
        if self._current is None:
            self._start_next()

    def forget(self, kind: str) -> None:
        """Cancel the job of a kind, in progress or waiting."""
        self._waiting.pop(kind, None)
        if self._current is not None and self._current[0] == kind:
            self._current[1].cancel()

    def cancel(self) -> None:
        """Cancel all jobs."""
        self._waiting.clear()
        if self._current is not None:
            self._current[1].cancel()

    def close(self) -> None:
        """Cancel all jobs, deliver nothing, and wait for the worker."""
        # A window can close again when Qt has deleted this object: no Qt object is used here.
        self._waiting.clear()
        job, self._current = self.job, None
        if job is not None:
            job.cancel()
            job.wait()

    def _start_next(self) -> None:
        kind = next(iter(self._waiting))
        job, done = self._waiting.pop(kind)
        self._current = (kind, job, done)
        # PyQt keeps no reference to the job; its worker does.
        self.destroyed.connect(job.cancel)
        worker = _make_worker(job)
        worker.finished.connect(self._poll)
        self.changed.emit(job.what, *job.progress)
        worker.start()
        self._timer.start()

    def _poll(self) -> None:
        if self._current is None:
            self._timer.stop()
            return
        _, job, done = self._current
        ended = job.done
        self.changed.emit(job.what, *job.progress)
        if not ended or self._current is None:
            return
        self._current = None
        self._timer.stop()
        self.destroyed.disconnect(job.cancel)
        result, job.result = job.result, None
        if job.from_outside:
            # The window may be about to close.
            self._waiting.clear()
        try:
            if job.cancelled.is_set():
                self.stopped.emit(job)
            elif job.problem:
                self.failed.emit(job.problem)
            else:
                done(result)
        finally:
            # napari shows errors of `done`; the window must not stay busy after one.
            if self._waiting and self._current is None:
                self._start_next()
            if self._current is None:
                self.changed.emit("", 0, 0)


class _Call:
    """The function of a worker, by which napari shows the title of the job.

    napari keeps every worker until its window closes. The job goes when it has
    ended, and with it the images and models that it refers to.
    """

    def __init__(self, job: BackgroundJob) -> None:
        self._title = job.title
        self._job: BackgroundJob | None = job

    def __str__(self) -> str:
        return self._title

    def __call__(self) -> None:
        """Run the job, and raise nothing: napari's workers swallow every RuntimeError.

        PyTorch raises those for almost anything. A traceback would keep the model's memory alive.
        """
        job = self._job
        assert job is not None
        try:
            if not job.cancelled.is_set():
                if "torch" in sys.modules:
                    from napari_latentdyn.core.networks.device import use_threads

                    # PyTorch counts the threads for each calling thread.
                    use_threads(0)
                made = job.compute()
                job.result = drain(made, job.post) if isinstance(made, Generator) else made
        except Stopped:
            job.cancelled.set()
        except Exception as error:  # noqa: BLE001 - no error may end the window
            job.problem = describe(error, f"{job.what} failed")
        finally:
            made = None
            job.release()
            job.done = True

    def begin(self) -> bool:
        """Return whether the worker may emit signals: the program may have ended already."""
        job = self._job
        assert job is not None
        # Whoever stops a job from outside waits for the thread from here on.
        job.started.set()
        return not job.from_outside

    def end(self) -> None:
        """Release the job when its worker has emitted its last signal.

        Code that waits for the thread may end the program and delete all Qt objects.
        """
        job, self._job = self._job, None
        if job is not None:
            job.done = True
            _running.discard(job)
            job.ended.set()

    def quit(self) -> None:
        """Stop the job, if it has not ended."""
        if self._job is not None:
            self._job.stop_from_outside()


def _make_worker(job: BackgroundJob) -> Any:
    """Return a worker of napari that has not started."""
    from napari.qt import threading as napari_threading

    call = _Call(job)

    class Worker(napari_threading.FunctionWorker[None]):
        def run(self) -> None:
            try:
                if call.begin():
                    super().run()
            finally:
                call.end()

        def quit(self) -> None:
            call.quit()

    _watch_exit()
    _running.add(job)
    return napari_threading.create_worker(call, _worker_class=Worker)


def stop_all() -> None:
    """Cancel all jobs of all windows, and wait for their threads."""
    for job in list(_running):
        job.stop_from_outside()


@functools.cache
def _watch_exit() -> None:
    app = QCoreApplication.instance()
    if app is not None:
        app.aboutToQuit.connect(stop_all)
    # A script can end without having run the event loop.
    atexit.register(stop_all)
