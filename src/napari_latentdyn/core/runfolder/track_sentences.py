"""Sentences on tracks and landmarks beside the result. Needs no PyTorch."""

from __future__ import annotations

import math
from collections.abc import Sequence

from napari_latentdyn.core.runfolder.schema import RunReport
from napari_latentdyn.core.runfolder.schema_known import TrackReport

__all__ = [
    "NO_PART",
    "compared_sentence",
    "contradiction_sentence",
    "held_back_sentence",
    "track_sentences",
]

#: Number of tracks that a sentence names.
_NAMED = 3
#: Beginning of a sentence on tracks in a fit that does not match the images.
NO_PART = (
    "Tracks and landmarks have no part in the result, because these settings do not match the "
    "images"
)


def held_back_sentence(report: RunReport) -> str:
    """Describe the prediction of tracks that were held back; ``""`` where none were."""
    held = report.held_back
    if held is None:
        return ""
    what = _kinds(held.tracks, held.landmarks)
    some = f"A {what} was" if held.tracks == 1 else f"{held.tracks} {what} were"
    worst = ""
    if held.worst is not None:
        called = _called(held.worst)
        worst = f" The largest error is that of {called}, {held.worst.error or 0.0:.1f} pixels."
    return (
        f"{some} held back and predicted from the first position: the error was {held.error:.2f} "
        f"pixels, the stated uncertainty is {held.stated:.2f} pixels; "
        f"{100 * held.within:.0f} % of {held.positions} positions agree with it.{worst}"
    )


def compared_sentence(report: RunReport) -> str:
    """Tell how the other tracks agree with the result, and which are not compared; or ``""``."""
    if report.compared is None:
        return ""
    every, found = report.compared.tracks, []
    if not report.compared.takes_part:
        found.append(f"{NO_PART}.")
    good = [one for one in every if one.agrees]
    if good:
        agrees = "agrees" if len(good) == 1 else "agree"
        error, stated = (f"{_mean(good, name):.2f} pixels" for name in ("error", "stated"))
        found.append(
            f"{_part(good, every)} {agrees} with the result: the error is {error}, the stated "
            f"uncertainty {stated}{_allowance(good)}."
        )
    away = [one for one in every if one.lies == "outside"]
    if 0 < len(away) < len(every):
        found.append(_outside(away))
    hidden = [one for one in every if one.lies == "missing"]
    if hidden:
        lies, them = ("lies", "it") if len(hidden) == 1 else ("lie", "them")
        where = f"on missing pixels, where no image confirms {them}"
        found.append(f"{_counted(hidden)} {lies} {where}.")
    return " ".join(found)


def contradiction_sentence(report: RunReport) -> str:
    """Return sentences if tracks disagree with the result, or cannot be compared, else ``""``."""
    if report.compared is None:
        return ""
    every = report.compared.tracks
    if every and all(one.lies == "outside" for one in every):
        return f"{_outside(every)} Check the positions, and the order of y and x."
    bad = [one for one in every if one.agrees is False]
    if not bad:
        return ""
    worst = sorted(bad, key=lambda one: -(one.error or 0.0) / (one.stated or 1.0))
    named = [
        f"{_called(one)} by {one.error or 0.0:.1f} pixels for a stated uncertainty of "
        f"{one.stated or 0.0:.1f}"
        for one in worst[:_NAMED]
    ]
    others = f"; and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
    disagrees = "disagrees" if len(bad) == 1 else "disagree"
    remedy = "Check the positions, the order of y and x, and the uncertainties."
    if not report.compared.takes_part:
        remedy = "Choose a preset that matches the images, so that tracks have a part."
    return f"{_part(bad, every)} {disagrees} with the result: {'; '.join(named)}{others}. {remedy}"


def track_sentences(report: RunReport) -> list[str]:
    """Return all sentences on tracks and landmarks."""
    told = (compared_sentence, contradiction_sentence, held_back_sentence)
    every = (sentence(report) for sentence in told)
    return [sentence for sentence in every if sentence]


def _outside(away: Sequence[TrackReport]) -> str:
    lies, what = ("lies", "is") if len(away) == 1 else ("lie", "are")
    named = ", ".join(_called(one) for one in away[:_NAMED])
    others = f" and {len(away) - _NAMED} more" if len(away) > _NAMED else ""
    return (
        f"{_counted(away)} {lies} outside of the images or of the region of interest, and {what} "
        f"not compared with the result: {named}{others}."
    )


def _called(one: TrackReport) -> str:
    y, x = one.place
    where = ", in a still region" if one.lies == "still" else ""
    return f"{'landmark' if one.landmark else 'track'} {one.name} at ({y:.1f}, {x:.1f}){where}"


def _counted(tracks: Sequence[TrackReport]) -> str:
    """Return the number of tracks and landmarks, such as "2 tracks and landmarks"."""
    return f"{len(tracks)} {_kinds(len(tracks), sum(one.landmark for one in tracks))}"


def _kinds(count: int, landmarks: int) -> str:
    """Return "tracks", "landmarks" or both, in the number of `count`, for so many landmarks."""
    plural = "s" if count > 1 else ""
    named = (("track", count - landmarks), ("landmark", landmarks))
    return " and ".join(name + plural for name, number in named if number)


def _part(some: Sequence[TrackReport], every: Sequence[TrackReport]) -> str:
    """Return "2 of 3 tracks", or "3 tracks" where these are all."""
    return _counted(every) if len(some) == len(every) else f"{len(some)} of {_counted(every)}"


def _allowance(good: Sequence[TrackReport]) -> str:
    """Return why errors beyond the stated uncertainty agree; ``""`` without such errors."""
    beyond = [one.allowed or 0.0 for one in good if (one.error or 0.0) > (one.stated or 0.0)]
    most = max(beyond, default=0.0)
    return f"; with that of matching, up to {most:.1f} pixels are allowed" if most else ""


def _mean(tracks: Sequence[TrackReport], name: str) -> float:
    """Return the root mean square of an error over the positions of tracks."""
    squares = [one.positions * getattr(one, name) ** 2 for one in tracks]
    return math.sqrt(sum(squares) / max(sum(one.positions for one in tracks), 1))
