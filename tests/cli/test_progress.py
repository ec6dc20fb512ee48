"""Progress on standard error, on a terminal and in a log."""

from __future__ import annotations

import io

import pytest

from napari_latentdyn.cli.progress import ProgressLine, clock
from napari_latentdyn.core.training.fit import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(stream: io.StringIO, *, quiet: bool = False, seconds: float = 1.0) -> str:
    now = [0.0]
    line = ProgressLine(stream, quiet=quiet, now=lambda: now[0])
    for step in range(101):
        line.step("train", step, 100, "loss 0.5")
        now[0] += seconds
    line.note("done")
    return stream.getvalue()


def test_a_log_has_few_lines():
    lines = shown(io.StringIO()).splitlines()
    assert 5 <= len(lines) <= 10
    assert lines[0].split() == ["Training", "0/100", "loss", "0.5"]
    assert lines[1].split()[-2:] == ["1:25", "left"]
    assert lines[-2].split() == ["Training", "100/100", "loss", "0.5"]
    assert lines[-1] == "done"


def test_a_terminal_has_one_line_that_is_renewed():
    text = shown(Terminal())
    assert text.count("\r") == 101
    assert text.count("\n") == 2
    assert text.endswith("\ndone\n")


def test_a_terminal_is_not_flooded():
    assert shown(Terminal(), seconds=0.001).count("\r") < 5


def test_quiet_shows_notes_only():
    assert shown(io.StringIO(), quiet=True) == "done\n"


def test_a_training_says_what_it_did():
    stream = io.StringIO()
    line = ProgressLine(stream, now=lambda: 0.0)
    line.show(Progress("train", 5, 40, {"total": 0.25}, 3.0, None, "Training", 0.552, 0.6003))
    text = "motion explains 60.0 % (55.2 % before training)  loss 0.25"
    assert text in stream.getvalue()
    stream = io.StringIO()
    ProgressLine(stream, now=lambda: 0.0).show(Progress("train", 5, 40, {"total": 0.25}))
    assert "explains" not in stream.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (75, "1:15"), (3661, "1:01:01")]
)
def test_clock(seconds, text):
    assert clock(seconds) == text
