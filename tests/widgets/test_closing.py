"""Napari closes in any state of the window, in a program of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.widgets.close_napari import STATES

from napari_latentdyn.core.dynamics.result import Dynamics

# The others are run by hand, as they take a minute: python tests/widgets/close_napari.py STATE
_IN_THE_SUITE = {
    "previewing": [],
    "dock_closed_and_training_kept": [
        "The training of a → b is running. Keep running",
        "The training of a → b is running. Stop and discard",
    ],
    "reopened_and_previewed": ["The preview of a → b has not been saved as a run folder. Discard"]
    * 2,
    "computing_scene": ["The large scene first.tif → last.tif is running. Stop"],
}


@pytest.mark.parametrize("state", _IN_THE_SUITE)
def test_napari_closes(state):
    assert state in STATES
    assert close(state) == [*_IN_THE_SUITE[state], "closed"]


def test_napari_saves_and_closes(tmp_path):
    asked = close("previewed", str(tmp_path / "run"))
    question = "The preview of a → b has not been saved as a run folder. Save…"
    assert asked == [question, "closed"]
    assert len(Dynamics.load(tmp_path / "run").frames()) > 2


def close(*arguments):
    """Close napari in a program of its own, and return its questions, answers and end."""
    script = Path(__file__).with_name("close_napari.py")
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(script), *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for word in ("Traceback", "RuntimeError", "core dumped", "Fatal"):
        assert word not in done.stderr, done.stderr[-2000:]
    return done.stdout.splitlines()
