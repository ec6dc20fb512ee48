"""Several velocities for one pair of images, and how much each one counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_latentdyn.core.matching.consensus import weighted_median
from napari_latentdyn.core.runfolder.evidence import MotionEvidence

__all__ = ["Ensemble", "held_out_weights"]

_VELOCITIES, _WEIGHTS, _CENTRE, _EVIDENCE = "velocities", "weights", "centre", "motion_evidence"
#: An error of prediction that is larger than the least one by this part costs a member all but
#: 1/e of its weight.
_WORSE = 0.55
#: Places that tell something at which errors are believed by half.
_ENOUGH = 500.0


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Velocities half way of several members.

    Attributes
    ----------
    velocities : ndarray of float32, shape (K, 2, H, W)
        Pixels per interval.
    weights : ndarray of float32, shape (K,)
        How much each member counts.
    still : float
        How much the mixture of both images by time counts, in which nothing
        moves; with the weights, it adds up to one.
    centre : ndarray of float32, shape (2, H, W)
        The velocity in the middle of the members, from which training starts.
    evidence : MotionEvidence or None
        How well hidden blocks are predicted; None where none were hidden.
    """

    velocities: NDArray[np.float32]
    weights: NDArray[np.float32]
    still: float
    centre: NDArray[np.float32]
    evidence: MotionEvidence | None = None

    @classmethod
    def equal(
        cls, velocities: NDArray[np.float32], evidence: MotionEvidence | None = None
    ) -> Ensemble:
        """Return members that all count alike, and nothing that stands still."""
        count = len(velocities)
        weights = np.full(count, 1.0 / count, np.float32)
        middle = weighted_median(torch.from_numpy(velocities), torch.from_numpy(weights))
        return cls(velocities, weights, 0.0, middle.numpy(), evidence)

    def to_arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return all as arrays by name."""
        still = np.array([self.still], np.float32)
        told: dict[str, NDArray[np.float32]] = {}
        if self.evidence is not None:
            told[_EVIDENCE] = np.array(dataclasses.astuple(self.evidence), np.float32)
        return told | {
            _VELOCITIES: self.velocities,
            _WEIGHTS: np.append(self.weights, still),
            _CENTRE: self.centre,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Ensemble:
        """Make the ensemble that `to_arrays` described.

        Raises
        ------
        KeyError
            If there is none among the arrays.
        """
        velocities = np.asarray(arrays[_VELOCITIES], np.float32)
        weights = np.asarray(arrays[_WEIGHTS], np.float32)
        middle = np.asarray(arrays[_CENTRE], np.float32)
        evidence = None
        if _EVIDENCE in arrays:
            evidence = MotionEvidence(*np.asarray(arrays[_EVIDENCE], np.float64).tolist())
        return cls(velocities, weights[:-1], float(weights[-1]), middle, evidence)


def held_out_weights(
    errors: NDArray[np.float64], still: float, places: float
) -> tuple[NDArray[np.float32], float]:
    """Weigh members by how well they predict blocks that were hidden from them.

    Where the images change in other ways than by motion, standing still
    predicts almost as well as any motion, and counts almost as much; where
    things move, it does not count at all.

    Parameters
    ----------
    errors : ndarray of float, shape (K,)
        Root mean square of what each member missed in the hidden blocks; inf
        where it had nothing to show there.
    still : float
        The same without any motion.
    places : float
        Number of places from which they come. From few, little follows: then
        all members count alike, and standing still does not.

    Returns
    -------
    weights : ndarray of float32, shape (K,)
    still : float
        Positive, and one in all.
    """
    all_errors = np.maximum(np.append(errors, still), 1e-6)
    if not np.isfinite(all_errors).any():
        places, all_errors = 0.0, np.ones_like(all_errors)
    excess = all_errors / all_errors.min() - 1.0
    trust = places / (places + _ENOUGH)
    # Some motion is always needed for the arrows.
    with np.errstate(invalid="ignore"):
        weights = np.nan_to_num(np.exp(-trust * excess / _WORSE), nan=1.0)
    weights = np.maximum(weights, 1e-6)
    weights[-1] *= trust
    weights = (weights / weights.sum()).astype(np.float32)
    return weights[:-1], float(weights[-1])
