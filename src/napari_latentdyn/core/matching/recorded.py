"""Conjugate gradients on a GPU, recorded once for each level and then played.

A step consists of some sixty operations on small fields, which a GPU finishes
sooner than Python can ask for the next. A CUDA graph asks for many at once.
"""

from __future__ import annotations

import copy
from collections.abc import Generator

import torch
from torch import Tensor

from napari_latentdyn.core.matching.problem import TOLERANCE, Problem
from napari_latentdyn.core.networks.device import is_out_of_memory

__all__ = ["Recorded", "Solver"]

#: Steps that are played at once; whether they are enough is asked after each time.
_AT_ONCE = 10


class Solver:
    """Solves the linear problems of one level, all of the same size."""

    def __init__(self) -> None:
        self._recorded: Recorded | None = None
        self._records = True

    def solve(self, problem: Problem, x: Tensor, iterations: int) -> Generator[None, None, Tensor]:
        """Return the change of the velocity, as `Problem.solve` does.

        Parameters
        ----------
        problem : Problem
            What to solve.
        x : Tensor, shape (1, 2, H, W)
            Where to start.
        iterations : int
            Most steps; where they are played, up to the next ten.

        Yields
        ------
        None
            Often enough to be interrupted.

        Returns
        -------
        Tensor, shape (1, 2, H, W)
        """
        if self._records and x.device.type == "cuda" and self._recorded is None:
            try:
                self._recorded = Recorded(problem, x)
            except RuntimeError as error:
                if is_out_of_memory(error):
                    raise
                # Drivers and builds for other GPUs that cannot record: step by step, then.
                self._records = False
        if self._recorded is None:
            return (yield from problem.solve(x, iterations))
        return (yield from self._recorded.solve(problem, x, iterations))


class Recorded:
    """Steps of the conjugate gradients as a CUDA graph, for problems of one size.

    Parameters
    ----------
    problem : Problem
        One of them.
    x : Tensor, shape (1, 2, H, W)
        Its solution, or any other of this size; on a CUDA device.
    """

    def __init__(self, problem: Problem, x: Tensor) -> None:
        # A graph reads and writes where it did when it was recorded.
        self._problem = copy.deepcopy(problem)
        self._x, self._left, self._direction = (torch.zeros_like(x) for _ in range(3))
        self._reduction, self._enough = x.new_zeros(()), x.new_zeros(())
        self._graph = self._record()

    def solve(self, problem: Problem, x: Tensor, iterations: int) -> Generator[None, None, Tensor]:
        """Return the change of the velocity; see `Solver.solve`."""
        for own, given in zip(self._problem.tensors(), problem.tensors(), strict=True):
            own.copy_(given)
        self._start(x)
        for _ in range(0, iterations, _AT_ONCE):
            self._graph.replay()
            yield
            if bool(self._reduction <= self._enough):
                break
        return self._x.clone()

    def _record(self) -> torch.cuda.CUDAGraph:
        device = self._x.device
        stream = torch.cuda.Stream(device)
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            # What the first call of an operation sets up cannot be recorded.
            self._advance()
            graph = torch.cuda.CUDAGraph()
            # Other threads may use the GPU meanwhile, as a window that draws frames does.
            graph.capture_begin(capture_error_mode="thread_local")
            try:
                for _ in range(_AT_ONCE):
                    self._advance()
            finally:
                graph.capture_end()
        torch.cuda.current_stream(device).wait_stream(stream)
        return graph

    def _start(self, x: Tensor) -> None:
        self._x.copy_(x)
        self._left.copy_(self._problem.residual(x))
        self._direction.copy_(self._problem.precondition(self._left))
        self._reduction.copy_((self._left * self._direction).sum())
        self._enough.copy_(TOLERANCE**2 * self._reduction)

    def _advance(self) -> None:
        """Do one step; nothing once what is left is small enough."""
        moved = self._problem.apply(self._direction)
        step = self._reduction / (self._direction * moved).sum().clamp_min(1e-20)
        step = torch.where(self._reduction > self._enough, step, torch.zeros_like(step))
        self._x.add_(step * self._direction)
        self._left.sub_(step * moved)
        z = self._problem.precondition(self._left)
        now = (self._left * z).sum()
        self._direction.mul_(now / self._reduction.clamp_min(1e-20)).add_(z)
        self._reduction.copy_(now)
