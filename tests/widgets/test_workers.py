"""Workers that are asked to stop when they have ended, or when their window is gone."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import napari
import numpy as np
import pytest
from qtpy.QtCore import QEvent, QObject, QThreadPool
from qtpy.QtWidgets import QApplication, QPushButton
from tests.widgets.conftest import Images, Open
from tests.widgets.helpers import FakeFit, control, idle, run

from napari_latentdyn.widgets.runner import Runner
from napari_latentdyn.widgets.tasks import Task, Tasks
from napari_latentdyn.widgets.workers import StopHandle, make_worker, stop_all


class Waiting:
    """Work that waits until it is cancelled."""

    title = "Latent Dynamics: waiting"

    def __init__(self) -> None:
        self.cancelled = threading.Event()
        self.began = threading.Event()
        self.ended = threading.Event()

    def run(self) -> None:
        self.began.set()
        self.cancelled.wait(30)
        self.ended.set()

    def cancel(self) -> None:
        self.cancelled.set()

    def wait(self, seconds: float) -> bool:
        return not self.began.is_set() or self.ended.wait(seconds)


def delete(owner: QObject) -> None:
    owner.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


@pytest.mark.parametrize("kind", [Runner, Tasks])
def test_a_deleted_owner_is_never_called(kind: type[QObject], qtbot: Any) -> None:
    calls: list[str] = []

    class Owner(kind):  # type: ignore[valid-type, misc]
        def stopped(self) -> None:
            calls.append(self.objectName())

    owner, work = Owner(), Waiting()
    handle: StopHandle[Waiting] = StopHandle(owner, owner.stopped)
    handle.work = work
    worker = make_worker(work, work.run, handle.stop)
    worker.start()
    assert work.began.wait(10)
    delete(owner)
    assert work.cancelled.is_set(), "nobody can want the result"
    worker.quit()
    assert calls == []
    assert QThreadPool.globalInstance().waitForDone(5000)


def test_a_task_of_a_deleted_window_stops(qtbot: Any) -> None:
    tasks = Tasks()
    given: list[Any] = []
    task = Task("one", "Waiting", lambda task: task.stop.wait(30), given.append)
    tasks.run(task)
    assert task.started.wait(10)
    delete(tasks)
    assert task.ended.wait(5)
    qtbot.wait(50)
    assert given == []


def test_a_task_that_has_not_begun_is_not_waited_for(qtbot: Any) -> None:
    gates = [threading.Event() for _ in range(64)]
    pool = QThreadPool.globalInstance()
    try:
        for gate in gates[: pool.maxThreadCount()]:
            pool.start(partial(gate.wait, 30))
        tasks = Tasks()
        tasks.run(Task("one", "Waiting", lambda _: None, lambda _: None))
        began = time.monotonic()
        tasks.close()
        assert time.monotonic() - began < 2
    finally:
        for gate in gates:
            gate.set()
        pool.waitForDone(5000)


def test_a_worker_that_has_ended_is_left_alone(qtbot: Any) -> None:
    asked: list[bool] = []
    work = Waiting()
    worker = make_worker(work, work.run, lambda: asked.append(True))
    with qtbot.waitSignal(worker.finished):
        worker.start()
        work.cancel()
    assert QThreadPool.globalInstance().waitForDone(5000)
    worker.quit()
    assert asked == []


def test_a_worker_that_has_ended_holds_no_data(
    make_napari_viewer: Callable[..., napari.Viewer], qtbot: Any
) -> None:
    """napari keeps a worker until its window closes."""
    make_napari_viewer()
    tasks = Tasks()
    data = np.zeros(1000)
    gone = weakref.ref(data)
    task = Task("one", "Adding", lambda _, data=data: data.sum(), lambda _: None)  # type: ignore[misc]
    tasks.run(task)
    del data, task
    qtbot.waitUntil(lambda: not tasks.busy)
    qtbot.waitUntil(lambda: gc.collect() >= 0 and gone() is None)


def test_all_workers_stop_when_the_application_ends(qtbot: Any) -> None:
    works = [Waiting(), Waiting()]
    for work in works:
        make_worker(work, work.run).start()
        assert work.began.wait(10)
    stop_all()
    assert all(work.ended.is_set() for work in works)


def test_napari_names_the_work_when_it_closes(
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
