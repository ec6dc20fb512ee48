"""A disk that is full or read-only, and what lies there already."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest
import tifffile
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QFileDialog, QMessageBox, QPushButton
from tests.widgets.conftest import Images, Open
from tests.widgets.helpers import (
    FakeFit,
    control,
    failed,
    idle,
    is_one_sentence,
    made,
    press,
    put,
    run,
    status,
)

from napari_latentdyn.core.dynamics.result import Dynamics


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set what the user answers when asked for a file."""

    def give(path: Path | str) -> None:
        reply = staticmethod(lambda *_, **__: (str(path), ""))
        monkeypatch.setattr(QFileDialog, "getSaveFileName", reply)

    return give


def save_as(panel: Any, kind: str) -> None:
    panel.findChild(QAction, f"save_{kind}").trigger()


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("run", errno.ENOSPC),
        ("run", errno.EROFS),
        ("frames", errno.ENOSPC),
        ("vectors", errno.EACCES),
    ],
)
def test_disk_full_or_read_only(
    open_window: Open,
    images: Images,
    qtbot: Any,
    tmp_path: Path,
    answer: Any,
    kind: str,
    number: int,
) -> None:
    viewer, panel = open_window(*images, fit=FakeFit())
    run(qtbot, panel)
    calls = []

    def fail(*_: Any, **__: Any) -> None:
        calls.append(kind)
        raise OSError(number, os.strerror(number))

    target = tmp_path / "full" / {"run": "run", "frames": "f.ome.tif", "vectors": "v.csv"}[kind]
    target.parent.mkdir()
    answer(target)
    with pytest.MonkeyPatch.context() as patch:
        if kind == "vectors":
            patch.setattr(Path, "open", fail)
            patch.setattr("builtins.open", fail)
        else:
            patch.setattr(tifffile, "imwrite", fail)
        save_as(panel, kind)
    assert calls
    text = failed(panel)
    assert str(target.name) in text
    assert list(target.parent.iterdir()) == []
    assert len(made(viewer, "frames")) == 1

    elsewhere = tmp_path / target.name
    answer(elsewhere)
    save_as(panel, kind)
    assert elsewhere.exists()
    assert status(panel) == (f"Saved to {elsewhere}.", "info")


def test_what_is_there_is_replaced_only_after_a_yes(
    open_window: Open,
    images: Images,
    qtbot: Any,
    tmp_path: Path,
    answer: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    replies = [QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes]

    def question(_: Any, __: str, text: str, *___: Any) -> QMessageBox.StandardButton:
        asked.append(text)
        return replies[len(asked) - 1]

    monkeypatch.setattr(QMessageBox, "question", question)
    _, panel = open_window(*images, fit=FakeFit())
    run(qtbot, panel)
    answer(tmp_path / "run")
    press(qtbot, panel, "save")
    saved = Dynamics.load(tmp_path / "run").report.steps
    put(panel, {"training.steps": 6})
    run(qtbot, panel)
    press(qtbot, panel, "save")
    assert "already holds a run" in asked[0]
    assert Dynamics.load(tmp_path / "run").report.steps == saved == 4
    press(qtbot, panel, "save")
    assert Dynamics.load(tmp_path / "run").report.steps == 6
    assert len(asked) == 2

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    answer(tmp_path / "mine")
    press(qtbot, panel, "save")
    assert "other files" in failed(panel)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]

    answer("")
    press(qtbot, panel, "save")
    assert "other files" in failed(panel), "whoever gives up is left alone"
    assert panel.save_run(tmp_path / "run") is None
    assert "already holds a run" in failed(panel)
    assert panel.save_run(tmp_path / "run", overwrite=True) == tmp_path / "run"


def test_nothing_to_save_is_said(open_window: Open, images: Images, tmp_path: Path) -> None:
    _, panel = open_window(*images, fit=FakeFit())
    assert not control(panel, "save", QPushButton).isEnabled()
    assert panel.save_run(tmp_path / "run") is None
    text, severity = status(panel)
    assert severity == "warning"
    assert is_one_sentence(text)
    assert list(tmp_path.iterdir()) == []


def test_saving_while_the_next_training_runs(
    open_window: Open, images: Images, qtbot: Any, tmp_path: Path
) -> None:
    fake = FakeFit()
    _, panel = open_window(*images, fit=fake)
    run(qtbot, panel)
    fake.gate = threading.Event()
    put(panel, {"training.steps": 6})
    press(qtbot, panel, "train")
    qtbot.waitUntil(lambda: len(fake.calls) == 2)
    assert panel.save_run(tmp_path / "run") == tmp_path / "run"
    assert Dynamics.load(tmp_path / "run").report.steps == 4
    fake.gate.set()
    qtbot.waitUntil(lambda: idle(panel), timeout=20_000)
