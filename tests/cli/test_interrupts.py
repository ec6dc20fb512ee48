"""Ctrl-C and SIGTERM: what is kept, what is said, exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from napari_latentdyn.core.dynamics.result import Dynamics


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_ctrl_c_keeps_what_was_learned(pair, tmp_path, call, tiny):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "napari_latentdyn", "run", *map(str, pair), "-o", str(out)]
    process = subprocess.Popen(
        [*command, *tiny, "--steps", "1000000"], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for text in process.stderr:
        if text.startswith("Training"):
            break
    time.sleep(0.3)
    pressed = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert time.monotonic() - pressed < 20
    assert "Stopping after this step" in rest
    assert "Traceback" not in rest
    report = Dynamics.load(out).report
    assert report.stopped_early is True
    assert 0 < report.steps < report.steps_planned == 1_000_000

    steps = report.steps + 2
    assert call("run", "--resume", out, "--steps", steps).code == 0
    assert Dynamics.load(out).report.stopped_early is False
    assert Dynamics.load(out).report.steps == steps


@pytest.mark.parametrize("there_before", [False, True])
def test_ctrl_c_while_the_images_are_matched_leaves_what_was_there(
    call, pair, tmp_path, tiny, monkeypatch, there_before
):
    from napari_latentdyn.core.matching import members

    out = tmp_path / "out"
    if there_before:
        assert call("run", *pair, "-o", out, *tiny).code == 0
    before = sorted((p.name, p.stat().st_mtime_ns) for p in tmp_path.rglob("*"))
    refine = members.refine

    def pressed(*given):
        signal.raise_signal(signal.SIGINT)
        return refine(*given)

    monkeypatch.setattr(members, "refine", pressed)
    matched = ("--set", "model.initial_fields=matched")
    answer = call("run", *pair, "-o", out, *tiny, *matched, "--overwrite")
    assert answer.code == 130
    assert "nothing was written" in answer.err
    assert answer.out == ""
    assert sorted((p.name, p.stat().st_mtime_ns) for p in tmp_path.rglob("*")) == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without a signal")
def test_sigterm_in_the_training_keeps_what_was_learned(pair, tmp_path, tiny):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "napari_latentdyn", "run", *map(str, pair), "-o", str(out)]
    process = subprocess.Popen(
        [*command, *tiny, "--steps", "1000000"], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for text in process.stderr:
        if text.startswith("Training"):
            break
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "Stopping after this step" in rest
    run = Dynamics.load(out)
    assert run.report.stopped_early is True
    assert run.report.frames_complete is False
    assert run.times().tolist() == [0, 1]


@pytest.fixture
def pressed_while_drawing(monkeypatch):
    """Press Ctrl-C at a piece of the frames, counted from 1; return a list of pieces drawn."""
    from napari_latentdyn.core.rendering.renderer import Renderer

    carry, drawn, moments = Renderer._carry, [], []

    def watched(self, window, members, fields, at, *more):
        drawn.append(at)
        if len(drawn) in moments:
            signal.raise_signal(signal.SIGINT)
        return carry(self, window, members, fields, at, *more)

    monkeypatch.setattr(Renderer, "_carry", watched)

    def press(*at: int) -> list[float]:
        drawn.clear()
        moments[:] = at
        return drawn

    return press


def test_ctrl_c_while_drawing_keeps_the_ends(call, pair, tmp_path, tiny, pressed_while_drawing):
    out = tmp_path / "out"
    drawn = pressed_while_drawing(3)
    answer = call("run", *pair, "-o", out, *tiny, "--frames", 40)
    assert answer.code == 130
    assert answer.out == f"{out}\n"
    assert drawn[3:] == [0, 1]
    assert "Stopping after this step" in answer.err
    assert f"napari-latentdyn apply {out}\n" in answer.err
    run = Dynamics.load(out)
    assert run.times().tolist() == [0, 1]
    assert run.report.frames_complete is False
    assert run.report.stopped_early is False

    pressed_while_drawing()
    assert call("apply", out, "-q").code == 0
    run = Dynamics.load(out)
    np.testing.assert_allclose(run.times(), np.linspace(0, 1, 42))
    assert run.report.frames_complete is True
    again = call("apply", out)
    assert again.code == 2
    assert "has all its frames" in again.sentence()


def test_ctrl_c_twice_while_drawing_writes_nothing(
    call, pair, tmp_path, tiny, pressed_while_drawing
):
    drawn = pressed_while_drawing(3, 4)
    answer = call("run", *pair, "-o", tmp_path / "out", *tiny, "--frames", 40)
    assert answer.code == 130
    assert len(drawn) == 4
    assert "nothing was written" in answer.err
    assert not (tmp_path / "out").exists()


def test_ctrl_c_in_the_training_and_then_while_drawing(
    call, pair, tmp_path, tiny, pressed_while_drawing, monkeypatch
):
    from napari_latentdyn.core.training.loop import TrainingLoop

    one_step = TrainingLoop._one_step

    def pressed(self, *arguments):
        signal.raise_signal(signal.SIGINT)
        return one_step(self, *arguments)

    monkeypatch.setattr(TrainingLoop, "_one_step", pressed)
    pressed_while_drawing(2)
    answer = call("run", *pair, "-o", tmp_path / "out", *tiny, "--frames", 40)
    assert answer.code == 130
    report = Dynamics.load(tmp_path / "out").report
    assert (report.steps, report.stopped_early) == (1, True)
    assert report.times == [0, 1]


def test_ctrl_c_while_the_program_is_loaded(tmp_path):
    (tmp_path / "pydantic.py").write_text("exec('raise KeyboardInterrupt')\n")
    done = subprocess.run(
        [sys.executable, "-m", "napari_latentdyn", "info"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 130
    assert done.stderr == "napari-latentdyn: interrupted; nothing was written.\n"


def test_ctrl_c_before_the_training_writes_nothing(call, pair, tmp_path, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_latentdyn.cli.series.read_run", interrupted)
    answer = call("run", *pair, "-o", tmp_path / "out")
    assert answer.code == 130
    assert "interrupted" in answer.sentence()
    assert not (tmp_path / "out").exists()
