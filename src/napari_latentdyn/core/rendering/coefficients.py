"""Coefficients of an equation, given by the user or estimated from both images of an interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.physics.sampling import pixel_grid
from napari_latentdyn.core.rendering.ends import Ends
from napari_latentdyn.equations import Compared, Equation
from napari_latentdyn.settings import PhysicsSettings

__all__ = [
    "Coefficients",
    "compare",
    "fit_all",
    "fit_coefficients",
    "from_arrays",
    "given_coefficients",
    "to_arrays",
]

#: Coefficients of an equation by name: numbers (C,), or maps (H, W) on the grid of the last image.
Coefficients = Mapping[str, NDArray[np.float32]]
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
    equation: Equation, interval: Observations, fields: NDArray[np.float32], model: LatentDynamics
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
    if not equation.constants:
        return {}
    given = given_coefficients(equation, interval, model.settings.physics)
    if set(given) == set(equation.constants):
        return given
    return equation.coefficients(compare(interval, fields, model), given)


def given_coefficients(
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


@torch.no_grad()
def compare(interval: Observations, fields: NDArray[np.float32], model: LatentDynamics) -> Compared:
    """Carry the first image of an interval along whole paths to the last one.

    The parameters are those of `fit_coefficients`.
    """
    ends = Ends(model, interval)
    first, last = ends.whole
    velocity = torch.from_numpy(fields)[None].to(first.device)
    grid = pixel_grid(*interval.shape, device=first.device)
    places = model.transport.paths.trace(0, velocity, grid, 1.0)
    seen = ends.seen(0, places, valid=True)[0][0, 0].cpu() & torch.from_numpy(interval.valid[1])
    zeros = torch.from_numpy(interval.zeros)
    read = model.read(first, places)
    return Compared(read[0].cpu(), last[0].cpu(), seen, (zeros[0], zeros[1]))


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
