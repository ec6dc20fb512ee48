"""Sentences about how much a result can be trusted, for window and command line alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["agreement_note", "agreement_sentence"]


def agreement_note(before: float | None, now: float | None) -> str:
    """Say in a few words what a training that goes on did, ``""`` where nothing was measured."""
    if before is None or now is None:
        return ""
    return f"motion explains {_percent(now)} ({_percent(before)} before training)"


def agreement_sentence(report: Mapping[str, Any]) -> str:
    """Say in one sentence what training did.

    Parameters
    ----------
    report : mapping
        Report of a run; its ``agreement`` is used.

    Returns
    -------
    str
        ``""`` where nothing was trained, or nothing could be measured.
    """
    told = report.get("agreement") or {}
    before, after = told.get("before"), told.get("after")
    if before is None or after is None:
        return ""
    where = "blocks hidden from training" if told.get("hidden") else "blocks of the image"
    return (
        f"In {where}, motion explains {_percent(after)} of the difference between the images; "
        f"before training it was {_percent(before)}."
    )


def _percent(part: float) -> str:
    # Worse than no motion at all is told as nothing.
    return f"{100 * max(part, 0.0):.1f} %"
