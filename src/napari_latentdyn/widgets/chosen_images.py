"""The images that a run uses: layers and frames, checks and copies of them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_latentdyn.core.geometry.checks import place_oddities
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.reading import reading_notes
from napari_latentdyn.viewer.snapshot import Snapshot, frame_key, snapshot
from napari_latentdyn.widgets.facts import pair_problem
from napari_latentdyn.widgets.pair_notes import describe_layer

if TYPE_CHECKING:
    from napari.layers import Image

__all__ = ["ChosenImage", "ChosenImages"]


class ChosenImage(NamedTuple):
    """A layer, None if none is chosen, and the index of its frame along each leading axis."""

    layer: Image | None
    frame: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        """Key of the frame."""
        return "" if self.layer is None else frame_key(str(self.layer.unique_id), self.frame)


class ChosenImages(tuple[ChosenImage, ...]):
    """The images of a run in order: the first, those in between, and the last."""

    __slots__ = ()

    @property
    def layers(self) -> list[Image]:
        """The layers, each once."""
        return list(dict.fromkeys(image.layer for image in self if image.layer is not None))

    @property
    def complete(self) -> bool:
        """Whether the first and the last image are chosen."""
        return all(image.layer is not None for image in self)

    @property
    def keys(self) -> tuple[str, ...] | None:
        """Keys of the images, None if one is missing."""
        return tuple(image.key for image in self) if self.complete else None

    @property
    def pixels(self) -> tuple[Any, ...]:
        """A key that changes with the images and with their data."""
        return (self.keys, *(None if layer is None else id(layer.data) for layer, _ in self))

    def problem(self, settings: Settings) -> str:
        """Return a sentence on why the images cannot be used together, or ``""``."""
        problems = (
            pair_problem(first.layer, last.layer, settings, (first.frame, last.frame))
            for first, last in pairwise(self)
        )
        return next(filter(None, problems), "")

    def notes(self) -> list[str]:
        """Return warnings about the images that need no pixels."""
        from napari.layers import Labels

        if not self.complete:
            return []
        labels = [
            f"“{layer.name}” is a labels layer: its numbers are used as intensities."
            for layer in self.layers
            if isinstance(layer, Labels)
        ]
        told = [describe_layer(layer, index) for layer, index in self if layer is not None]
        return labels + reading_notes(self.layers) + place_oddities(*told)

    def snapshots(self) -> tuple[Snapshot, ...]:
        """Copy the images, which must be complete."""
        return tuple(snapshot(layer, index=index) for layer, index in self if layer is not None)
