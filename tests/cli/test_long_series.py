"""The command ``run`` on a long series that is stopped and continued."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile
from filelock import FileLock
from tests.core.helpers import moved

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.training import cache

QUICK = ("--preset", "quick", "--threads", "1", "--frames", "1")
#: A process in which every series is long.
PROGRAM = """
import sys
from napari_latentdyn.core.training import cache
cache.IN_MEMORY = 0
from napari_latentdyn.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def stack(tmp_path):
    at = moved((6.0, -4.0))
    images = [at(k / 3).astype(np.float32) for k in range(4)]
    file = tmp_path / "series.tif"
    tifffile.imwrite(file, np.stack(images), photometric="minisblack")
    return file


def test_a_killed_run_continues_with_the_same_command(call, stack, tmp_path, monkeypatch):
    plain, out, keep = tmp_path / "plain", tmp_path / "out", tmp_path / "out.unfinished"
    assert call("run", stack, "-o", plain, *QUICK).code == 0
    command = [sys.executable, "-c", PROGRAM, "run", stack, "-o", out, *QUICK]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    give_up = time.monotonic() + 60
    while not (keep / "matched-00000.safetensors").exists() and time.monotonic() < give_up:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert not out.exists()
    monkeypatch.setattr(cache, "IN_MEMORY", 0)
    answer = call("run", stack, "-o", out, *QUICK)
    assert answer.code == 0, answer.err
    assert "of 3 intervals were matched before." in answer.err
    assert not keep.exists()
    found, wanted = Dynamics.load(out), Dynamics.load(plain)
    np.testing.assert_array_equal(found.fields, wanted.fields)
    np.testing.assert_array_equal(found.frames(), wanted.frames())


def test_ctrl_c_keeps_the_finished_intervals(call, stack, tmp_path, monkeypatch):
    from napari_latentdyn.core.matching.store import EnsembleFiles

    monkeypatch.setattr(cache, "IN_MEMORY", 0)
    write, keep = EnsembleFiles.write, tmp_path / "out.unfinished"

    def pressed(self, index, *arguments):
        write(self, index, *arguments)
        if index == 1:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(EnsembleFiles, "write", pressed)
        answer = call("run", stack, "-o", tmp_path / "out", *QUICK)
    assert answer.code == 130
    assert f"the same command continues with the finished intervals in {keep}." in answer.err
    assert "nothing was written" not in answer.err
    assert len(list(keep.glob("matched-*"))) == 2
    with FileLock(keep / ".lock"):
        busy = call("run", stack, "-o", tmp_path / "out", *QUICK)
        assert busy.code == 2
        assert "by another process" in busy.err
    # Another program writes there, and its files stay.
    (keep / "notes.txt").write_text("mine")
    answer = call("run", stack, "-o", tmp_path / "out", *QUICK)
    assert answer.code == 0, answer.err
    assert "2 of 3 intervals were matched before." in answer.err
    assert [path.name for path in keep.iterdir()] == ["notes.txt"]
    again = call("run", stack, "-o", tmp_path / "out", *QUICK, "--overwrite")
    assert again.code == 2
    assert "holds other files" in again.err
