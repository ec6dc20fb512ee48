"""Warnings about the images chosen."""

from __future__ import annotations

import html
import weakref
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from napari_latentdyn.core.geometry.checks import Described
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.viewer.layer_geometry import coordinates_of_layer, geometry_of_layer
from napari_latentdyn.widgets.labels import WrappingLabel
from napari_latentdyn.widgets.palette import DARK, Palette

if TYPE_CHECKING:
    from napari.layers import Image

__all__ = ["NotesLabel", "PairNotes", "describe_layer"]

#: Coordinates from the file of a layer, by layer, with path and shape.
_COORDINATES: weakref.WeakKeyDictionary[Any, tuple[Any, Geometry | None]] = (
    weakref.WeakKeyDictionary()
)


def describe_layer(layer: Image, index: Sequence[int] = ()) -> Described:
    """Return name, position and file coordinates of a frame of a layer."""
    file = (layer.source.path, tuple(layer.data.shape))
    if layer not in _COORDINATES or _COORDINATES[layer][0] != file:
        # Opening a file takes too long for each change of a setting.
        _COORDINATES[layer] = (file, coordinates_of_layer(layer))
    return Described(layer.name, geometry_of_layer(layer, index), _COORDINATES[layer][1])


class NotesLabel(WrappingLabel):
    """Shows warnings, and is hidden without."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("pair_notes")
        self.set_palette(DARK)
        self.say(())

    def say(self, sentences: Iterable[str]) -> None:
        """Show each sentence once, in its own line."""
        lines = [html.escape(text) for text in dict.fromkeys(sentences)]
        self.setText("<br>".join(lines))
        self.setVisible(bool(lines))

    def set_palette(self, palette: Palette) -> None:
        """Use the colours of another theme."""
        self.setStyleSheet(f"color: {palette.warning};")


class PairNotes:
    """Keeps the warnings about a pair: from its layers, and from the values of its pixels."""

    def __init__(self, label: NotesLabel) -> None:
        self._label = label
        self._key: Any = None
        self._known: tuple[str, ...] = ()
        self._found: tuple[str, ...] = ()

    @property
    def key(self) -> Any:
        """Key of the current choice."""
        return self._key

    def choose(self, key: Any, known: Iterable[str]) -> None:
        """Set the current choice; another choice drops the warnings from pixel values."""
        if key != self._key:
            self._key, self._found = key, ()
        self._known = tuple(known)
        self._label.say((*self._known, *self._found))

    def find(self, key: Any, found: Iterable[str]) -> None:
        """Add the warnings from pixel values, unless the choice has changed."""
        if key == self._key:
            self._found = tuple(found)
            self._label.say((*self._known, *self._found))
