"""The state from which a training continues without a difference to an uninterrupted one."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_latentdyn.core.matching.ensemble import Ensemble
from napari_latentdyn.errors import ResumeError
from napari_latentdyn.settings.text import shorten

__all__ = ["Checkpoint", "joined", "model_weights"]

_MODEL, _OPTIMISER, _STEP = "model.", "optimiser.", "checkpoint.step"
_BRIGHTNESS = "checkpoint.brightness"
#: What Adam keeps of each parameter.
_COUNTER = "step"
_STATE = frozenset({_COUNTER, "exp_avg", "exp_avg_sq"})


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """State of a training between two steps; all tensors are in the main memory.

    The moments and counters of Adam, `optimiser`, are named "<parameter>.<name>". The
    `ensembles` are the initial velocities half way through each interval, and `brightness`
    (K, C, 2) is that of the observations.
    """

    step: int
    model: dict[str, Tensor]
    optimiser: dict[str, Tensor]
    ensembles: Sequence[Ensemble]
    history: list[dict[str, float]]
    seconds: float
    brightness: NDArray[np.float32] | None = None

    def check_shape(self, count: int, shape: tuple[int, int]) -> None:
        """Raise ResumeError if it does not belong to `count` images of a shape (H, W)."""
        if [one.velocities.shape[-2:] for one in self.ensembles] != [shape] * (count - 1):
            raise ResumeError(
                "the training cannot continue, because its images had another number or size; "
                "start again."
            )

    @classmethod
    def of(
        cls,
        model: nn.Module,
        optimiser: torch.optim.Optimizer | None,
        step: int,
        ensembles: Sequence[Ensemble],
        history: list[dict[str, float]],
        seconds: float,
        brightness: NDArray[np.float32] | None = None,
    ) -> Checkpoint:
        """Copy the state of a training, or of a model before training without an optimiser."""
        states = {} if optimiser is None else optimiser.state_dict()["state"]
        moments = {
            f"{index}.{name}": value.detach().cpu().clone()
            for index, state in states.items()
            for name, value in state.items()
        }
        weights = {n: value.detach().cpu().clone() for n, value in model.state_dict().items()}
        return cls(step, weights, moments, ensembles, list(history), seconds, brightness)

    def restore(self, model: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        """Restore this state in a model and its optimiser; ResumeError if the networks differ."""
        own = {name: value.shape for name, value in model.state_dict().items()}
        if own != {name: value.shape for name, value in self.model.items()}:
            raise ResumeError(
                "the training cannot continue, because the settings of the model or the channels "
                "of the images differ from those it started with; start again."
            )
        moments = self._moments(optimiser)
        model.load_state_dict(self.model)
        state = optimiser.state_dict()
        state["state"] = moments
        optimiser.load_state_dict(state)

    def _moments(self, optimiser: torch.optim.Optimizer) -> dict[int, dict[str, Tensor]]:
        parameters = [value for group in optimiser.param_groups for value in group["params"]]
        present = {key.partition(".")[0] for key in self.optimiser}
        expected = {
            f"{index}.{name}": torch.Size([]) if name == _COUNTER else parameter.shape
            for index, parameter in enumerate(parameters)
            for name in _STATE
            if str(index) in present
        }
        found = {key: value.shape for key, value in self.optimiser.items()}
        if found != expected:
            raise ResumeError(_damaged(min(found.items() ^ expected.items())[0]))
        return {
            int(index): {name: self.optimiser[f"{index}.{name}"].clone() for name in _STATE}
            for index in present
        }

    def to_arrays(self) -> Mapping[str, NDArray[Any]]:
        """Return weights, moments, ensembles and step as arrays by name.

        Those of the ensembles are made when they are used.
        """
        arrays = {_MODEL + name: value.numpy() for name, value in self.model.items()}
        arrays |= {_OPTIMISER + name: value.numpy() for name, value in self.optimiser.items()}
        if self.brightness is not None:
            arrays[_BRIGHTNESS] = self.brightness
        arrays[_STEP] = np.array([self.step])
        return joined(arrays, Ensemble.many_to_arrays(self.ensembles))

    @staticmethod
    def is_in(arrays: Mapping[str, Any]) -> bool:
        """Return whether arrays hold a checkpoint, and not a model alone."""
        return _STEP in arrays

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, NDArray[Any]],
        *,
        step: int,
        history: list[dict[str, float]],
        seconds: float,
        ensembles: Sequence[Ensemble] | None = None,
    ) -> Checkpoint:
        """Make the checkpoint that `to_arrays` described, or with ensembles that are known."""
        if ensembles is None:
            ensembles = Ensemble.many_from_arrays(arrays)
        brightness = arrays.get(_BRIGHTNESS)
        if brightness is not None and brightness.ndim == 2:
            # Of two images, as version 1 of the format has it.
            unchanged = np.broadcast_to(np.array([1, 0], np.float32), brightness.shape)
            brightness = np.stack([unchanged, brightness])
        parts = model_weights(arrays), _tensors(arrays, _OPTIMISER)
        return cls(step, *parts, ensembles, history, seconds, brightness)


def joined(*arrays: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
    """Return several arrays by name as one mapping, which makes none of them."""
    return ChainMap(*(cast("dict[str, NDArray[Any]]", some) for some in arrays))


def model_weights(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    """Return the weights of the networks by name, from the arrays of a model file."""
    return _tensors(arrays, _MODEL)


def _tensors(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): torch.from_numpy(np.array(arrays[name]))
        for name in arrays
        if name.startswith(prefix)
    }


def _damaged(key: str) -> str:
    return (
        "the training cannot continue, because the state of its optimiser does not fit the "
        f"networks ('{shorten(key)}'): start again."
    )
