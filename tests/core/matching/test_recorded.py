"""Steps that are recorded and played lead where steps one by one do."""

from __future__ import annotations

from collections.abc import Generator

import pytest
import torch
from tests.core.helpers import finished

from napari_latentdyn.core.matching import recorded
from napari_latentdyn.core.matching.problem import Problem
from napari_latentdyn.core.matching.recorded import Recorded, Solver

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


class Played:
    """Stands in for a CUDA graph where there is no GPU."""

    def __init__(self, steps: Recorded) -> None:
        self._steps = steps

    def replay(self) -> None:
        for _ in range(recorded._AT_ONCE):
            self._steps._advance()


@pytest.fixture(params=DEVICES)
def device(request, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "cpu":
        monkeypatch.setattr(Recorded, "_record", lambda steps: Played(steps))
    chosen: str = request.param
    return chosen


def problem(seed: int, device: str, shape: tuple[int, int] = (40, 52)) -> Problem:
    random = torch.Generator().manual_seed(seed)
    slopes = torch.randn(1, 2, 2, *shape, generator=random).to(device)
    difference = torch.randn(1, 2, *shape, generator=random).to(device)
    velocity = torch.randn(1, 2, *shape, generator=random).to(device)
    weight = torch.rand(1, 2, *shape, generator=random).to(device)
    return Problem(weight, slopes, difference, velocity, torch.zeros_like(velocity), 0.2)


class Gpu(torch.Tensor):
    """Says that it is on a GPU."""

    @property
    def device(self):  # type: ignore[override]
        return torch.device("cuda")


def last(searching: Generator[None, None, torch.Tensor]) -> torch.Tensor:
    return finished(searching)[1]


@pytest.mark.parametrize("iterations", [10, 200])
def test_one_recording_serves_all_problems_of_its_size(device: str, iterations: int) -> None:
    start = torch.zeros(1, 2, 40, 52, device=device)
    steps = Recorded(problem(0, device), start)
    found = []
    for seed in (1, 2, 1):
        one = problem(seed, device)
        played = last(steps.solve(one, start, iterations))
        # On the CPU small problems are solved without PyTorch, to the same result.
        expected = last(one.solve(start, iterations))
        torch.testing.assert_close(played, expected, atol=2e-4, rtol=2e-3)
        found.append(played)
        start = played
        # What is left shrinks, and nothing of the problem before stays.
        assert float(one.residual(played).norm()) < 0.5 * float(one.target.norm())
    assert float((found[0] - found[1]).abs().max()) > 0.1


def test_nothing_is_done_where_nothing_is_left(device: str) -> None:
    one = problem(3, device)
    one.target.zero_()
    start = torch.zeros(1, 2, 40, 52, device=device)
    assert torch.equal(last(Recorded(one, start).solve(one, start, 50)), start)


def test_a_gpu_that_cannot_record_solves_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    class Unable:
        def __init__(self, *_: object) -> None:
            tried.append(self)
            raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(recorded, "Recorded", Unable)
    solver = Solver()
    one = problem(4, "cpu")
    expected = last(one.solve(torch.zeros(1, 2, 40, 52), 100))
    monkeypatch.setattr("napari_latentdyn.core.matching.problem.SMALL", 0)
    start = torch.zeros(1, 2, 40, 52).as_subclass(Gpu)
    for _ in range(2):
        found = last(solver.solve(one, start, 100))
        torch.testing.assert_close(found.as_subclass(torch.Tensor), expected, atol=2e-4, rtol=2e-3)
    assert len(tried) == 1


def test_memory_that_ran_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __init__(self, *_: object) -> None:
            raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(recorded, "Recorded", Full)
    start = torch.zeros(1, 2, 40, 52).as_subclass(Gpu)
    with pytest.raises(torch.OutOfMemoryError):
        last(Solver().solve(problem(5, "cpu"), start, 10))
