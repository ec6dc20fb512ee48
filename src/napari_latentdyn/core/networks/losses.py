"""The loss of HLG equation 9 and its terms.

The paper does not give weights and constants of the penalties; here they are settings.
"""

from __future__ import annotations

import torch
from torch import Tensor

from napari_latentdyn.core.networks.model import Batch, Prediction
from napari_latentdyn.settings import Settings, TrainingSettings

__all__ = ["active_terms", "loss_terms", "misfit", "roughness", "total_loss", "unsteadiness"]

#: Difference of intensity above which the robust data term grows linearly.
_ROBUST_SCALE = 0.03


def misfit(image: Tensor, target: Tensor, weight: Tensor, robust: bool) -> Tensor:
    """Return the mean square difference of two images (B, C, H, W) where `weight` is true.

    `weight` is (B, 1, H, W) of bool; with `robust`, a smoothed absolute value replaces the
    square. Without any true weight the result is zero.
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
    """Return the mean square of the spatial differences of the fields (B, n, 2, H, W).

    Differences of order 1 penalise every change; those of order 2 do not penalise affine
    motion (rotation, strain, shear).
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
    """Return the mean square change of the fields from stage to stage; zero for one stage."""
    if fields.shape[1] == 1:
        return fields.new_zeros(())
    return fields.diff(dim=1).square().mean()


def active_terms(settings: Settings) -> tuple[str, ...]:
    """Return the names of the terms that training can change.

    With `model.timing` "even" the networks add the same velocity at every stage, so that
    the steadiness of the fields does not depend on the weights.
    """
    steady = settings.model.timing == "even" or settings.model.stages == 1
    return ("match", "autoencoding", "space") + (() if steady else ("time",))


def loss_terms(batch: Batch, prediction: Prediction, settings: Settings) -> dict[str, Tensor]:
    """Return the terms of equation 9 before weighting, by the names in `active_terms`."""
    training = settings.training
    robust = training.data_term == "robust"
    arrived = [misfit(*pair, robust=robust) for pair in prediction.arrived]
    terms = {
        "match": torch.stack(arrived).mean(),
        "autoencoding": misfit(prediction.coded_first, batch.first, batch.valid_first, robust)
        + misfit(prediction.coded_last, batch.last, batch.valid_last, robust),
        "space": roughness(prediction.fields, 1 if training.smoothness == "first" else 2),
        "time": unsteadiness(prediction.fields),
    }
    return {name: terms[name] for name in active_terms(settings)}


def total_loss(terms: dict[str, Tensor], settings: TrainingSettings) -> Tensor:
    """Return the weighted sum of the terms (equation 9)."""
    weights = {
        "match": settings.weight_match,
        "autoencoding": settings.weight_autoencoding,
        "space": settings.weight_space,
        "time": settings.weight_time,
    }
    return torch.stack([weights[name] * term for name, term in terms.items()]).sum()
