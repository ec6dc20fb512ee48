"""Lets results follow the time slider: what napari and vispy do anew at every step is put off."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_latentdyn.reference import METADATA_KEY

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["REST_MS", "ease_slider"]

#: How long a slider rests before thumbnails follow.
REST_MS = 250
#: Arrows in the thumbnail, which napari draws one by one.
_IN_THUMBNAIL = 24


def ease_slider(viewer: ViewerModel) -> None:
    """Make the layers of results cheap to draw at another time.

    Where the processor draws, two things are four tenths of a step of the slider:
    vispy builds an equal colour function whenever the data of a mesh change,
    and so has the shader of arrows compiled anew; and napari draws a thumbnail
    of every layer, and the list of layers with them. Here a mesh keeps its
    function, and thumbnails follow when the slider rests. Layers that were
    eased before, those of the user, and viewers without a window are left as
    they are.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        The viewer.
    """
    from napari.layers import Image, Vectors

    window = getattr(getattr(viewer, "window", None), "_qt_viewer", None)
    visuals = getattr(getattr(window, "canvas", None), "layer_to_visual", None)
    if not isinstance(visuals, Mapping):
        return
    for layer in viewer.layers:
        ours = isinstance(layer.metadata.get(METADATA_KEY), Mapping)
        if not ours or not isinstance(layer, Image | Vectors):
            continue
        if not isinstance(vars(layer).get("_update_thumbnail"), _WhenResting):
            vars(layer)["_update_thumbnail"] = _WhenResting(layer, window)
        if isinstance(layer, Vectors):
            layer._max_vectors_thumbnail = _IN_THUMBNAIL  # noqa: SLF001
            _keep_shader(getattr(visuals.get(layer), "node", None))


def _keep_shader(node: Any) -> None:
    build = getattr(node, "_build_color_transform", None)
    if build is None or isinstance(build, _Kept):
        return
    # Nodes of vispy refuse new attributes otherwise.
    node.unfreeze()
    node._build_color_transform = _Kept(build)  # noqa: SLF001
    node.freeze()


class _Kept:
    """What a method of a mesh returned for colours of the same number of axes and channels."""

    def __init__(self, build: Any) -> None:
        self._build = build
        self._made: dict[tuple[int, int], Any] = {}

    def __call__(self, colors: Any) -> Any:
        if colors.shape[-1] == 1:
            # Values with a colour map, whose limits may have changed.
            return self._build(colors)
        key = (colors.ndim, colors.shape[-1])
        if key not in self._made:
            self._made[key] = self._build(colors)
        return self._made[key]


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
