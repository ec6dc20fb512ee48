"""Sentences on inputs and settings that have no part in a fit."""

from __future__ import annotations

from napari_latentdyn.core.knowledge.knowledge import Knowledge
from napari_latentdyn.core.runfolder.track_sentences import NO_PART
from napari_latentdyn.core.training.known_tracks import uses_tracks
from napari_latentdyn.equations import AUTO, EQUATIONS
from napari_latentdyn.equations.sparse_source import SparseSource
from napari_latentdyn.settings import Settings, iter_fields

__all__ = ["unused", "unused_by_equation"]


def unused(known: Knowledge, settings: Settings) -> list[str]:
    """Return a sentence on everything that has no part in a fit, before it begins."""
    found = unused_by_equation(known, settings)
    if known.tracks is not None and not uses_tracks(settings):
        found.append(f"{NO_PART} (model.initial_fields); they are compared with it.")
    return found


def unused_by_equation(known: Knowledge, settings: Settings) -> list[str]:
    """Return a sentence on sources and on each given coefficient that the equation does not have.

    An equation that is still to be chosen may have all of them.
    """
    name = settings.physics.equation
    if name == AUTO:
        return []
    found = []
    if known.regions.source is not None and name != SparseSource.name:
        found.append(_said("Sources have", "they act", name, SparseSource.name))
    for setting, info in iter_fields():
        group, _, constant = setting.partition(".")
        takers = [key for key, one in EQUATIONS.items() if constant in one.constants]
        if group == "physics" and takers and name not in takers:
            title = f"The {str(info.title).lower()}"
            if settings.get(setting) is not None:
                found.append(_said(f"{title} has", "it acts", name, takers[0]))
    return found


def _said(what: str, acts: str, name: str, taker: str) -> str:
    return (
        f"{what} no part in the result, because the equation is {EQUATIONS[name].title}; {acts} "
        f"with {EQUATIONS[taker].title} alone (physics.equation: {taker})."
    )
