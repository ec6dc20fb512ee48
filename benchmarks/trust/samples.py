"""Errors of velocities and frames beside their standard deviations, or the terms of these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from benchmarks.accuracy.cases import generated_cases, stored_cases
from benchmarks.accuracy.fields import total_displacement
from benchmarks.trust.scenes import TIMES, TrueScene, generate
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn import Dynamics, fit_pair
from napari_latentdyn.core.dynamics.uncertainty import half_way_std, middle_velocity
from napari_latentdyn.core.matching.calibration import Calibration
from napari_latentdyn.core.matching.pair import MaskedPair
from napari_latentdyn.core.matching.uncertainty import velocity_terms
from napari_latentdyn.core.physics.sampling import pixel_grid, sample
from napari_latentdyn.core.rendering import deviation

__all__ = ["PRESETS", "Errors", "fitted", "frame_training", "shared", "tested", "velocity_training"]

#: Presets of the fits, and their settings: the last one has a single member.
PRESETS: dict[str, dict[str, object]] = {
    "quick": {"preset": "quick"},
    "standard": {"preset": "standard"},
    "one member": {"preset": "quick", "members": 1},
}

Fitted = Sequence[tuple[TrueScene, Dynamics]]


@dataclass(frozen=True)
class Errors:
    """Errors of an image, of one quantity.

    Attributes
    ----------
    name : str
        Scene or sequence.
    std : ndarray, shape (H, W)
        Standard deviations.
    errors : ndarray, shape (P, H, W)
        Signed errors of the components, or of the frames; NaN where nothing can be compared.
    measured : ndarray of bool, shape (H, W), optional
        Where the images show the velocity.
    """

    name: str
    std: NDArray[np.floating]
    errors: NDArray[np.floating]
    measured: NDArray[np.bool_] | None = None


def fitted(count: int, seed: int, preset: str) -> list[tuple[TrueScene, Dynamics]]:
    """Return generated scenes and the motion that was found in them."""
    return [(scene, fit_pair(*scene.images, **PRESETS[preset])) for scene in generate(count, seed)]


def velocity_training(pairs: Fitted) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the logarithms of terms (N, F), and errors (N, 2)."""
    found = []
    for scene, dynamics in pairs:
        images, ensemble = dynamics.observations, dynamics.fitted.ensembles[0]
        first, last = images.normalised()
        valid = (images.valid[0], images.valid[1])
        pair = MaskedPair.from_arrays((first, last), valid, torch.device("cpu"))
        centre = middle_velocity(dynamics.fields)
        parts = (torch.from_numpy(p) for p in (ensemble.velocities, ensemble.weights, centre))
        terms, _ = velocity_terms(*parts, pair, dynamics.settings.physics.motion)
        found.append(_rows(terms, centre - scene.velocity))
    return np.concatenate([t for t, _ in found]), np.concatenate([e for _, e in found])


def frame_training(pairs: Fitted) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the logarithms of terms (N, F), and errors (N, 1) in normalised intensity."""
    found = []
    for scene, dynamics in pairs:
        terms: list[Tensor] = []

        class Recorder(Calibration):
            def std(self, terms: Tensor, known: list[Tensor] = terms) -> Tensor:
                known.append(terms)
                return super().std(terms)

        with mock.patch.object(deviation, "FRAMES", Recorder(1.0, deviation.FRAMES.exponents)):
            dynamics.frame_std(TIMES)
        span = float((dynamics.observations.high - dynamics.observations.low)[0])
        errors = (dynamics.frames(TIMES) - scene.truth) / span
        for one, error in zip(terms, errors, strict=True):
            found.append(_rows(one, error[None]))
    return np.concatenate([t for t, _ in found]), np.concatenate([e for _, e in found])


def _rows(
    terms: Tensor, errors: NDArray[np.floating]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return every fourth row and column where the errors are known."""
    thin = (..., slice(None, None, 4), slice(None, None, 4))
    columns = terms[thin].log().flatten(1).numpy().T
    misses = errors[thin].reshape(len(errors), -1).T.astype(np.float32)
    known = np.isfinite(misses).all(axis=1)
    return columns[known], misses[known]


def tested(pairs: Fitted) -> tuple[list[Errors], list[Errors]]:
    """Return errors of velocities and of frames."""
    velocities, frames = [], []
    for scene, dynamics in pairs:
        error = middle_velocity(dynamics.fields) - scene.velocity
        deviations, measured = (part.numpy() for part in _half_way(dynamics))
        velocities.append(Errors(scene.name, deviations, error, measured))
        std, shown = dynamics.frame_std(TIMES), dynamics.frames(TIMES)
        for one, frame, truth in zip(std, shown, scene.truth, strict=True):
            frames.append(Errors(scene.name, one, (frame - truth)[None]))
    return velocities, frames


def shared(folder: Path, preset: str) -> Iterator[tuple[Errors | None, list[Errors]]]:
    """Yield errors of the velocity, where it is known, and of the frames of each sequence."""
    for case in (*stored_cases(folder), *generated_cases()):
        dynamics = fit_pair(case.first, case.last, **PRESETS[preset])
        std, shown = dynamics.frame_std(case.times), np.clip(dynamics.frames(case.times), 0, 1)
        frames = [
            Errors(case.name, one, (frame - truth)[None])
            for one, frame, truth in zip(std, shown, case.truth, strict=True)
        ]
        velocity = None
        if case.field is not None:
            moved = total_displacement(dynamics.fields, dynamics.settings.physics)
            # From the first image, whose pixels have known displacements, half way.
            places = pixel_grid(*dynamics.shape) + torch.from_numpy(moved)[None] / 2
            there = sample(_half_way(dynamics)[0][None, None], places)[0, 0].numpy()
            error = np.where(case.field.counted, moved - case.field.displacement, np.nan)
            velocity = Errors(case.name, there, error)
        yield velocity, frames


def _half_way(dynamics: Dynamics) -> tuple[Tensor, Tensor]:
    return half_way_std(
        dynamics.observations,
        dynamics.fitted.ensembles[0],
        dynamics.fields,
        dynamics.settings.physics.motion,
        torch.device("cpu"),
    )
