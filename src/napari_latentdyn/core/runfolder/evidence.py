"""Whether motion was found at all, and what training did: figures, and sentences on them.

Window and command line say the same sentences. Needs no PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["MotionEvidence", "agreement_note", "agreement_sentence", "motion_sentence"]

#: Error with motion over the error without it, up to which hidden blocks speak for motion where
#: many places tell something, and how much lower it has to be for few of them: chosen on generated
#: scenes and on noise (see the page on the method).
_LARGEST_RATIO, _FEW = 0.92, 1.2


@dataclass(frozen=True)
class MotionEvidence:
    """How well blocks of the images are predicted that were hidden from the matching.

    Attributes
    ----------
    with_motion : float
        Root mean square error of the best member, as a part of the intensity range.
    without_motion : float
        The same if nothing moves.
    places : float
        Number of places from which they come.
    """

    with_motion: float
    without_motion: float
    places: float

    @property
    def ratio(self) -> float | None:
        """Error with motion over that without; None where the blocks tell nothing."""
        known = math.isfinite(self.with_motion) and math.isfinite(self.without_motion)
        if not known or self.without_motion <= 0 or self.places <= 0:
            return None
        return self.with_motion / self.without_motion

    @property
    def is_found(self) -> bool:
        """Whether hidden blocks are predicted clearly better with motion than without."""
        if self.ratio is None:
            return False
        return self.ratio < _LARGEST_RATIO - _FEW / math.sqrt(self.places)

    def to_report(self) -> dict[str, Any]:
        """Return the figures for a report."""
        return {
            "with_motion": self.with_motion,
            "without_motion": self.without_motion,
            "ratio": self.ratio,
            "places": self.places,
            "found": self.is_found,
        }


def motion_sentence(report: Mapping[str, Any]) -> str:
    """Say in one sentence that no motion was found, where that is so.

    Parameters
    ----------
    report : mapping
        Report of a run; its ``motion_evidence`` is used.

    Returns
    -------
    str
        ``""`` where motion was found, or was not looked for.
    """
    told = report.get("motion_evidence")
    if not told or told.get("found", True):
        return ""
    if told.get("ratio") is None:
        return (
            "No motion could be confirmed: the images have too few places to compare. Do not trust "
            "the arrows."
        )
    return (
        "No motion could be confirmed: hidden blocks of the images are predicted hardly better "
        f"with motion (error {_percent(told['with_motion'])} of the intensity range) than "
        f"without ({_percent(told['without_motion'])}). Do not trust the arrows."
    )


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
