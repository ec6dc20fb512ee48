"""The live preview: an image layer that is updated during training."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.viewer.snapshot import is_rgb

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_latentdyn.core.geometry.geometry import Geometry

__all__ = ["Preview"]


class Preview:
    """Shows frames of a running training in a layer aligned with the inputs.

    If the user deletes the layer, it stays deleted during this run.
    """

    NAME = "live preview"
    INTERVAL = 0.4  # seconds between two updates, which make napari slice and draw

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._layer: Image | None = None
        self._look: dict[str, Any] = {}
        self._range: tuple[float, float] | None = None
        self._unwanted = True
        self._shown = 0.0

    @property
    def layer(self) -> Image | None:
        """The layer, if it exists."""
        return self._layer if self._layer in self._viewer.layers else None

    def begin(self, source: Image, array: NDArray[Any], placement: Geometry) -> None:
        """Prepare for a run with the appearance of the first image, its pixels and position."""
        from napari.layers import Image

        self.end()
        self._unwanted = False
        self._shown = 0.0
        self._look = placement.layer_kwargs()
        if is_rgb(source):
            # napari shows float colours in [0, 1].
            top = float(np.iinfo(array.dtype).max) if array.dtype.kind in "ui" else 1.0
            self._range = (0.0, top)
        else:
            self._range = None
        if isinstance(source, Image) and not source.rgb:
            self._look |= {
                "colormap": source.colormap,
                "contrast_limits": tuple(source.contrast_limits),
                "gamma": source.gamma,
            }

    def show(self, frame: NDArray[np.float32]) -> None:
        """Show a frame, (H, W) or (C, H, W), at most once per `INTERVAL`."""
        now = time.monotonic()
        if self._unwanted or now - self._shown < self.INTERVAL:
            return
        self._shown = now
        rgb = frame.ndim == 3 and frame.shape[0] in (3, 4) and self._range is not None
        if rgb:
            assert self._range is not None
            frame = np.clip(np.moveaxis(frame, 0, -1) / self._range[1], 0, 1)
        elif frame.ndim == 3:
            frame = frame.mean(axis=0)
        if self._layer is not None and self._layer not in self._viewer.layers:
            self._layer, self._unwanted = None, True
            return
        if self._layer is None:
            self._add(frame, rgb)
        else:
            self._layer.data = frame

    def hide(self) -> None:
        """Remove the layer until the next frame."""
        # Removing the layer emits events that may call this method again.
        layer, self._layer = self._layer, None
        if layer is None:
            return
        if layer in self._viewer.layers:
            self._viewer.layers.remove(layer)
        else:
            self._unwanted = True

    def end(self) -> None:
        """Remove the layer until the next run."""
        self.hide()
        self._unwanted = True
        self._look = {}

    def _add(self, frame: NDArray[np.float32], rgb: bool) -> None:
        selected = self._viewer.layers.selection.active
        self._layer = self._viewer.add_image(
            frame,
            name=self.NAME,
            rgb=rgb,
            metadata={"latentdyn": {"role": "preview"}},
            **self._look,
        )
        # Keep the selection of the user.
        if selected is not None and selected in self._viewer.layers:
            self._viewer.layers.selection.active = selected
