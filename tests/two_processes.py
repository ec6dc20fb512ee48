"""Runs a function in two processes that train together on this computer."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from napari_latentdyn.core.training.processes import Processes, together
from napari_latentdyn.errors import FitError

Function = Callable[[Processes, dict[str, Any]], None]

#: Seconds in which both processes have to end.
_PATIENCE = 60


def in_two_processes(function: Function, folder: Path) -> list[dict[str, Any]]:
    """Return the dictionaries that a function filled in two processes, as torchrun starts them.

    If it failed, the name and the message of its error are added as "error".
    """
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    files = [folder / f"{rank}.pt" for rank in (0, 1)]
    started = [
        context.Process(target=_call, args=(function, rank, port, file))
        for rank, file in enumerate(files)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(_PATIENCE)
    hanging = [process for process in started if process.is_alive()]
    for process in hanging:
        process.kill()
    assert not hanging, "a process did not end"
    assert [process.exitcode for process in started] == [0, 0]
    return [torch.load(file, weights_only=False) for file in files]


def environment(rank: int, count: int, port: int = 0) -> dict[str, str]:
    """Return the variables that torchrun sets for a process of one computer."""
    return {
        "TORCHELASTIC_RUN_ID": "test",
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


def _call(function: Function, rank: int, port: int, file: Path) -> None:
    os.environ.update(environment(rank, 2, port))
    torch.set_num_threads(1)
    found: dict[str, Any] = {}
    try:
        with together("cpu") as processes:
            function(processes, found)
    except FitError as error:
        found["error"] = (type(error).__name__, str(error))
    assert not torch.distributed.is_initialized()
    torch.save(found, file)
