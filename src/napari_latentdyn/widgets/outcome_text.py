"""The text of the status line after a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_latentdyn.core.dynamics.arrows import scale_note
from napari_latentdyn.core.runfolder.evidence import gains
from napari_latentdyn.viewer.timeline import timeline_of
from napari_latentdyn.widgets.texts import duration

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_latentdyn.widgets.job import Job
    from napari_latentdyn.widgets.results import FinishedJob

__all__ = ["arrow_text", "outcome_text", "stopped_text"]


def outcome_text(
    job: Job, result: FinishedJob, *, seconds: float, trained: bool, button: str
) -> str:
    """Return how a run ended, and the next action.

    `seconds` is the time from the click to the frames, `trained` whether an earlier training can be
    continued, and `button` the text of the button that starts a run.
    """
    known = f" Known: {job.known.sentence}." if job.known.sentence else ""
    if job.is_preview:
        kept = "The last training is kept until you train again."
        then = kept if trained else f"Press {button} to refine it."
        return f"Preview ready ({_short(seconds)}).{known} {then}"
    report = result.dynamics.report
    done, planned, taken = result.steps, job.settings.training.steps, report.seconds or 0.0
    shown = result.can_be_saved
    then = "Move the time slider, or save." if shown else "The frames were not computed."
    if shown and len(report.observation_times) > 2 and not timeline_of(result.dynamics).is_even:
        then += " The times are uneven: the slider counts frames."
    if not planned:
        told = " ".join(gains(report))
        how = f"in {_short(taken)}. {told}" if told else f"without training in {_short(taken)}."
        return f"Done {how}{known} {then}"
    restarted = job.continues and not job.resumed
    change = " The images changed, so training restarted." if restarted else ""
    change += known + "".join(f" {gain}" for gain in gains(report))
    if report.converged:
        return (
            f"Done: {done} of {planned} steps in {duration(taken)}; the agreement in hidden "
            f"blocks no longer improved.{change} {then}"
        )
    if done >= planned:
        return f"Done: {done} steps in {duration(taken)}.{change} {then}"
    then = "The result so far is shown" if shown else "The frames were not computed"
    can_continue = result.dynamics.fitted.checkpoint is not None
    more = "; press Continue to resume" if can_continue else ""
    return f"Stopped after {done} of {planned} steps.{change} {then}{more}."


def stopped_text(job: Job) -> str:
    """Return why a run has no result."""
    if job.from_outside:
        return "napari stopped the run; it has no result."
    if job.is_preview:
        return "The preview was stopped; nothing changed."
    if job.is_kept:
        return (
            "Stopped before a result was found. The matched intervals are kept: a run with the "
            "same images and settings continues with them."
        )
    return "Stopped before a result was found; nothing changed."


def arrow_text(viewer: Viewer, run_id: str) -> str:
    """Return the length of the arrows of a run, and how many are hidden, as a second sentence."""
    from napari_latentdyn.viewer.layers import find_layer, mark_of

    layer = find_layer(viewer, run_id, "fields")
    if layer is None:
        return ""
    note, hidden = scale_note(layer.length), mark_of(layer).get("arrows_hidden", 0.0)
    why = ""
    if hidden > 0:
        share = "some" if hidden < 0.005 else f"{round(100 * hidden)} %"
        why = f"; {share} hidden where nothing shows the motion"
    return f" {note[0].upper()}{note[1:]}{why}."


def _short(seconds: float) -> str:
    return f"{seconds:.1f}\u00a0s" if seconds < 9.95 else duration(seconds)
