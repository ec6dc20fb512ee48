"""The part of known tracks in a fit, and their comparison with its result."""

from __future__ import annotations

from napari_latentdyn.core.dynamics.compared import compare_tracks, predict_tracks
from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.runfolder.schema import RunReport
from napari_latentdyn.settings import Settings

__all__ = ["uses_tracks", "with_tracks"]


def uses_tracks(settings: Settings) -> bool:
    """Return whether tracks have a part in a fit: they act on matched velocities alone."""
    return settings.model.initial_fields == "matched"


def with_tracks(dynamics: Dynamics) -> RunReport:
    """Return the report of a result with the errors of all tracks.

    It is the same report where no track is known.
    """
    observations, report = dynamics.observations, dynamics.report
    if observations.known.tracks is None:
        return report
    held = predict_tracks(dynamics, observations.known.tracks)
    used = compare_tracks(dynamics, observations, takes_part=uses_tracks(dynamics.settings))
    return report.model_copy(update={"held_back": held, "compared": used})
