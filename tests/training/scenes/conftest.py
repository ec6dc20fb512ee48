"""Fixtures of the tests of generated scenes."""

from __future__ import annotations

import pytest
from training.scenes.draws import Canvas


@pytest.fixture
def canvas() -> Canvas:
    return Canvas((64, 72), 20)
