"""Whatever standard output and error take, the result is written and no traceback is shown."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import numpy as np
import pytest
from tests.conftest import dynamics_of

from napari_latentdyn.cli import main
from napari_latentdyn.core.dynamics.result import Dynamics

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")


def shell(command: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell, in which "$@" is the command line with its arguments."""
    words = [sys.executable, "-m", "napari_latentdyn", *map(str, arguments)]
    return subprocess.run(
        ["/bin/sh", "-c", command, "sh", *words],
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
        env={**os.environ, **environment},
        timeout=240,
    )


@pytest.fixture
def folder(tmp_path):
    """A run folder, from which a file is soon exported."""
    frames, velocity = np.zeros((3, 8, 8), np.float32), np.zeros((2, 2, 8, 8), np.float32)
    return dynamics_of(frames, velocity, {"steps": 0}).save(tmp_path / "drift")


@posix
def test_a_name_that_the_output_cannot_encode(pair, tmp_path, tiny):
    out = tmp_path / "海氷"
    done = shell('"$@"', "run", *pair, "-o", out, *tiny, "-q", PYTHONIOENCODING="cp1252")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("\\u6d77\\u6c37\n")
    assert done.stderr == ""
    assert len(Dynamics.load(out).frames()) == 3


@posix
@pytest.mark.skipif(sys.platform == "darwin", reason="names of files are UTF-8 there")
@pytest.mark.parametrize(
    ("encoding", "told"), [("utf-8", "\udcff-海"), ("ascii:strict", "\udcff-\\u6d77")]
)
def test_a_name_that_is_no_text_is_told_as_it_is(folder, tmp_path, encoding, told):
    out = tmp_path / "\udcff-海.csv"
    done = shell('"$@"', "export", folder, "-o", out, "-q", PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path}/{told}.csv\n"
    assert out.is_file()


@posix
@pytest.mark.parametrize(
    ("redirect", "code"),
    [
        ('"$@" 2>&-', 0),
        ('"$@" >&-', 0),
        ('"$@" 2>/dev/full', 0),
        ('"$@" >/dev/full', 1),
        ('{ "$@" && echo done >"$STATUS"; } 2>&1 >/dev/null | :; cat "$STATUS"', 0),
    ],
    ids=["no error", "no output", "full error", "full output", "reader gone"],
)
def test_streams_that_take_nothing(folder, tmp_path, redirect, code):
    if "/dev/full" in redirect and not os.path.exists("/dev/full"):  # noqa: PTH110
        pytest.skip("there is no such device")
    out, status = tmp_path / "out.csv", tmp_path / "status"
    done = shell(redirect, "export", folder, "-o", out, STATUS=str(status))
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert out.is_file()
    assert status.exists() == ("STATUS" in redirect)
    assert ("cannot be written to standard output: No space left" in done.stderr) == bool(code)


def test_streams_are_as_they_were(monkeypatch):
    output = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["run", "a", "b", "-o", "c", "--step", "3"]) == 2
    assert sys.stdout is output
    assert sys.stderr is None
    assert output.errors == "strict"
