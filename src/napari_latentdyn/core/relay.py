"""Pass on what a generator yields in other words."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

__all__ = ["relay"]

Heard = TypeVar("Heard")
Said = TypeVar("Said")
Result = TypeVar("Result")


def relay(
    steps: Generator[Heard, None, Result], say: Callable[[Heard], Said]
) -> Generator[Said, None, Result]:
    """Run a generator to its end, yield `say` of what it yields, return what it returns.

    It is closed with this one.
    """
    try:
        while True:
            try:
                heard = next(steps)
            except StopIteration as end:
                result: Result = end.value
                return result
            yield say(heard)
    finally:
        steps.close()
