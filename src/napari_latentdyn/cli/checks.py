"""What is odd about two image files: refused, or said on standard error."""

from __future__ import annotations

from napari_latentdyn.core.geometry.checks import (
    Described,
    check_grids,
    place_oddities,
    value_oddities,
)
from napari_latentdyn.core.observations.images import ImageFile
from napari_latentdyn.core.observations.pair import ImagePair

__all__ = ["check_files", "oddities"]


def check_files(first: ImageFile, last: ImageFile) -> None:
    """Check that two files can be a pair, before their values are looked at.

    Raises
    ------
    PairError
        If the sizes of their pixels differ.
    """
    check_grids(_described(first), _described(last))


def oddities(pair: ImagePair, first: ImageFile, last: ImageFile) -> list[str]:
    """Return a sentence for everything that may not be meant as it is."""
    a, b = _described(first), _described(last)
    found = list(dict.fromkeys((*a.notes, *b.notes)))
    found += value_oddities(pair, (a.name, b.name), (first.array, last.array))
    return found + place_oddities(a, b)


def _described(image: ImageFile) -> Described:
    return Described(image.name, image.geometry, image.coordinates, image.notes)
