"""The standard deviation of velocities, from the images and the ensemble of an interval."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.matching.ensemble import Ensemble
from napari_latentdyn.core.matching.pair import MaskedPair
from napari_latentdyn.core.matching.uncertainty import velocity_std
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.physics.motion import Motion
from napari_latentdyn.core.physics.sampling import pixel_grid, sample

__all__ = ["half_way_std", "middle_velocity", "stage_std"]


def middle_velocity(fields: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the velocity half way, (2, H, W) in pixels per interval, of stages (n, 2, H, W)."""
    count = len(fields)
    # Between the two stages in the middle, or in the middle of a stage.
    middle = fields[(count - 1) // 2] + fields[count // 2]
    return np.asarray(middle * np.float32(count / 2))


def half_way_std(
    observations: Observations,
    ensemble: Ensemble,
    fields: NDArray[np.float32],
    motion: Motion,
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """Return the standard deviation of the velocity half way, and where it is measured.

    Nothing is measured where hidden blocks of the images show no motion.

    Parameters
    ----------
    observations : Observations
        Two images.
    ensemble : Ensemble
        Velocities of the members.
    fields : ndarray of float32, shape (n, 2, H, W)
        Pixels per stage.
    motion : {"steady", "inertial", "local"}
        Acceleration along the paths.
    device : torch.device
        Device of the computation.

    Returns
    -------
    std : Tensor, shape (H, W)
        Pixels per interval, of each component.
    measured : Tensor of bool, shape (H, W)
    """
    first, last = observations.normalised()
    pair = MaskedPair.from_arrays(
        (first, last), (observations.valid[0], observations.valid[1]), device
    )
    velocities, weights, centre = (
        torch.from_numpy(part).to(device)
        for part in (ensemble.velocities, ensemble.weights, middle_velocity(fields))
    )
    std, measured = velocity_std(velocities, weights, centre, pair, motion)
    if ensemble.evidence is not None and not ensemble.evidence.is_found:
        measured = torch.zeros_like(measured)
    return std.cpu(), measured.cpu()


def stage_std(
    half_way: tuple[Tensor, Tensor], fields: NDArray[np.float32], stage: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Carry `half_way_std` to the middle of a stage; in pixels per stage.

    `fields` are (n, 2, H, W), in pixels per stage, and `stage` is one of the n.
    """
    count, shape = len(fields), fields.shape[-2:]
    both = torch.stack([part.float() for part in half_way])[None]
    # From the pixels to the positions half way of the points that are there.
    way = torch.from_numpy(fields[stage])[None] * (stage + 0.5 - count / 2)
    std, measured = sample(both, pixel_grid(shape[0], shape[1]) - way)[0].numpy()
    return std / np.float32(count), measured > 0.5
