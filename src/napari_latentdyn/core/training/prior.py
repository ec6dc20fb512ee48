"""Initial weights of the networks: the prior, a saved run, or random ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor

from napari_latentdyn.core.dynamics.checkpoint import model_weights
from napari_latentdyn.core.dynamics.fitted import read_correction
from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.observations.patches import blend_weights, tiles
from napari_latentdyn.core.rendering.correction import Correction
from napari_latentdyn.core.runfolder.folder import read_model
from napari_latentdyn.core.runfolder.members import MODEL, reading
from napari_latentdyn.errors import RunFolderError, SettingsError
from napari_latentdyn.settings import ModelSettings, Settings
from napari_latentdyn.settings.run import STARTS

__all__ = [
    "PRIOR_FILE",
    "check_start",
    "load_weights",
    "prior_card",
    "prior_velocity",
    "start_correction",
]

PRIOR_FILE = Path(__file__).parents[2] / "data" / "prior.safetensors"
#: Settings of the model that the shapes of its weights depend on.
_SHAPES = (
    "latent_channels",
    "encoder_width",
    "encoder_kernel",
    "contrast",
    "unet_width",
    "extractor_width",
    "extractor_growth",
    "correlation",
    "fields_from",
    "image_in_latent",
    "timing",
)
#: Side in pixels of the windows in which the fields of a large image are extracted, to bound the
#: memory; motion across their borders is found in the overlap.
_WINDOW, _OVERLAP = 1024, 0.25


def check_start(settings: Settings) -> None:
    """Raise SettingsError if the networks cannot start from `training.start_from`."""
    _weights(settings)


def load_weights(model: LatentDynamics, settings: Settings) -> bool:
    """Load the weights of `training.start_from`; return False where the random ones stay."""
    weights = _weights(settings)
    if weights is None:
        return False
    try:
        model.load_state_dict(weights)
    except RuntimeError:
        raise SettingsError(
            f"the networks of {_named(settings.training.start_from)} do not fit those of the "
            "settings: they come from another version, or from images with another number of "
            "channels; set training.start_from to scratch."
        ) from None
    if not settings.uses_decoder:
        model.decoder.start_at_zero()
    return True


def prior_card() -> dict[str, Any]:
    """Return how the prior was trained: plan, steps, seconds, commit, figures, curves."""
    return dict(_read_prior()[1])


@torch.no_grad()
def prior_velocity(
    model: LatentDynamics, observations: Observations, start: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Extract the velocity half way, (2, H, W) in pixels per interval, without training.

    `start` (2,) is the motion of the scene as a whole from which to start, in pixels.
    """
    device = next(model.parameters()).device
    model.eval()
    images = [torch.from_numpy(image)[None] for image in observations.normalised()]
    total = np.zeros((2, *observations.shape), np.float32)
    weight = np.zeros(observations.shape, np.float32)
    stages = model.settings.model.stages
    drift = torch.from_numpy(start).to(device).view(1, 1, 2, 1, 1) / stages
    for window in tiles(observations.shape, _WINDOW, _OVERLAP):
        first, last = (image[(..., *window.slices)].to(device) for image in images)
        steady = drift.expand(1, stages, 2, window.height, window.width)
        found = model.extract(first, last, steady)
        share = blend_weights(window, observations.shape)
        total[(..., *window.slices)] += found[0].sum(dim=0).cpu().numpy() * share
        weight[window.slices] += share
    return np.asarray(total / weight)


def _weights(settings: Settings) -> dict[str, Tensor] | None:
    source = settings.training.start_from
    if source == "scratch":
        return None
    if source == "prior":
        weights, card = _read_prior()
        _check_shapes(settings.model, card["settings"], source)
        return weights
    try:
        learned = Dynamics.load(source)
        tensors = read_model(Path(source))
        with reading(Path(source), MODEL):
            weights = model_weights(tensors)
    except RunFolderError as error:
        raise SettingsError(
            f"{str(error).rstrip('.')}; training.start_from must be prior, scratch, or the folder "
            "of a run."
        ) from None
    if learned.settings.training.start_from == "scratch" and not learned.report.steps:
        if read_correction(Path(source), tensors) is None:
            raise SettingsError(
                f"the run {source} learned nothing to start from: it trained no networks, and no "
                "correction from hidden images; set training.start_from to scratch."
            )
        return None
    _check_shapes(settings.model, learned.settings.model.model_dump(), source)
    return weights


def start_correction(settings: Settings) -> Correction | None:
    """Return the correction of frames of `training.start_from`; None where there is none."""
    source = settings.training.start_from
    return None if source in STARTS else read_correction(Path(source))


def _check_shapes(model: ModelSettings, learned: Mapping[str, Any], source: str) -> None:
    names = list(_SHAPES)
    if model.timing == "free":
        names.append("stages")
    for name in names:
        wanted, had = getattr(model, name), learned[name]
        if wanted != had:
            raise SettingsError(
                f"model.{name} is {wanted}, but {_named(source)} was trained with {had}: set "
                f"model.{name} to {had}, or training.start_from to scratch."
            )


def _named(source: str) -> str:
    return "the prior" if source == "prior" else f"the run {source}"


@lru_cache(maxsize=1)
def _read_prior() -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safe_open(PRIOR_FILE, framework="pt") as file:
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
            card = json.loads(file.metadata()["prior"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        raise SettingsError(
            "the weights of the pretrained network are missing or damaged; install "
            "napari-latentdyn again, or set training.start_from to scratch."
        ) from None
    return weights, card
