"""Tasks can be ended more than once, and after Qt has deleted them."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication

from napari_latentdyn.widgets.tasks import Task, Tasks


def test_napari_may_end_what_was_deleted(qtbot: Any) -> None:
    tasks = Tasks()
    given: list[Any] = []
    task = Task("one", "Waiting", lambda task: task.stop.wait(30), given.append)
    tasks.run(task)
    tasks.close()
    assert task.stop.is_set()
    assert task.ended.is_set() or not task.started.is_set()
    assert not tasks.busy
    tasks.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    tasks.close()
    qtbot.wait(50)
    assert given == []
