"""What the status line says when a run has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_latentdyn.core.runfolder.evidence import agreement_sentence
from napari_latentdyn.widgets.texts import arrow_summary, preview_summary, summary

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_latentdyn.widgets.job import Job, Outcome
    from napari_latentdyn.widgets.results import Result

__all__ = ["arrow_text", "outcome_text"]


def outcome_text(
    job: Job, outcome: Outcome, result: Result, *, seconds: float, trained: bool, button: str
) -> str:
    """Return how a run ended, and what to do next.

    Parameters
    ----------
    job, outcome, result
        The run.
    seconds : float
        Seconds from the press of the button to the frames.
    trained : bool
        Whether the images were trained before.
    button : str
        Text of the button that starts a run with the settings chosen.
    """
    if job.is_preview:
        return preview_summary(seconds, trained=trained, button=button)
    report = result.dynamics.report
    return summary(
        result.steps,
        job.settings.training.steps,
        float(report.get("seconds", 0.0)),
        shown=result.can_be_saved,
        restarted=bool(job.previous_fingerprint) and not outcome.resumed,
        can_continue=result.dynamics.checkpoint is not None,
        converged=bool(report.get("converged", False)),
        effect=agreement_sentence(report),
    )


def arrow_text(viewer: Viewer, run_id: str) -> str:
    """Return how long the arrows of a run are drawn, and that some are hidden."""
    from napari_latentdyn.viewer.layers import METADATA_KEY, find_layer

    layer = find_layer(viewer, run_id, "fields")
    if layer is None:
        return ""
    return arrow_summary(layer.length, layer.metadata[METADATA_KEY].get("arrows_hidden", 0.0))
