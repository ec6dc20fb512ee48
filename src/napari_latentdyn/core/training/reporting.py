"""The report of a fit: settings, losses, images, and the gain by training."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.observations.sources import describe_input
from napari_latentdyn.core.rendering.meeting import Coefficients
from napari_latentdyn.core.runfolder.schema import (
    AgreementReport,
    EquationReport,
    EvidenceReport,
    RunReport,
)
from napari_latentdyn.core.training.hidden import HiddenImages
from napari_latentdyn.core.training.unused import unused_by_equation
from napari_latentdyn.equations import Equation
from napari_latentdyn.settings import Settings

__all__ = ["make_report", "with_coefficients"]

#: Entries of the history of losses that are kept.
_HISTORY = 500


def make_report(
    observations: Observations,
    settings: Settings,
    *,
    device: str,
    steps: int,
    seconds: float,
    history: Sequence[dict[str, float]],
    batch_size: int,
    agreement: tuple[float | None, float | None] = (None, None),
    converged: bool = False,
    evidence: EvidenceReport | None = None,
    hidden: HiddenImages | None = None,
    equation: EquationReport | None = None,
) -> RunReport:
    """Describe a fit."""
    every = max(1, len(history) // _HISTORY)
    images = settings.images
    place, interval = observations.geometry, None
    if images.interval is not None:
        interval = {"value": images.interval, "unit": images.interval_unit}
    report: dict[str, Any] = {
        "version": importlib.metadata.version("napari-latentdyn"),
        "torch": str(torch.__version__),
        "seed": settings.training.seed,
        "device": device,
        "batch_size": batch_size,
        "steps": steps,
        "steps_planned": settings.training.steps,
        "seconds": round(seconds, 3),
        "losses": {
            "first": dict(history[0]) if history else {},
            "last": dict(history[-1]) if history else {},
        },
        "loss_history": [dict(entry) for entry in history[::every]],
        "agreement": AgreementReport(
            before=agreement[0], after=agreement[1], hidden=settings.training.stop_early
        ),
        "motion_evidence": evidence,
        "hidden": None if hidden is None else hidden.to_report(),
        "equation": equation,
        "unused": unused_by_equation(observations.known, settings) or None,
        "converged": converged,
        "stopped_early": steps < settings.training.steps and not converged,
        "inputs": _inputs(observations),
        "known": observations.known.to_report(),
        "placement": None if place is None or place == Geometry() else place.to_report(),
        "interval": interval,
        "observation_times": observations.times.tolist(),
    }
    return RunReport.model_validate(report)


def _inputs(observations: Observations) -> list[dict[str, Any]]:
    if observations.sources:
        return [dict(source) for source in observations.sources]
    return [
        describe_input("", image if observations.multichannel else image[0])
        for image in observations.images
    ]


def with_coefficients(
    chosen: EquationReport | None, equation: Equation, every: Sequence[Coefficients]
) -> EquationReport | None:
    """Add the numbers of an equation to its report; None where there is nothing to tell."""
    numbers = {
        name: [np.atleast_1d(some[name]).tolist() for some in every]
        for name in equation.constants
        if every and every[0][name].ndim == 1
    }
    if chosen is None and not numbers:
        return None
    return (chosen or EquationReport(name=equation.name)).model_copy(
        update={"coefficients": numbers}
    )
