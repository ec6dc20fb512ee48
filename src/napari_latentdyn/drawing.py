"""Lets arrows follow the time slider: what napari and vispy do anew at every step is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_latentdyn.reference import METADATA_KEY

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["ease_slider"]

#: Arrows in the thumbnail, which napari draws one by one at every step.
_IN_THUMBNAIL = 24


def ease_slider(viewer: ViewerModel) -> None:
    """Make the arrows of results cheap to draw at another time.

    A mesh of vispy builds an equal function for its colours whenever its data
    change, and so has its shader compiled anew: a quarter of a step of the
    slider where the processor draws. Here a mesh keeps its function. Layers
    that were eased before, and viewers without a window, are left as they are.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        The viewer.
    """
    from napari.layers import Vectors

    visuals = _visuals(viewer)
    for layer in viewer.layers:
        if not isinstance(layer, Vectors) or not isinstance(
            layer.metadata.get(METADATA_KEY), Mapping
        ):
            continue
        layer._max_vectors_thumbnail = _IN_THUMBNAIL  # noqa: SLF001
        node: Any = getattr(visuals.get(layer), "node", None)
        build = getattr(node, "_build_color_transform", None)
        if build is not None and not isinstance(build, _Kept):
            # Nodes of vispy refuse new attributes otherwise.
            node.unfreeze()
            node._build_color_transform = _Kept(build)  # noqa: SLF001
            node.freeze()


def _visuals(viewer: ViewerModel) -> Mapping[Any, Any]:
    """Return what draws each layer, by layer; nothing where there is no window."""
    window = getattr(getattr(viewer, "window", None), "_qt_viewer", None)
    visuals = getattr(getattr(window, "canvas", None), "layer_to_visual", None)
    return visuals if isinstance(visuals, Mapping) else {}


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
