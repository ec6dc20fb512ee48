"""Two processes that share each batch train the networks that one process trains."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.core.helpers import finished, moved, small_settings
from tests.training.test_trainer import small_plan, tiny
from tests.two_processes import in_two_processes
from torch import Tensor
from training.train import train

from napari_latentdyn.core.dynamics.checkpoint import Checkpoint
from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.core.training.processes import Processes
from napari_latentdyn.errors import ResumeError, Stopped

#: Largest difference of a weight, of a loss relative to it, and of a field in pixels: as large
#: as that of one process that adds up the patches of a batch in another order.
WEIGHTS, LOSSES, FIELDS = 5e-6, 1e-4, 1e-4


def partly_missing() -> Observations:
    """A drift whose first image lacks more pixels in some patches than in others."""
    at = moved((3.0, -2.0))
    missing = np.zeros((64, 64), bool)
    missing[:20, :40] = True
    return Observations.from_arrays(at(0), at(1), masks=[missing, None])


def trained(
    batch: int,
    processes: Processes | None,
    *,
    steps: int = 4,
    resume: Checkpoint | None = None,
) -> Dynamics:
    settings = small_settings(
        "paper",
        training__steps=steps,
        training__batch_size=batch,
    )
    fitting = fit(partly_missing(), settings, processes=processes, resume=resume)
    return finished(fitting)[1]


def fits(processes: Processes | None = None) -> dict[str, Any]:
    """Weights, losses and fields; a batch of 3 patches is not divisible by 2 processes."""
    begun = trained(4, processes, steps=2).fitted.checkpoint
    results = {
        "whole": trained(3, processes),
        "resumed": trained(4, processes, resume=begun),
    }
    return {
        name: (
            dynamics.fitted.model.state_dict(),
            dynamics.report.loss_history,
            dynamics.fields,
        )
        for name, dynamics in results.items()
    }


def prior(folder: Path, processes: Processes | None = None, *, until: int = 4) -> dict[str, Tensor]:
    """Train on a batch that two processes cannot halve, with frames of a part of it."""
    plan = small_plan(
        steps=4, batch=5, fresh=5, frames_every=2, frames_batch=3, coarse=2, report_every=1
    )
    for state in train(plan, tiny(), folder, processes):
        last = state
        if state.step == until:
            break
    return {name: value.clone() for name, value in last.mean.state_dict().items()}


def train_all(folder: Path, processes: Processes, found: dict[str, Any]) -> None:
    found["fits"] = fits(processes)
    prior(folder, processes, until=2)
    # The first process has written its checkpoint.
    processes.any(False)
    found["prior"] = prior(folder, processes)
    # The second process does not see the checkpoint of the first one.
    own = folder if processes.is_first else folder / "other"
    with pytest.raises(ResumeError, match="different checkpoints"):
        prior(own, processes)

    # The second process is asked to stop, and both stop.
    asked = 0

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return processes.rank == 1 and asked > 3

    settings = small_settings("paper", training__steps=1000)
    fitting = fit(partly_missing(), settings, should_stop=should_stop, processes=processes)
    found["stopped"] = finished(fitting)[1].report.steps
    asked = 3
    fitting = fit(partly_missing(), small_settings(), should_stop=should_stop, processes=processes)
    with pytest.raises(Stopped):
        finished(fitting)

    real, calls = LatentDynamics.forward, 0

    def forward(model: LatentDynamics, batch: Any) -> Any:
        nonlocal calls
        calls += 1
        if processes.rank == 1 and calls == 3:
            raise RuntimeError("CUDA out of memory.")
        return real(model, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LatentDynamics, "forward", forward)
        trained(4, processes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("processes")


@pytest.fixture(scope="module")
def both(folder: Path) -> list[dict[str, Any]]:
    """The outcomes of two processes; one call for all tests, because each takes seconds."""
    return in_two_processes(partial(train_all, folder / "two"), folder)


def equal(first: dict[str, Tensor], second: dict[str, Tensor], alone: dict[str, Tensor]) -> None:
    for name, weights in first.items():
        assert torch.equal(weights, second[name]), "both processes have the same weights"
        torch.testing.assert_close(weights, alone[name], rtol=0, atol=WEIGHTS)


def test_fits_of_two_processes_equal_those_of_one(both: list[dict[str, Any]]) -> None:
    for name, (weights, losses, fields) in fits().items():
        (first, found_losses, found_fields), second = (found["fits"][name] for found in both)
        equal(first, second[0], weights)
        assert len(losses) == 4
        for mine, whole in zip(found_losses, losses, strict=True):
            assert mine == pytest.approx(whole, rel=LOSSES)
        np.testing.assert_allclose(found_fields, fields, rtol=0, atol=FIELDS)


def test_a_prior_of_two_processes_equals_that_of_one(
    both: list[dict[str, Any]], folder: Path
) -> None:
    equal(both[0]["prior"], both[1]["prior"], prior(folder / "one"))
    ours, alone = (
        [json.loads(line) for line in (folder / name / "log.jsonl").read_text().splitlines()]
        for name in ("two", "one")
    )
    assert [entry["step"] for entry in ours] == [1, 2, 3, 4]
    for mine, whole in zip(ours, alone, strict=True):
        assert mine == pytest.approx(whole | {"seconds": mine["seconds"]}, rel=LOSSES)


def test_a_stop_or_an_error_of_one_process_ends_both(both: list[dict[str, Any]]) -> None:
    first, second = both
    assert (first["stopped"], second["stopped"]) == (3, 3)
    assert first["error"] == (
        "FitError",
        "another process of the training ended before this one.",
    )
    assert second["error"][0] == "OutOfMemoryError"
    assert "choose a smaller patch size" in second["error"][1]
