"""Shares of a batch, what torchrun says of a process, and devices of several processes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.two_processes import environment

from napari_latentdyn.core.training.processes import Processes, together
from napari_latentdyn.core.training.torchrun import launched
from napari_latentdyn.errors import DeviceError


def test_shares_have_one_length_and_cover_the_batch() -> None:
    for size, count in [(4, 2), (3, 2), (1, 2), (7, 3)]:
        shares = [Processes(rank, count).share(size) for rank in range(count)]
        assert len({len(share) for share in shares}) == 1
        assert np.stack(shares, axis=1).ravel()[:size].tolist() == list(range(size))


def test_one_process_of_torchrun_and_variables_of_a_cluster_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment(1, 2).items():
        monkeypatch.setenv(name, value)
    assert launched().count == 2
    monkeypatch.delenv("TORCHELASTIC_RUN_ID")
    with together() as processes:
        assert processes == Processes()
    for name, value in environment(0, 1).items():
        monkeypatch.setenv(name, value)
    with together() as processes:
        assert processes == Processes()


def test_devices_that_processes_cannot_share_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment(0, 3).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DeviceError, match="mps works in one process"), together("mps"):
        pass
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(DeviceError, match="give --nproc-per-node 2, or --device cpu"), together():
        pass
