"""Evidence of motion and the gain by training: figures, and sentences for the user.

Window and command line show the same sentences. Needs no PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from napari_latentdyn.core.runfolder.schema import EquationReport, EvidenceReport, RunReport
from napari_latentdyn.core.runfolder.track_sentences import (
    compared_sentence,
    contradiction_sentence,
    held_back_sentence,
)
from napari_latentdyn.equations import DEFAULT, EQUATIONS

__all__ = [
    "MotionEvidence",
    "agreement_note",
    "agreement_sentence",
    "doubts",
    "equation_sentence",
    "gains",
    "hidden_sentence",
    "motion_sentence",
    "weakest",
]

#: Largest ratio of the errors with and without motion that confirms motion for many places, and
#: the reduction of this limit for few: chosen on generated scenes and on noise (see the page on
#: the method).
_LARGEST_RATIO, _FEW = 0.92, 1.2


@dataclass(frozen=True)
class MotionEvidence:
    """Prediction of image blocks that were hidden from the matching.

    `with_motion` and `without_motion` are root mean square errors as a part of the intensity
    range, of the best member and of no motion; `places` is the number of places compared.
    """

    with_motion: float
    without_motion: float
    places: float

    @property
    def ratio(self) -> float | None:
        """Error with motion over that without; None where nothing can be compared."""
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

    def to_report(self) -> EvidenceReport:
        """Return the figures for a report."""
        known = (self.with_motion, self.without_motion)
        errors = [value if math.isfinite(value) else None for value in known]
        return EvidenceReport(
            with_motion=errors[0],
            without_motion=errors[1],
            ratio=self.ratio,
            places=self.places,
            found=self.is_found,
        )


def weakest(found: Sequence[MotionEvidence | None]) -> EvidenceReport | None:
    """Return the report of the interval where motion is least clear; None if there is none."""
    known = [evidence for evidence in found if evidence is not None]
    if not known:
        return None
    # Without a ratio nothing can be compared.
    worst = max(known, key=lambda one: (not one.is_found, one.ratio or math.inf))
    doubtful = [number for number, one in enumerate(found, 1) if one and not one.is_found]
    update = {"intervals": len(found), "doubtful": doubtful if len(found) > 1 else []}
    return worst.to_report().model_copy(update=update)


def motion_sentence(report: RunReport) -> str:
    """Return a sentence if no motion was found, else ``""``."""
    evidence = report.motion_evidence
    if evidence is None or (evidence.found and not evidence.doubtful):
        return ""
    where, there = "", ""
    if evidence.intervals > 1 and evidence.doubtful:
        first, others = evidence.doubtful[0], len(evidence.doubtful) - 1
        where, there = f" between images {first} and {first + 1}", " there"
        if others:
            where += f" and in {others} more of {evidence.intervals} intervals"
    if evidence.ratio is None or evidence.with_motion is None or evidence.without_motion is None:
        return (
            f"No motion could be confirmed{where}: the images have too few places to compare. Do "
            f"not trust the arrows{there}."
        )
    return (
        f"No motion could be confirmed{where}: hidden blocks of the images are predicted hardly "
        f"better with motion (error {_percent(evidence.with_motion)} of the intensity range) than "
        f"without ({_percent(evidence.without_motion)}). Do not trust the arrows{there}."
    )


def agreement_note(before: float | None, now: float | None) -> str:
    """Describe the gain by a training that still runs, ``""`` where nothing was measured."""
    if before is None or now is None:
        return ""
    return f"motion explains {_percent(now)} ({_percent(before)} before training)"


def agreement_sentence(report: RunReport) -> str:
    """Describe the gain by training; ``""`` where nothing was trained or measured."""
    agreement = report.agreement
    if agreement is None or agreement.before is None or agreement.after is None:
        return ""
    where = "blocks hidden from training" if agreement.hidden else "blocks of the image"
    return (
        f"In {where}, motion explains {_percent(agreement.after)} of the difference between the "
        f"images; before training it was {_percent(agreement.before)}."
    )


def hidden_sentence(report: RunReport) -> str:
    """Describe the gain by learning from hidden images; ``""`` where none were hidden."""
    hidden = report.hidden
    if hidden is None:
        return ""
    which = "An image" if hidden.images == 1 else f"{hidden.images} images"
    was = "was" if hidden.images == 1 else "were"
    found = (
        f"{which} of the series {was} hidden and predicted from the neighbours: the error was "
        f"{100 * hidden.before:.2f} % of the intensity range"
    )
    if hidden.kept:
        return f"{found}, and {100 * hidden.after:.2f} % with a correction learned from others."
    return f"{found}. A correction did not reduce it, so that none is used."


def gains(report: RunReport) -> list[str]:
    """Return the sentences about training, the equation, hidden images and known tracks."""
    told = (
        agreement_sentence,
        equation_sentence,
        hidden_sentence,
        compared_sentence,
        held_back_sentence,
    )
    every = (sentence(report) for sentence in told)
    return [sentence for sentence in every if sentence]


def doubts(report: RunReport) -> list[str]:
    """Return the sentences that warn: of no motion, of tracks that disagree, of unused settings."""
    every = (sentence(report) for sentence in (motion_sentence, contradiction_sentence))
    return [sentence for sentence in every if sentence] + (report.unused or [])


def equation_sentence(report: RunReport) -> str:
    """Describe how the equation was chosen, and its diffusivity; ``""`` if there is neither."""
    found = report.equation
    if found is None:
        return ""
    values = [one[0] for one in found.coefficients.get("diffusivity", []) if one]
    range_ = f"{min(values):.3g}" if values else ""
    if values and max(values) > min(values):
        range_ = f"between {range_} and {max(values):.3g}"
    numbers = f"The diffusivity is {range_} pixels^2 per interval." if values else ""
    return f"{_choice(found)} {numbers}".strip()


def _choice(found: EquationReport) -> str:
    if found.by is None or found.other is None:
        return ""
    name, other = _title(found.name), _title(found.other)
    if not found.matters:
        return (
            f"The equation is {name}. The choice does not matter: with {other}, frames half way "
            f"differ by {100 * (found.difference or 0.0):.2f} % of the intensity range."
        )
    if found.name not in found.errors and found.share is not None:
        return (
            f"The equation is {name}: {100 * found.share:.0f} % of the change between the images "
            "lies in a few places, each of which spreads from one side or from its centre."
        )
    hidden = "hidden blocks of the last image" if found.by == "blocks" else "hidden images"
    own, others = (found.errors.get(key, 0.0) for key in (found.name, found.other))
    kept = ", which is not clearly smaller" if found.name == DEFAULT and others < own else ""
    return (
        f"The equation is {name}, which predicts {hidden} with an error of {100 * own:.2f} % of "
        f"the intensity range. With {other}, the error is {100 * others:.2f} %{kept}."
    )


def _title(name: str) -> str:
    return EQUATIONS[name].title if name in EQUATIONS else name


def _percent(part: float) -> str:
    # A motion worse than none explains nothing.
    return f"{100 * max(part, 0.0):.1f} %"
