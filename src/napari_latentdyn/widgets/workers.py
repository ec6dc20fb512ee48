"""Workers of napari that can be stopped at any time, also after Qt has deleted their window."""

from __future__ import annotations

import atexit
import functools
import inspect
import weakref
from collections.abc import Callable, Generator
from typing import Any, Generic, Protocol, TypeVar

from qtpy.QtCore import QCoreApplication, QObject

__all__ = ["WAIT_SECONDS", "StopHandle", "Work", "make_worker", "stop_all"]

#: Time that a window waits for a thread when it closes.
WAIT_SECONDS = 5.0

#: Stop requests of all workers that have not ended. A thread that outlives the
#: interpreter would crash it.
_running: set[_Request] = set()


class Work(Protocol):
    """Something that a worker thread does; it knows no Qt object."""

    @property
    def title(self) -> str:
        """Name of the work for the user."""

    def cancel(self) -> None:
        """Ask the thread to end without a result."""

    def wait(self, seconds: float) -> bool:
        """Wait for the thread; return whether it ended, or never began."""


W = TypeVar("W", bound=Work)


class StopHandle(Generic[W]):
    """Stops the work of an object of a window, and outlives that object.

    napari remembers the ``quit`` of every worker until its window closes, and
    calls it when Qt may have deleted the object that started the worker.
    Whatever is handed to a worker therefore belongs to this class, which calls
    the object only while it exists.

    Parameters
    ----------
    owner : QObject
        The object that starts the work. The work is cancelled when Qt deletes it.
    on_stop : bound method, optional
        Method of the owner that is called before the work is stopped from outside.

    Attributes
    ----------
    work : Work or None
        The work in progress.
    """

    def __init__(self, owner: QObject, on_stop: Callable[[], Any] | None = None) -> None:
        self.work: W | None = None
        self._on_stop = None if on_stop is None else weakref.WeakMethod(on_stop)
        # PyQt keeps no reference to the object of a bound method; a worker at work does. Not a
        # partial: the garbage collector may have emptied it when it deletes the owner.
        owner.destroyed.connect(self.lose_owner)

    def kill(self, seconds: float = WAIT_SECONDS) -> bool:
        """Stop the work without a result; return whether its thread ended in time."""
        work, self.work = self.work, None
        if work is None:
            return True
        work.cancel()
        return work.wait(seconds)

    def stop(self) -> None:
        """Tell the owner, if it still exists, and stop the work."""
        method = None if self._on_stop is None else self._on_stop()
        if method is not None:
            method()
        self.kill()

    def lose_owner(self) -> None:
        """Cancel the work and never call the owner again."""
        self._on_stop = None
        if self.work is not None:
            self.work.cancel()


class _Request:
    """The request to stop one worker, which does nothing after the worker ended."""

    def __init__(self, work: Work, stop: Callable[[], Any] | None) -> None:
        self._work: Work | None = work
        self._stop = stop

    def __call__(self) -> None:
        work, stop = self._work, self._stop
        if work is None:
            return
        if stop is not None:
            stop()
        else:
            self.kill()

    def kill(self) -> None:
        work = self._work
        if work is not None:
            work.cancel()
            work.wait(WAIT_SECONDS)

    def release(self) -> None:
        self._work = self._stop = None
        _running.discard(self)


class _Titled:
    """A function without arguments that napari shows by a title, and that runs once.

    napari keeps every worker until its window closes. The function goes when it
    has run, and with it the images and models that it refers to.
    """

    def __init__(self, title: str, function: Callable[[], Any]) -> None:
        self._title = title
        self._function: Callable[[], Any] | None = function

    def __str__(self) -> str:
        return self._title

    def __call__(self) -> Any:
        return self._take()()

    def steps(self) -> Generator[Any, Any, Any]:
        return (yield from self._take()())

    def _take(self) -> Callable[[], Any]:
        function, self._function = self._function, None
        assert function is not None
        return function


def make_worker(
    work: Work, function: Callable[[], Any], stop: Callable[[], Any] | None = None
) -> Any:
    """Make a worker of napari that has not started.

    Parameters
    ----------
    work : Work
        What the function does.
    function : callable
        Function or generator function without arguments. It must not raise.
    stop : callable, optional
        Called when napari asks the worker to end; it must not belong to a Qt
        object, see `StopHandle`. By default the work is cancelled and waited for.

    Returns
    -------
    napari.qt.threading.FunctionWorker or napari.qt.threading.GeneratorWorker
    """
    from napari.qt import threading

    generates = inspect.isgeneratorfunction(function)
    base: Any = threading.GeneratorWorker if generates else threading.FunctionWorker
    request = _Request(work, stop)

    class Worker(base):
        def __init__(self, titled: _Titled) -> None:
            super().__init__(titled.steps if generates else titled)

        def run(self) -> None:
            try:
                super().run()
            finally:
                request.release()

        def quit(self) -> None:
            # Not super().quit(): it would leave a generator hanging in its last yield. napari
            # does not wait for workers, so the request does.
            request()

    _watch_exit()
    _running.add(request)
    return threading.create_worker(_Titled(work.title, function), _worker_class=Worker)


def stop_all() -> None:
    """Stop all workers without results, and wait for their threads."""
    for request in list(_running):
        request.kill()


@functools.cache
def _watch_exit() -> None:
    app = QCoreApplication.instance()
    if app is not None:
        app.aboutToQuit.connect(stop_all)
    # A script can end without having run the event loop.
    atexit.register(stop_all)
