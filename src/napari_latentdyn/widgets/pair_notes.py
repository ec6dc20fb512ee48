"""Sentences on the pair that is chosen, shown until the choice changes."""

from __future__ import annotations

import html
import weakref
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QWidget

from napari_latentdyn.core.geometry.checks import Described
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.viewer.layer_geometry import coordinates_of_layer, geometry_of_layer
from napari_latentdyn.widgets.labels import WrappingLabel
from napari_latentdyn.widgets.palette import DARK, Palette

if TYPE_CHECKING:
    from napari.layers import Image

__all__ = ["NotesLabel", "PairNotes", "describe_layer"]

#: The coordinates that were read from the file of a layer, and of which file and shape.
_COORDINATES: weakref.WeakKeyDictionary[Any, tuple[Any, Geometry | None]] = (
    weakref.WeakKeyDictionary()
)


def describe_layer(layer: Image, index: Sequence[int] = ()) -> Described:
    """Return what is known of a frame of a layer without looking at its pixels."""
    file = (layer.source.path, tuple(layer.data.shape))
    if layer not in _COORDINATES or _COORDINATES[layer][0] != file:
        # To open a file takes too long to do it at every change of a setting.
        _COORDINATES[layer] = (file, coordinates_of_layer(layer))
    return Described(layer.name, geometry_of_layer(layer, index), _COORDINATES[layer][1])


class NotesLabel(WrappingLabel):
    """Shows sentences in the colour of a warning, and nothing if there is none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("pair_notes")
        self.set_palette(DARK)
        self.say(())

    def say(self, sentences: Iterable[str]) -> None:
        """Show sentences, each once, in a line of its own."""
        lines = [html.escape(text) for text in dict.fromkeys(sentences)]
        self.setText("<br>".join(lines))
        self.setVisible(bool(lines))

    def set_palette(self, palette: Palette) -> None:
        """Take the colours of another theme."""
        self.setStyleSheet(f"color: {palette.warning};")


class PairNotes:
    """Keeps what is said of a pair: what can be known at once, and what its values showed.

    Parameters
    ----------
    label : NotesLabel
        Where it is shown.
    """

    def __init__(self, label: NotesLabel) -> None:
        self._label = label
        self._key: Any = None
        self._known: tuple[str, ...] = ()
        self._found: tuple[str, ...] = ()

    @property
    def key(self) -> Any:
        """What names the present choice."""
        return self._key

    def choose(self, key: Any, known: Iterable[str]) -> None:
        """Take the present choice; what was found in the values of another one goes."""
        if key != self._key:
            self._key, self._found = key, ()
        self._known = tuple(known)
        self._label.say((*self._known, *self._found))

    def find(self, key: Any, found: Iterable[str]) -> None:
        """Take what the values showed, unless the choice has become another one."""
        if key == self._key:
            self._found = tuple(found)
            self._label.say((*self._known, *self._found))
