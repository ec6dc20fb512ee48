"""The tiles of a large scene on a Dask cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from napari_latentdyn.core.scene.run import Task, Workers, perform
from napari_latentdyn.errors import Stopped, UserError

__all__ = ["dask_workers"]

_TIMEOUT = 10.0
#: How often a tile is tried again after a worker was lost.
_RETRIES = 3
#: Time in seconds between two looks at the tiles.
_POLL = 0.02


@contextmanager
def dask_workers(address: str, should_stop: Callable[[], bool] | None = None) -> Iterator[Workers]:
    """Connect to the scheduler of a Dask cluster, and yield its workers.

    The workers have this package installed, and read and write the same paths. A tile whose
    worker is lost is given to another one.

    Parameters
    ----------
    address : str
        Address of the scheduler, such as ``tcp://10.0.0.1:8786``.
    should_stop : callable, optional
        Called while tiles are computed; true raises `Stopped`.

    Raises
    ------
    UserError
        If dask.distributed is missing, or no scheduler answers.
    """
    try:
        import distributed
    except ImportError:
        raise UserError(
            'a Dask cluster needs dask.distributed: pip install "napari-latentdyn[cluster]".'
        ) from None
    connect: Any = distributed.Client
    try:
        client = connect(address, timeout=_TIMEOUT, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise UserError(f"no Dask scheduler answers at {address}: {reason[:200]}.") from None
    try:
        yield lambda tasks: _perform(client, tasks, should_stop or (lambda: False))
    finally:
        client.close()


def _perform(client: Any, tasks: Sequence[Task], should_stop: Callable[[], bool]) -> Iterator[None]:
    import distributed
    from distributed.scheduler import KilledWorker

    as_completed: Any = distributed.as_completed
    futures = client.map(perform, tasks, pure=False, retries=_RETRIES)
    try:
        for future in _finished(as_completed(futures, loop=client.loop), should_stop):
            try:
                future.result()
            except KilledWorker:
                raise UserError(
                    "a tile ended several workers of the cluster: give them more memory, or choose "
                    "smaller tiles."
                ) from None
            future.release()
            yield
    finally:
        client.cancel(futures)


def _finished(futures: Any, should_stop: Callable[[], bool]) -> Iterator[Any]:
    """Yield futures as they finish; a caller that waits for one can stop in between."""
    while futures.count():
        finished = futures.next_batch(block=False)
        yield from finished
        if should_stop():
            raise Stopped
        if not finished:
            time.sleep(_POLL)
