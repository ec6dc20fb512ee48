"""All that a training needs to go on as if it had never stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_latentdyn.core.matching.ensemble import Ensemble
from napari_latentdyn.errors import ResumeError
from napari_latentdyn.settings.text import shorten

__all__ = ["Checkpoint"]

_MODEL, _OPTIMISER, _STEP = "model.", "optimiser.", "checkpoint.step"
_BRIGHTNESS = "checkpoint.brightness"
#: What Adam keeps of each parameter.
_COUNTER = "step"
_STATE = frozenset({_COUNTER, "exp_avg", "exp_avg_sq"})


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """State of a training between two steps; everything lies in the main memory.

    Attributes
    ----------
    step : int
        Steps done.
    model : dict of str to Tensor
        Weights.
    optimiser : dict of str to Tensor
        Moments and counters of Adam, by "<parameter>.<name>".
    start : Ensemble
        Initial velocities half way.
    history : list of dict
        Losses of each step.
    seconds : float
        Time that the training has taken.
    brightness : ndarray of float32, shape (C, 2), optional
        That of the pair.
    """

    step: int
    model: dict[str, Tensor]
    optimiser: dict[str, Tensor]
    start: Ensemble
    history: list[dict[str, float]]
    seconds: float
    brightness: NDArray[np.float32] | None = None

    @classmethod
    def of(
        cls,
        model: nn.Module,
        optimiser: torch.optim.Optimizer | None,
        step: int,
        start: Ensemble,
        history: list[dict[str, float]],
        seconds: float,
        brightness: NDArray[np.float32] | None = None,
    ) -> Checkpoint:
        """Take a copy of a training's state; without an optimiser nothing was trained yet."""
        states = {} if optimiser is None else optimiser.state_dict()["state"]
        moments = {
            f"{index}.{name}": value.detach().cpu().clone()
            for index, state in states.items()
            for name, value in state.items()
        }
        weights = {n: value.detach().cpu().clone() for n, value in model.state_dict().items()}
        return cls(step, weights, moments, start, list(history), seconds, brightness)

    def restore(self, model: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        """Bring a model and its optimiser to this state.

        Raises
        ------
        ResumeError
            If the networks have other layers.
        """
        own = {name: value.shape for name, value in model.state_dict().items()}
        if own != {name: value.shape for name, value in self.model.items()}:
            raise ResumeError(
                "the training cannot go on, because the settings of the model or the channels of "
                "the images differ from those it started with; start again."
            )
        moments = self._moments(optimiser)
        model.load_state_dict(self.model)
        state = optimiser.state_dict()
        state["state"] = moments
        optimiser.load_state_dict(state)

    def _moments(self, optimiser: torch.optim.Optimizer) -> dict[int, dict[str, Tensor]]:
        shapes = [value.shape for group in optimiser.param_groups for value in group["params"]]
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in self.optimiser.items():
            index, _, name = key.partition(".")
            number = int(index) if index.isdecimal() and len(index) < 9 else len(shapes)
            if number >= len(shapes) or name not in _STATE:
                raise ResumeError(_damaged(key))
            if value.shape != (torch.Size([]) if name == _COUNTER else shapes[number]):
                raise ResumeError(_damaged(key))
            moments.setdefault(number, {})[name] = value.clone()
        for number, state in moments.items():
            if set(state) != _STATE:
                raise ResumeError(_damaged(str(number)))
        return moments

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return weights, moments and initial field as arrays by name."""
        arrays = {_MODEL + name: value.numpy() for name, value in self.model.items()}
        arrays |= {_OPTIMISER + name: value.numpy() for name, value in self.optimiser.items()}
        if self.brightness is not None:
            arrays[_BRIGHTNESS] = self.brightness
        return arrays | self.start.to_arrays() | {_STEP: np.array([self.step])}

    @staticmethod
    def is_in(arrays: Mapping[str, Any]) -> bool:
        """Return whether arrays hold a checkpoint, and not a model alone."""
        return _STEP in arrays

    @classmethod
    def from_arrays(
        cls,
        arrays: dict[str, NDArray[Any]],
        *,
        step: int,
        history: list[dict[str, float]],
        seconds: float,
    ) -> Checkpoint:
        """Make the checkpoint that `to_arrays` described."""

        def part(prefix: str) -> dict[str, Tensor]:
            return {
                name.removeprefix(prefix): torch.from_numpy(np.array(value))
                for name, value in arrays.items()
                if name.startswith(prefix)
            }

        start = Ensemble.from_arrays(arrays)
        brightness = arrays.get(_BRIGHTNESS)
        return cls(step, part(_MODEL), part(_OPTIMISER), start, history, seconds, brightness)


def _damaged(key: str) -> str:
    return (
        "the training cannot go on, because the state of its optimiser does not fit the networks "
        f"('{shorten(key)}'): start again."
    )
