"""Thumbnails that follow when the slider rests."""

from __future__ import annotations

import weakref
from typing import Any

__all__ = ["REST_MS", "draw_when_resting"]

#: How long a slider rests before thumbnails follow.
REST_MS = 250
#: Arrows in the thumbnail, which napari draws one by one.
_IN_THUMBNAIL = 24


def draw_when_resting(layer: Any, window: Any) -> None:
    """Put the thumbnail of a layer off until it was not asked for during `REST_MS`.

    Parameters
    ----------
    layer : napari.layers.Layer
        The layer.
    window : QWidget
        The window that has its thumbnail.
    """
    if not isinstance(vars(layer).get("_update_thumbnail"), _WhenResting):
        vars(layer)["_update_thumbnail"] = _WhenResting(layer, window)
    if hasattr(layer, "_max_vectors_thumbnail"):
        layer._max_vectors_thumbnail = _IN_THUMBNAIL  # noqa: SLF001


class _WhenResting:
    """Draws the thumbnail of a layer as soon as it was not asked for during a pause."""

    def __init__(self, layer: Any, window: Any) -> None:
        from qtpy.QtCore import QTimer

        # Neither the window nor its timer keeps a layer that was removed.
        self._layer = weakref.ref(layer)
        # The timer goes with the window; nothing is drawn after it.
        self._timer = QTimer(window)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REST_MS)
        self._timer.timeout.connect(self._draw)

    def __call__(self) -> None:
        try:
            self._timer.start()
        except RuntimeError:
            # Qt deleted it with the window; layers outlive that.
            return

    def _draw(self) -> None:
        layer = self._layer()
        if layer is not None:
            type(layer)._update_thumbnail(layer)  # noqa: SLF001
