"""The state of a training: written as a whole, and gone on from."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.errors import ResumeError
from training.plan import Plan

__all__ = ["State"]

_FILE = "state.pt"
_LOG = "log.jsonl"


@dataclass(eq=False)
class State:
    """Where a training of the prior stands.

    Attributes
    ----------
    model, mean : LatentDynamics
        The networks, and their mean over the last steps, which is what is kept.
    optimiser : AdamW
        With its moments.
    step : int
        Steps done.
    seconds : float
        Time that they took.
    """

    model: LatentDynamics
    mean: LatentDynamics
    optimiser: torch.optim.Optimizer
    step: int = 0
    seconds: float = 0.0
    log: list[dict[str, float]] = field(default_factory=list)

    def average(self, plan: Plan) -> None:
        """Let the mean follow the networks."""
        # The first weights are random and are forgotten soon.
        keep = min(plan.averaging, self.step / (self.step + 10))
        with torch.no_grad():
            for mean, now in zip(self.mean.parameters(), self.model.parameters(), strict=True):
                mean.lerp_(now, 1 - keep)

    def note(self, folder: Path, entry: dict[str, float]) -> None:
        """Add a line to the log."""
        self.log.append(entry)
        with (folder / _LOG).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(entry) + "\n")

    def save(self, folder: Path, plan: Plan) -> None:
        """Write all that is needed to go on; the file of before stays until this one is whole."""
        content: dict[str, Any] = {
            "plan": plan.model_dump(),
            "model": self.model.state_dict(),
            "mean": self.mean.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "log": self.log,
        }
        new = folder / (_FILE + ".new")
        torch.save(content, new)
        new.replace(folder / _FILE)

    def restore(self, folder: Path) -> bool:
        """Go on from what was saved, if there is anything; return whether there is."""
        path = folder / _FILE
        if not path.exists():
            return False
        try:
            content = torch.load(path, weights_only=True, map_location="cpu")
        except (RuntimeError, OSError, EOFError, pickle.UnpicklingError):
            raise ResumeError(f"{path} is damaged: remove it, or give another folder.") from None
        try:
            self.model.load_state_dict(content["model"])
        except RuntimeError:
            raise ResumeError(
                f"{folder} holds a training of other networks: give the same --set as then, or "
                "another folder."
            ) from None
        self.mean.load_state_dict(content["mean"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.step, self.seconds = content["step"], content["seconds"]
        self.log = content["log"]
        return True
