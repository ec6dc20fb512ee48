"""A small share of the random inputs of ``python -m tests.fuzz``."""

from __future__ import annotations

import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process")


def test_random_input_ends_well_or_in_one_sentence() -> None:
    from tests.fuzz.runner import KINDS, fuzz

    outcome = fuzz(400, seed=0)
    assert not outcome.failures, "\n".join(map(str, outcome.failures))
    assert outcome.tried.total() == 400
    assert set(outcome.tried) == set(KINDS)
    # Neither is all refused, nor all let through: every way in is reached.
    assert all(0 < outcome.refused[kind] < outcome.tried[kind] for kind in KINDS)
    assert outcome.largest < 2**30
