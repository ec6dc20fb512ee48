"""Readers of all parts of a run folder, which `Dynamics` reads when they are used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.runfolder.folder import read_model
from napari_latentdyn.core.runfolder.report import read_report


def read_arrays(folder: Path) -> Dynamics:
    """Open a run folder and read its frames, latent states and confidence."""
    run = Dynamics.load(folder)
    for what in ("frames", "latents", "confidence"):
        run.stored(what)
    return run


def read_observations(folder: Path) -> Observations:
    """Open a run folder and read its images."""
    return Dynamics.load(folder).observations


def read_networks(folder: Path) -> dict[str, Any]:
    """Check a run folder and read its model."""
    read_report(folder)
    return dict(read_model(Path(folder)))
