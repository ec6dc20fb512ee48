"""The loss of HLG equation 9 and its terms.

The published weights and constants of the penalties are not known to us; ours
are settings.
"""

from __future__ import annotations

import torch
from torch import Tensor

from napari_latentdyn.core.networks.model import Batch, Prediction
from napari_latentdyn.settings import TrainingSettings

__all__ = ["TERMS", "loss_terms", "misfit", "roughness", "total_loss", "unsteadiness"]

TERMS = ("match", "autoencoding", "space", "time")
#: Differences of intensity well above this count as outliers in the robust data term.
_ROBUST_SCALE = 0.03


def misfit(image: Tensor, target: Tensor, weight: Tensor, robust: bool) -> Tensor:
    """Mean difference of two images where it counts.

    Parameters
    ----------
    image, target : Tensor, shape (B, C, H, W)
        Normalised intensities.
    weight : Tensor of bool, shape (B, 1, H, W)
        Where the difference counts.
    robust : bool
        Take a smoothed absolute value instead of the square.

    Returns
    -------
    Tensor
        A number; zero where nothing counts.
    """
    difference = image - target
    if robust:
        scale = _ROBUST_SCALE
        cost = torch.sqrt(difference**2 + scale**2) - scale
    else:
        cost = difference**2
    counts = weight.to(cost.dtype)
    return (cost * counts).sum() / (counts.sum() * image.shape[1]).clamp_min(1.0)


def roughness(fields: Tensor, order: int) -> Tensor:
    """Mean square of the first or second differences of the fields in space.

    Parameters
    ----------
    fields : Tensor, shape (B, n, 2, H, W)
        Pixels per stage.
    order : int
        1 penalises every change; 2 leaves affine motion (rotation, strain,
        shear) free.
    """
    rows, columns = fields.diff(dim=-2), fields.diff(dim=-1)
    if order == 1:
        return rows.square().mean() + columns.square().mean()
    return (
        rows.diff(dim=-2).square().mean()
        + 2 * rows.diff(dim=-1).square().mean()
        + columns.diff(dim=-1).square().mean()
    )


def unsteadiness(fields: Tensor) -> Tensor:
    """Mean square of the change of the fields from stage to stage; zero for one stage."""
    if fields.shape[1] == 1:
        return fields.new_zeros(())
    return fields.diff(dim=1).square().mean()


def loss_terms(
    batch: Batch, prediction: Prediction, settings: TrainingSettings
) -> dict[str, Tensor]:
    """Return the terms of equation 9 before weighting, by the names in `TERMS`."""
    robust = settings.data_term == "robust"
    arrived = [misfit(*pair, robust=robust) for pair in prediction.arrived]
    return {
        "match": torch.stack(arrived).mean(),
        "autoencoding": misfit(prediction.coded_first, batch.first, batch.valid_first, robust)
        + misfit(prediction.coded_last, batch.last, batch.valid_last, robust),
        "space": roughness(prediction.fields, 1 if settings.smoothness == "first" else 2),
        "time": unsteadiness(prediction.fields),
    }


def total_loss(terms: dict[str, Tensor], settings: TrainingSettings) -> Tensor:
    """Weighted sum of the terms (equation 9)."""
    return (
        settings.weight_match * terms["match"]
        + settings.weight_autoencoding * terms["autoencoding"]
        + settings.weight_space * terms["space"]
        + settings.weight_time * terms["time"]
    )
