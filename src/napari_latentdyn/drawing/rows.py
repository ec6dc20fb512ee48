"""Rows of the list of layers that are drawn when they change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from napari_latentdyn.reference import METADATA_KEY

__all__ = ["keep_rows"]

#: Events of a layer that change nothing of its row: a new thumbnail has one of its own.
_NOT_IN_ROWS = ("set_data", "highlight")


def keep_rows(window: Any, layers: Sequence[Any]) -> None:
    """Let the list of layers draw a result's row anew for what the row shows alone.

    napari draws it after every event of a layer, and with it Qt takes almost
    the whole window to the screen again.

    Parameters
    ----------
    window : QWidget
        The window of napari; one without such a list is left as it is.
    layers : LayerList
        Its layers.
    """
    try:
        model = window.layers.model().sourceModel()
    except AttributeError:
        return
    known = getattr(model, "_process_event", None)
    if known is not None and not isinstance(known, _OfRows):
        # napari looks the method up by its name whenever an event comes.
        model._process_event = _OfRows(known, layers)  # noqa: SLF001


class _OfRows:
    """Hears events but those of our layers that rows do not show."""

    def __init__(self, process: Any, layers: Sequence[Any]) -> None:
        self._process = process
        self._layers = layers

    def __call__(self, event: Any) -> None:
        if getattr(event, "type", None) in _NOT_IN_ROWS:
            # The list of layers passes events on as its own, with the index of the layer.
            index = getattr(event, "index", None)
            if isinstance(index, int) and 0 <= index < len(self._layers):
                metadata = self._layers[index].metadata
                if isinstance(metadata.get(METADATA_KEY), Mapping):
                    return
        self._process(event)
