"""Write the weights of a prior with all that says where they come from."""

from __future__ import annotations

import copy
import dataclasses
import json
import subprocess
from pathlib import Path

import torch
from safetensors.torch import save_file

from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.settings import Settings
from training.evaluate import Figures
from training.plan import Plan
from training.state import State

__all__ = ["export", "kept"]


def kept(state: State, plan: Plan) -> LatentDynamics:
    """Return the networks that are kept: averaged weights, and a part of the decoder's change.

    A decoder that learned from squared differences takes away what it cannot be
    sure of, also where it is right; a part of that keeps most of the gain and
    much more of the detail.
    """
    model = copy.deepcopy(state.mean)
    if model.settings.model.image_in_latent:
        with torch.no_grad():
            for weight in model.decoder.output.parameters():
                weight.mul_(plan.decoder_share)
    return model


def export(
    model: LatentDynamics,
    state: State,
    plan: Plan,
    settings: Settings,
    figures: Figures,
    path: Path,
) -> Path:
    """Write the weights of networks in half precision.

    Parameters
    ----------
    model : LatentDynamics
        What `kept` returned.
    state : State
        The training.
    plan, settings : Plan, Settings
        What it was told.
    figures : Figures
        How good the weights are.
    path : Path
        The file; what is there is replaced.
    """
    weights = {
        name: value.detach().cpu().to(torch.float16).contiguous()
        for name, value in model.state_dict().items()
    }
    described = {
        "settings": settings.model.model_dump(),
        "plan": plan.model_dump(),
        "steps": state.step,
        "seconds": round(state.seconds),
        "device": next(state.model.parameters()).device.type,
        "torch": torch.__version__,
        "commit": _commit(),
        "figures": {k: round(v, 3) for k, v in dataclasses.asdict(figures).items()},
        "curves": state.log[:: max(1, len(state.log) // 200)],
    }
    save_file(weights, path, metadata={"prior": json.dumps(described)})
    return path


def _commit() -> str:
    """Return the commit of the code, marked where files differ from it."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
