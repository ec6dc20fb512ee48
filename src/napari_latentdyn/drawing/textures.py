"""Images that go to the graphics together."""

from __future__ import annotations

import weakref
from typing import Any

__all__ = ["upload_together"]

_NEEDS = ("_need_interpolation_update", "_need_texture_upload", "_need_colortransform_update")


def upload_together(canvas: Any, node: Any) -> None:
    """Upload a new image before any layer is drawn.

    vispy uploads the image of a layer right before it draws the layer. Where the
    processor draws, the upload waits until all layers below are on the canvas,
    tile by tile, and their tiles are then fetched again.

    Parameters
    ----------
    canvas : vispy.scene.SceneCanvas
        The canvas.
    node : vispy.scene.visuals.Image
        What draws the layer; another kind of node is left as it is.
    """
    if not all(hasattr(node, name) for name in (*_NEEDS, "_build_texture")):
        return
    draw = getattr(getattr(canvas, "events", None), "draw", None)
    if draw is None:
        return
    if canvas not in _UPLOADS:
        _UPLOADS[canvas] = _Uploads()
        draw.connect(_UPLOADS[canvas].upload, position="first")
    _UPLOADS[canvas].nodes.add(node)


class _Uploads:
    """The images of one canvas."""

    def __init__(self) -> None:
        self.nodes: weakref.WeakSet[Any] = weakref.WeakSet()

    def upload(self, _: Any = None) -> None:
        """Upload those that are new."""
        for node in self.nodes:
            interpolation, texture, colours = (getattr(node, need) for need in _NEEDS)
            # What else is new about a layer is found out in vispy's own order.
            if node.visible and texture and not (interpolation or colours):
                node._build_texture()  # noqa: SLF001


# vispy keeps no callback alive.
_UPLOADS: weakref.WeakKeyDictionary[Any, _Uploads] = weakref.WeakKeyDictionary()
