"""Processes that torchrun starts, as its environment describes them; without PyTorch."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_latentdyn.errors import OutOfMemoryError, ProcessError, UserError

__all__ = ["Launch", "launched", "shows", "silent_unless_first"]

#: Set by torchrun alone; schedulers of clusters also set WORLD_SIZE and RANK.
_TORCHRUN = "TORCHELASTIC_RUN_ID"
#: Seconds in which the first process can show an error before another one fails.
_HEAD_START = 2.0


@dataclass(frozen=True)
class Launch:
    """Position of this process among those that torchrun started.

    Attributes
    ----------
    rank, local_rank : int
        Number of this process among all processes, and among those of this computer.
    count, local_count : int
        Number of all processes, and of those of this computer.
    """

    rank: int = 0
    local_rank: int = 0
    count: int = 1
    local_count: int = 1


def launched() -> Launch:
    """Return the position of this process; the only one without torchrun."""
    if _TORCHRUN not in os.environ:
        return Launch()
    names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
    return Launch(*(int(os.environ[name]) for name in names))


@contextlib.contextmanager
def silent_unless_first() -> Iterator[None]:
    """Discard the output of every process except the first one."""
    with contextlib.ExitStack() as stack:
        if launched().rank > 0:
            nowhere = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
            stack.enter_context(contextlib.redirect_stdout(nowhere))
            stack.enter_context(contextlib.redirect_stderr(nowhere))
        yield


def shows(error: UserError) -> bool:
    """Return whether this process has to show an error.

    Most errors occur in all processes of a computer, and its first process shows them. The
    others wait a moment, because torchrun ends all processes once one of them has failed.
    """
    if launched().local_rank == 0 or isinstance(error, (OutOfMemoryError, ProcessError)):
        return True
    time.sleep(_HEAD_START)
    return False
