"""Coefficients of an equation, given by the user or estimated from both images of an interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.rendering.bothends import BothEnds
from napari_latentdyn.core.rendering.meeting import Coefficients
from napari_latentdyn.equations import Equation
from napari_latentdyn.settings import PhysicsSettings

__all__ = [
    "coefficients_between",
    "fit_all",
    "fit_coefficients",
    "from_arrays",
    "to_arrays",
]

_NAME = "equation.{}.{}"


def fit_all(
    equation: Equation,
    observations: Observations,
    fields: NDArray[np.float32],
    model: LatentDynamics,
) -> tuple[Coefficients, ...]:
    """Return `fit_coefficients` of each of the K - 1 intervals; none if the equation has none.

    `fields` ((K - 1) n, 2, H, W) are in pixels per stage.
    """
    if not equation.constants:
        return ()
    each = fields.reshape(len(observations) - 1, -1, *fields.shape[-3:])
    pairs = zip(observations.intervals(), each, strict=True)
    return tuple(fit_coefficients(equation, interval, own, model) for interval, own in pairs)


def fit_coefficients(
    equation: Equation,
    interval: Observations,
    fields: NDArray[np.float32],
    model: LatentDynamics,
) -> Coefficients:
    """Return the coefficients of an equation in one interval.

    Parameters
    ----------
    equation : Equation
        The equation.
    interval : Observations
        Two images.
    fields : ndarray of float32, shape (n, 2, H, W)
        Stage fields in pixels per stage.
    model : LatentDynamics
        Its paths, settings and device are used.
    """
    given = _given(equation, interval, model.settings.physics)
    if set(given) == set(equation.constants):
        return given
    with torch.no_grad():
        return coefficients_between(equation, BothEnds.along(interval, fields, model, 1.0))


def coefficients_between(equation: Equation, ends: BothEnds) -> Coefficients:
    """Return the coefficients of an equation between two images, at the time of the last one."""
    given = _given(equation, ends.interval, ends.model.settings.physics)
    if set(given) == set(equation.constants):
        return given
    return equation.coefficients(ends.compared(), given)


def _given(
    equation: Equation, interval: Observations, physics: PhysicsSettings
) -> dict[str, NDArray[np.float32]]:
    """Return the coefficients that the settings give, in normalised intensities, each (C,)."""
    given: dict[str, NDArray[np.float32]] = {}
    for name in equation.constants:
        value = getattr(physics, name, None)
        if value is not None:
            span = (interval.high - interval.low) if name == "capacity" else np.ones(1)
            given[name] = (value / span).astype(np.float32)
    return given


def to_arrays(every: Sequence[Coefficients]) -> dict[str, NDArray[Any]]:
    """Return the coefficients of all intervals as arrays by name, for a file."""
    return {
        _NAME.format(number, name): values
        for number, some in enumerate(every)
        for name, values in some.items()
    }


def from_arrays(
    arrays: Mapping[str, NDArray[Any]], equation: Equation, observations: Observations
) -> tuple[Coefficients, ...]:
    """Return the coefficients that `to_arrays` described.

    Raises
    ------
    ValueError
        If one is missing, or does not fit the images.
    """
    if not equation.constants:
        return ()
    shapes = ((1,), (observations.channels,), observations.shape)
    every = []
    for number in range(len(observations) - 1):
        some = {}
        for name in equation.constants:
            key = _NAME.format(number, name)
            if key not in arrays:
                raise ValueError(f"the equation lacks its {name}")
            some[name] = np.asarray(arrays[key], np.float32)
            if some[name].shape not in shapes or not np.isfinite(some[name]).all():
                raise ValueError(f"the {name} of the equation must be finite and fit the images")
        every.append(some)
    return tuple(every)
