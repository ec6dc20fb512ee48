"""From the arrays of a run folder back to images, networks and the state of a training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.dynamics.checkpoint import Checkpoint
from napari_latentdyn.core.matching.ensemble import Ensemble
from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.pair import ImagePair
from napari_latentdyn.core.runfolder.folder import RunFolder, read_inputs, read_model, read_run
from napari_latentdyn.core.runfolder.members import INPUTS, MODEL
from napari_latentdyn.core.runfolder.report import FIELDS, REPORT, damaged
from napari_latentdyn.errors import RunFolderError

__all__ = ["Restored", "model_weights", "restore"]

_WEIGHTS = "model."
#: Without this one, which only a pair with a change of brightness has.
_IMAGES = ("first", "last", "valid_first", "valid_last", "low", "high", "multichannel")


@dataclass(frozen=True)
class Restored:
    """A run folder as objects that can be computed with."""

    run: RunFolder
    pair: ImagePair
    model: LatentDynamics
    ensemble: Ensemble | None
    checkpoint: Checkpoint | None


def restore(folder: str | Path) -> Restored:
    """Read all of a run folder, and check that its files belong together.

    Raises
    ------
    RunFolderError
        If it is damaged, incomplete, of another version, or its files do not fit
        each other.
    """
    run = read_run(folder)
    tensors, _ = read_model(folder)
    if not np.isfinite(run.velocity).all():
        raise RunFolderError(damaged(run.path, FIELDS, "holds velocities that are not finite"))
    pair = _pair(run, read_inputs(folder))
    model = _model(run, pair.channels, model_weights(tensors))
    ensemble = _ensemble(run, tensors)
    checkpoint = None
    if Checkpoint.is_in(tensors):
        for name in ("steps", "seconds"):
            if run.report.get(name) is None:
                raise RunFolderError(damaged(run.path, REPORT, f"lacks '{name}'"))
        checkpoint = Checkpoint.from_arrays(
            tensors,
            step=int(run.report["steps"]),
            history=list(run.report.get("loss_history") or []),
            seconds=float(run.report["seconds"]),
        )
    return Restored(run, pair, model, ensemble, checkpoint)


def model_weights(tensors: dict[str, NDArray[Any]]) -> dict[str, Tensor]:
    """Return the weights of the networks among the arrays of a model file, by their name."""
    return {
        name.removeprefix(_WEIGHTS): torch.from_numpy(np.array(value))
        for name, value in tensors.items()
        if name.startswith(_WEIGHTS)
    }


def _pair(run: RunFolder, arrays: dict[str, NDArray[Any]]) -> ImagePair:
    for name in _IMAGES:
        if name not in arrays:
            raise RunFolderError(damaged(run.path, INPUTS, f"lacks '{name}'"))
    images = (arrays["first"], arrays["last"])
    shape = (len(arrays["low"]), *run.velocity.shape[-2:])
    multichannel = bool(arrays["multichannel"])
    floats = [*images, arrays["low"], arrays["high"]]
    floats += [arrays["brightness"]] if "brightness" in arrays else []
    if any(image.shape != shape for image in images):
        problem = f"holds images of shape {images[0].shape} and {images[1].shape} for {shape}"
    elif any(array.dtype.kind != "f" for array in floats):
        problem = "holds intensities that are not of a real type"
    elif not all(np.isfinite(array).all() for array in floats):
        problem = "holds values that are not finite"
    elif not (arrays["low"] < arrays["high"]).all():
        problem = "holds no range of intensities"
    elif "brightness" in arrays and not (arrays["brightness"][:, 0] != 0).all():
        problem = "holds a change of brightness by the factor 0"
    elif (run.frames.ndim == 4) != multichannel or (
        multichannel and run.frames.shape[1] != shape[0]
    ):
        problem = f"holds images of {shape[0]} channels, which the frames do not have"
    else:
        return ImagePair.from_saved(arrays)
    raise RunFolderError(damaged(run.path, INPUTS, problem))


def _model(run: RunFolder, channels: int, weights: dict[str, Tensor]) -> LatentDynamics:
    # Networks of this shape are only built where there are weights for them.
    with torch.device("meta"):
        wanted = LatentDynamics(channels, run.settings).state_dict()
    fits = {n: v.shape for n, v in wanted.items()} == {n: v.shape for n, v in weights.items()}
    fits &= run.settings.model.stages == len(run.velocity)
    if not fits:
        raise RunFolderError(
            f"the model in {run.path} does not fit its settings: one of the files was "
            "changed or comes from another version; train again from its images."
        )
    if not all(bool(torch.isfinite(value).all()) for value in weights.values()):
        raise RunFolderError(damaged(run.path, MODEL, "holds weights that are not finite"))
    model = LatentDynamics(channels, run.settings)
    model.load_state_dict(weights)
    return model


def _ensemble(run: RunFolder, tensors: dict[str, NDArray[Any]]) -> Ensemble | None:
    try:
        ensemble = Ensemble.from_arrays(tensors)
    except KeyError:
        return None
    except (ValueError, TypeError, IndexError, RuntimeError):
        raise RunFolderError(damaged(run.path, MODEL, "holds members of another shape")) from None
    plane = (2, *run.velocity.shape[-2:])
    weights = np.append(ensemble.weights, np.float32(ensemble.still))
    if (
        ensemble.velocities.shape[1:] != plane
        or ensemble.centre.shape != plane
        or ensemble.weights.shape != (len(ensemble.velocities),)
        or len(ensemble.velocities) == 0
    ):
        raise RunFolderError(damaged(run.path, MODEL, "holds members of another shape"))
    finite = (np.isfinite(part).all() for part in (ensemble.velocities, ensemble.centre, weights))
    if not all(finite) or weights.min() < 0 or weights.sum() <= 0:
        raise RunFolderError(damaged(run.path, MODEL, "holds members that cannot be weighed"))
    return ensemble
