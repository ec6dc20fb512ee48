"""The live preview: one image layer, updated in place while training goes on."""

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
    """Shows frames of a running training in one layer, aligned with the inputs.

    A preview layer that the user deletes does not come back during that run.
    """

    NAME = "live preview"
    INTERVAL = 0.4  # seconds between two updates: each makes napari slice and draw again

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._layer: Image | None = None
        self._look: dict[str, Any] = {}
        self._range: tuple[float, float] | None = None
        self._unwanted = True
        self._shown = 0.0

    @property
    def layer(self) -> Image | None:
        """The layer, if it is there."""
        return self._layer if self._layer in self._viewer.layers else None

    def begin(self, source: Image, array: NDArray[Any], placement: Geometry) -> None:
        """Get ready for a run.

        Parameters
        ----------
        source : napari.layers.Image
            The first image: its colours are taken.
        array : ndarray
            Its pixels as they are trained on.
        placement : Geometry
            Where they lie.
        """
        from napari.layers import Image

        self.end()
        self._unwanted = False
        self._shown = 0.0
        self._look = placement.layer_kwargs()
        if is_rgb(source):
            # Colours are shown in [0, 1], whatever the input's units are.
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
        """Show a frame of shape (H, W) or (C, H, W), unless the last one is too recent."""
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
        """Take the layer away; the next frame brings it back."""
        # Removing it tells the window of a change, which can lead back to here.
        layer, self._layer = self._layer, None
        if layer is None:
            return
        if layer in self._viewer.layers:
            self._viewer.layers.remove(layer)
        else:
            self._unwanted = True

    def end(self) -> None:
        """Take the layer away until the next run."""
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
        # The user may be working on a layer: adding one must not take the selection away.
        if selected is not None and selected in self._viewer.layers:
            self._viewer.layers.selection.active = selected
