"""Small pairs whose motion is known, and fits that take a second."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from benchmarks.known.scenes import texture
from numpy.typing import NDArray
from scipy import ndimage

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.generators import drain
from napari_latentdyn.settings import Settings


def moved(
    shift: tuple[float, float], shape: tuple[int, int] = (64, 64), seed: int = 0
) -> Callable[[float], NDArray[np.float64]]:
    """A textured scene that drifts by a shift in the interval, at any time."""
    pad = 24
    scene = texture((shape[0] + 2 * pad, shape[1] + 2 * pad), seed)

    def at(time: float) -> NDArray[np.float64]:
        there = ndimage.shift(scene, np.array(shift) * time, order=3)
        return there[pad : pad + shape[0], pad : pad + shape[1]]

    return at


def turning(
    angle: float, shape: tuple[int, int] = (64, 64), seed: int = 0
) -> Callable[[float], NDArray[np.float64]]:
    """A textured scene that turns about its centre by an angle in the interval, at any time."""
    pad = 24
    scene = texture((shape[0] + 2 * pad, shape[1] + 2 * pad), seed)
    centre = (np.array(scene.shape) - 1) / 2

    def at(time: float) -> NDArray[np.float64]:
        cos, sin = np.cos(angle * (time - 0.5)), np.sin(angle * (time - 0.5))
        # The matrix that leads back to where values come from.
        back = np.array([[cos, sin], [-sin, cos]])
        there = ndimage.affine_transform(scene, back, centre - back @ centre, order=3)
        return there[pad : pad + shape[0], pad : pad + shape[1]]

    return at


def spin(angle: float, shape: tuple[int, int] = (64, 64)) -> NDArray[np.float64]:
    """Velocity (2, H, W) of `turning`."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return angle * np.stack([-(columns - (shape[1] - 1) / 2), rows - (shape[0] - 1) / 2])


def small_settings(preset: str = "standard", **changes: Any) -> Settings:
    """Settings of a model that trains in a second.

    Its initial fields are matched in short, by one member.
    """
    short = {"model.members": 1, "model.refinement": "short"}
    quick = {} if preset == "paper" else short
    return Settings.preset(preset).updated(
        {
            **quick,
            "patches.size": (32, 32),
            "patches.stride": (16, 16),
            "model.stages": 3,
            "model.latent_channels": 2,
            "model.encoder_width": 4,
            "model.unet_width": 2,
            "training.start_from": "scratch",
            "training.from_series": False,
            "model.extractor_width": 2,
            "model.coarsening": 0,
            "training.steps": 4,
            "training.device": "cpu",
            "output.preview": False,
            **{name.replace("__", "."): value for name, value in changes.items()},
        }
    )


def remade(dynamics: Dynamics, **changes: Any) -> Dynamics:
    """Return a result with other settings, fields, report, images, networks or ensembles."""
    fitted = dynamics.fitted
    for name in ("model", "ensembles"):
        if name in changes:
            fitted = replace(fitted, checkpoint=None, **{name: changes.pop(name)})
    report = dynamics.report.model_copy(update=changes.pop("report", {}))
    known = {
        "settings": dynamics.settings,
        "fields": dynamics.fields,
        "observations": dynamics.observations,
    }
    return Dynamics(**{**known, **changes}, report=report, fitted=fitted)


Said = TypeVar("Said")
Found = TypeVar("Found")


def finished(working: Generator[Said, None, Found]) -> tuple[list[Said], Found]:
    """Run a fit, or a search, to its end."""
    seen: list[Said] = []
    found = drain(working, seen.append)
    return seen, found
