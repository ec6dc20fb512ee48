"""Napari closes in any state of the window, in a program of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.widgets.close_napari import STATES

# The others are run by hand, as they take a minute: python tests/widgets/close_napari.py STATE
_IN_THE_SUITE = ("previewing", "dock_closed_while_training", "reopened_and_previewed")


@pytest.mark.parametrize("state", _IN_THE_SUITE)
def test_napari_closes(state):
    assert state in STATES
    script = Path(__file__).with_name("close_napari.py")
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(script), state],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.endswith("closed\n")
    for word in ("Traceback", "RuntimeError", "core dumped", "Fatal"):
        assert word not in done.stderr, done.stderr[-2000:]
