"""Lets results follow the time slider: what napari and vispy do anew at every step is spared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from napari_latentdyn.drawing.corners import keep_corners
from napari_latentdyn.drawing.meshes import keep_shader
from napari_latentdyn.drawing.rows import keep_rows
from napari_latentdyn.drawing.slicing import spare_slicing
from napari_latentdyn.drawing.textures import upload_together
from napari_latentdyn.drawing.thumbnails import REST_MS, draw_when_resting
from napari_latentdyn.reference import METADATA_KEY

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["REST_MS", "ease_slider"]


def ease_slider(viewer: ViewerModel) -> None:
    """Make the layers of results cheap to draw at another time.

    Where the processor draws, more than half of a step of the slider goes into
    what the step leaves as it was: the shader of arrows (`meshes`), the place
    and extent of every layer (`slicing`, `places`), its row in the list of layers (`rows`),
    the place of the canvas in the world (`corners`);
    into thumbnails, which can follow when the slider rests (`thumbnails`); and into waiting
    (`textures`).
    Private names of napari and vispy are looked for and not relied on: where
    one is missing, that layer is drawn as napari does. Layers that were eased
    before, those of the user, and viewers without a window are left as they are.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        The viewer.
    """
    from napari.layers import Image, Vectors

    window = getattr(getattr(viewer, "window", None), "_qt_viewer", None)
    visuals = getattr(getattr(window, "canvas", None), "layer_to_visual", None)
    if window is None or not isinstance(visuals, Mapping):
        return
    canvas = getattr(window.canvas, "_scene_canvas", None)
    keep_rows(window, viewer.layers)
    keep_corners(window.canvas)
    for layer in viewer.layers:
        ours = isinstance(layer.metadata.get(METADATA_KEY), Mapping)
        if not ours or not isinstance(layer, Image | Vectors):
            continue
        visual = visuals.get(layer)
        draw_when_resting(layer, window)
        spare_slicing(layer, visual)
        if isinstance(layer, Vectors):
            keep_shader(getattr(visual, "node", None))
        else:
            upload_together(canvas, getattr(visual, "node", None))
