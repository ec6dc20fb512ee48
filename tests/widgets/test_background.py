"""Background jobs end at any time, also when their window is gone."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import napari
import numpy as np
import pytest
import torch
from qtpy.QtCore import QEvent, QObject, QThreadPool
from qtpy.QtWidgets import QApplication, QPushButton
from tests.widgets.conftest import Images, Open
from tests.widgets.helpers import FakeFit, control, idle, run

from napari_latentdyn.core.networks.device import default_threads
from napari_latentdyn.errors import SettingsError, Stopped
from napari_latentdyn.widgets.background import BackgroundJob, JobQueue, stop_all


def delete(owner: QObject) -> None:
    owner.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def waiting() -> BackgroundJob:
    """Return a job that waits until it is cancelled."""
    return BackgroundJob("Waiting", lambda job: job.cancelled.wait(30))


def count(job: BackgroundJob) -> Generator[int, None, str]:
    for number in range(5):
        job.report(number, 5)
        yield number
    return "counted"


class Told:
    """What a queue tells."""

    def __init__(self, queue: JobQueue) -> None:
        self.failed: list[str] = []
        self.stopped: list[BackgroundJob] = []
        self.changed: list[tuple[str, int, int]] = []
        queue.failed.connect(self.failed.append)
        queue.stopped.connect(self.stopped.append)
        queue.changed.connect(lambda *progress: self.changed.append(progress))


@pytest.fixture
def queue(qtbot: Any) -> JobQueue:
    return JobQueue()


# ------------------------------------------------------------- results and errors


def test_a_generator_runs_to_its_end(queue: JobQueue, qtbot: Any) -> None:
    told, given = Told(queue), []
    job = BackgroundJob("Counting", count)
    queue.start(job, lambda result: given.append((result, threading.current_thread())))
    qtbot.waitUntil(lambda: not queue.busy)
    assert given == [("counted", threading.main_thread())]
    assert job.take_steps() == [0, 1, 2, 3, 4]
    assert job.take_steps() == []
    assert told.changed[0] == ("Counting", 0, 0)
    assert told.changed[-2:] == [("Counting", 4, 5), ("", 0, 0)]


def test_a_cancelled_generator_stops_between_two_steps(queue: JobQueue, qtbot: Any) -> None:
    told, begun, closed, given = Told(queue), threading.Event(), threading.Event(), []

    def endless(_: BackgroundJob) -> Generator[int, None, None]:
        begun.set()
        try:
            while True:
                time.sleep(0.001)
                yield 0
        finally:
            closed.set()

    job = BackgroundJob("Endless", endless)
    queue.start(job, given.append)
    assert begun.wait(10)
    queue.cancel()
    qtbot.waitUntil(lambda: not queue.busy)
    assert closed.is_set()
    assert told.stopped == [job]
    assert (given, told.failed) == ([], [])


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RuntimeError("mat1 and mat2. More"), "Adding failed with RuntimeError: mat1 and mat2."),
        (KeyError(), "Adding failed with KeyError: no reason was given."),
        (SettingsError("the stride is too large."), "the stride is too large."),
    ],
)
def test_an_error_is_told_in_one_sentence(
    queue: JobQueue, qtbot: Any, error: Exception, text: str
) -> None:
    told, given = Told(queue), []

    def broken(_: BackgroundJob) -> Generator[int, None, None]:
        yield 1
        raise error

    queue.run("one", "Adding", broken, given.append)
    qtbot.waitUntil(lambda: not queue.busy)
    assert told.failed == [text]
    assert given == []


def test_a_function_that_stops_has_no_result(queue: JobQueue, qtbot: Any) -> None:
    told, given = Told(queue), []

    def stop(_: BackgroundJob) -> None:
        raise Stopped

    queue.run("one", "Adding", stop, given.append)
    qtbot.waitUntil(lambda: not queue.busy)
    assert len(told.stopped) == 1
    assert (given, told.failed) == ([], [])


def test_torch_leaves_a_core_free_in_the_thread_of_a_job(queue: JobQueue, qtbot: Any) -> None:
    found: list[int] = []
    queue.run("one", "Counting", lambda _: torch.get_num_threads(), found.append)
    qtbot.waitUntil(lambda: not queue.busy)
    assert found == [default_threads()]


# ----------------------------------------------------------------------- the queue


def test_the_latest_job_of_a_kind_wins(queue: JobQueue, qtbot: Any) -> None:
    given: list[str] = []
    first = waiting()
    queue.start(first, lambda _: given.append("first"), "a")
    assert first.started.wait(10)
    queue.run("b", "Other", lambda _: "other", given.append)
    for number in range(3):
        queue.run("a", "Again", lambda _, number=number: f"{number}", given.append)
    assert first.cancelled.is_set()
    qtbot.waitUntil(lambda: not queue.busy)
    assert given == ["other", "2"]


def test_what_is_forgotten_is_not_told(queue: JobQueue, qtbot: Any) -> None:
    given: list[Any] = []
    first = waiting()
    queue.start(first, given.append, "a")
    queue.run("b", "Other", lambda _: "other", given.append)
    assert queue.waiting
    queue.forget("a")
    queue.forget("b")
    assert not queue.waiting
    qtbot.waitUntil(lambda: not queue.busy)
    assert given == []


# ------------------------------------------------------- windows and programs that end


def test_a_queue_may_be_closed_after_it_was_deleted(queue: JobQueue, qtbot: Any) -> None:
    given: list[Any] = []
    job = waiting()
    queue.start(job, given.append)
    queue.close()
    assert job.cancelled.is_set()
    assert job.ended.is_set() or not job.started.is_set()
    assert not queue.busy
    delete(queue)
    queue.close()
    qtbot.wait(50)
    assert given == []


def test_the_job_of_a_deleted_queue_is_cancelled(queue: JobQueue, qtbot: Any) -> None:
    given: list[Any] = []
    job = waiting()
    queue.start(job, given.append)
    assert job.started.wait(10)
    delete(queue)
    assert job.cancelled.is_set(), "nobody can want the result"
    assert job.ended.wait(5)
    # napari and the end of the program may ask for the same later.
    stop_all()
    queue.close()
    qtbot.wait(50)
    assert given == []


def test_a_job_that_has_not_begun_is_not_waited_for(queue: JobQueue, qtbot: Any) -> None:
    gates = [threading.Event() for _ in range(64)]
    pool = QThreadPool.globalInstance()
    try:
        for gate in gates[: pool.maxThreadCount()]:
            pool.start(partial(gate.wait, 30))
        called: list[BackgroundJob] = []
        job = BackgroundJob("Waiting", called.append)
        queue.start(job, lambda _: None)
        began = time.monotonic()
        stop_all()
        queue.close()
        assert time.monotonic() - began < 2
    finally:
        for gate in gates:
            gate.set()
        pool.waitForDone(5000)
    assert job.ended.is_set()
    assert called == []


def test_what_napari_stops_starts_no_other_job(
    make_napari_viewer: Callable[..., napari.Viewer], queue: JobQueue, qtbot: Any
) -> None:
    viewer = make_napari_viewer()
    told, given = Told(queue), []
    job = waiting()
    queue.start(job, given.append, "a")
    queue.run("b", "Other", lambda _: "other", given.append)
    assert job.started.wait(10)
    viewer.close()
    assert job.ended.is_set()
    qtbot.waitUntil(lambda: not queue.busy)
    assert told.stopped == [job]
    assert job.from_outside
    assert given == []
    assert told.changed[-1] == ("", 0, 0), "the window is free again"


def test_a_job_that_has_ended_holds_no_data(
    make_napari_viewer: Callable[..., napari.Viewer], queue: JobQueue, qtbot: Any
) -> None:
    """napari keeps a worker until its window closes."""
    make_napari_viewer()
    data = np.zeros(1000)
    gone = weakref.ref(data)
    queue.run("one", "Adding", lambda _, data=data: data.sum(), lambda _: None)
    del data
    qtbot.waitUntil(lambda: not queue.busy)
    qtbot.waitUntil(lambda: gc.collect() >= 0 and gone() is None)


def test_all_jobs_stop_when_the_application_ends(qtbot: Any) -> None:
    queues, jobs = [JobQueue(), JobQueue()], [waiting(), waiting()]
    for queue, job in zip(queues, jobs, strict=True):
        queue.start(job, lambda _: None)
        assert job.started.wait(10)
    stop_all()
    assert all(job.ended.is_set() for job in jobs)
    qtbot.waitUntil(lambda: not any(queue.busy for queue in queues))


def test_a_program_may_end_while_a_job_runs() -> None:
    """Without an event loop nobody tells that the application ends."""
    program = (
        "from qtpy.QtWidgets import QApplication\n"
        "from napari_latentdyn.widgets.background import BackgroundJob, JobQueue\n"
        "app = QApplication([])\n"
        "queue = JobQueue()\n"
        "job = BackgroundJob('Waiting', lambda job: job.cancelled.wait(60))\n"
        "queue.start(job, print)\n"
        "assert job.started.wait(10)\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_napari_names_the_job_when_it_closes(
    open_window: Open, images: Images, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari.utils import task_status

    shown: list[str] = []
    register = task_status.TaskStatusManager.register_task_status
    update = task_status.TaskStatusManager.update_task_status

    def registered(self: Any, provider: str, status: Any, text: str, *more: Any) -> Any:
        shown.append(text)
        return register(self, provider, status, text, *more)

    def updated(self: Any, key: Any, status: Any, description: str = "") -> Any:
        shown.append(description)
        return update(self, key, status, description)

    monkeypatch.setattr(task_status.TaskStatusManager, "register_task_status", registered)
    monkeypatch.setattr(task_status.TaskStatusManager, "update_task_status", updated)
    _, panel = open_window(*images, fit=FakeFit())
    run(qtbot, panel)
    assert idle(panel)
    assert control(panel, "save", QPushButton).isEnabled()
    assert "Executing Latent Dynamics: training of image 0 and image 1" in shown
    assert not [text for text in shown if "<" in text or " at 0x" in text]
