"""Generators that report their progress and return a result."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

__all__ = ["drain", "mapped"]

Step = TypeVar("Step")
Mapped = TypeVar("Mapped")
Result = TypeVar("Result")


def drain(
    steps: Generator[Step, None, Result], on_step: Callable[[Step], Any] | None = None
) -> Result:
    """Run a generator to its end.

    Parameters
    ----------
    steps : generator
        Yields progress and returns a result. It is closed if `on_step` raises.
    on_step : callable, optional
        Called with all that it yields.

    Returns
    -------
    object
        The value that the generator returns.
    """
    with contextlib.closing(steps):
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                result: Result = end.value
                return result
            if on_step is not None:
                on_step(step)


def mapped(
    steps: Generator[Step, None, Result],
    function: Callable[[Step], Mapped],
    *,
    pause: float = 0.0,
) -> Generator[Mapped, None, Result]:
    """Run a generator inside another one, and yield a function of its steps.

    Parameters
    ----------
    steps : generator
        Yields progress and returns a result. It is closed with this generator.
    function : callable
        Called with every step.
    pause : float
        Least time in seconds between two yields; steps in between are passed to
        `function`, and its values are dropped.

    Returns
    -------
    object
        The value that `steps` returns.
    """
    due = float("-inf")
    try:
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                result: Result = end.value
                return result
            value = function(step)
            if pause:
                now = time.monotonic()
                if now < due:
                    continue
                due = now + pause
            yield value
    finally:
        steps.close()
