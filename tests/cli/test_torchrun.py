"""Under torchrun only `run` with a training works, and one process writes and speaks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from tests.two_processes import environment

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.training import torchrun


def test_two_processes_write_one_run_folder(pair, tmp_path, call, tiny):
    paper = ("--preset", "paper", *tiny, "--batch-size", "3", "--device", "cpu")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "-m", "napari_latentdyn", "run"]
    done = subprocess.run(
        [*command, *map(str, pair), "-o", str(tmp_path / "two"), *paper],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'two'}\n"
    assert done.stderr.count("written to:") == 1
    assert call("run", *pair, "-o", tmp_path / "one", *paper).code == 0
    two, one = (Dynamics.load(tmp_path / name) for name in ("two", "one"))
    assert two.report.steps == one.report.steps == 3
    assert two.report.losses["last"] == pytest.approx(one.report.losses["last"], rel=1e-5)


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes this process look like one of two that torchrun started."""
    monkeypatch.setattr(torchrun, "_HEAD_START", 0.0)

    def launch(rank: int) -> None:
        for name, value in environment(rank, 2).items():
            monkeypatch.setenv(name, value)

    return launch


def test_commands_of_one_process_are_refused_in_one_sentence(launched, call, pair, tmp_path):
    launched(0)
    answer = call("compare", *pair, "-o", tmp_path / "out")
    assert answer.code == 2
    assert "call compare without torchrun" in answer.sentence()
    answer = call("run", *pair, "-o", tmp_path / "out", "--preset", "quick")
    assert answer.code == 2
    assert "nothing that 2 processes could share" in answer.sentence()
    answer = call("run", *pair, "-o", tmp_path / "out", "--preset", "paper", "--device", "mps")
    assert answer.code == 2
    assert "mps works in one process" in answer.sentence()


def test_other_processes_are_silent(launched, call, pair, tmp_path):
    launched(1)
    for arguments in (["demo"], ["run", *pair], ["run", pair[0], tmp_path / "none.tif", "-o", "x"]):
        answer = call(*arguments)
        assert (answer.code, answer.out, answer.err) == (2, "", "")
