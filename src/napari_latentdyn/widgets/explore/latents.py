"""The channels of the latent state in a grid."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.viewer.explore import layers as making
from napari_latentdyn.viewer.layers import METADATA_KEY, mark_of
from napari_latentdyn.widgets.background import JobQueue
from napari_latentdyn.widgets.explore.view import ExploreView

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_latentdyn.viewer.context import LayerTuple
    from napari_latentdyn.widgets.background import BackgroundJob

__all__ = ["Latents"]

_BACK = "Back to the frames"


class Latents:
    """Shows the latent channels in a grid, and restores the viewer afterwards."""

    def __init__(
        self,
        viewer: Viewer,
        view: ExploreView,
        queue: JobQueue,
        show: Callable[..., None],
    ) -> None:
        self._viewer = viewer
        self._view = view
        self._queue = queue
        self._show = show
        self._button = view.buttons["show_latents"]
        self._text = self._button.text()
        self._grid: tuple[bool, int, tuple[int, int]] = (False, 1, (-1, -1))
        self._visible: weakref.WeakKeyDictionary[Any, bool] | None = None
        self.dynamics: Dynamics | None = None

    def toggle(self) -> None:
        """Show the channels, or return to the earlier layers."""
        dynamics = self.dynamics
        if self._visible is not None:
            self.leave()
        elif dynamics is not None:
            self._queue.run(
                "latents",
                "Computing latent states",
                partial(_draw, dynamics),
                self._enter,
            )

    def leave(self) -> None:
        """Return to the earlier layers, if the channels are shown."""
        if self._visible is None:
            return
        before, self._visible = self._visible, None
        self._button.setText(self._text)
        grid = self._viewer.canvas.grid
        grid.enabled, grid.stride, grid.shape = self._grid
        for layer in self._viewer.layers:
            layer.visible = before.get(layer, layer.visible and not _is_channel(layer))
        self._viewer.reset_view()
        self._view.show_status("Your layers are visible again.")

    def drop(self) -> None:
        """Remove the channels, whose times differ from those of the next frames."""
        self.leave()
        run_id = None if self.dynamics is None else self.dynamics.run_id
        for layer in [layer for layer in self._viewer.layers if _is_channel(layer)]:
            if mark_of(layer).get("run_id") == run_id:
                self._viewer.layers.remove(layer)

    def follow(self) -> None:
        """Return to the earlier layers if the user deleted the channels."""
        if self._visible is not None and not any(map(_is_channel, self._viewer.layers)):
            self.leave()

    def _enter(self, layers: list[LayerTuple]) -> None:
        there = [(layer, layer.visible) for layer in self._viewer.layers if not _is_channel(layer)]
        self._show(layers)
        roles = {meta["metadata"][METADATA_KEY]["role"] for _, meta, _ in layers}
        run_id = layers[0][1]["metadata"][METADATA_KEY]["run_id"]
        for layer in self._viewer.layers:
            mark = mark_of(layer)
            layer.visible = mark.get("run_id") == run_id and mark.get("role") in roles
        self._visible = weakref.WeakKeyDictionary(there)
        self._button.setText(_BACK)
        grid = self._viewer.canvas.grid
        self._grid = (grid.enabled, grid.stride, grid.shape)
        grid.enabled, grid.stride, grid.shape = True, 1, (-1, -1)
        self._viewer.reset_view()
        self._view.show_status(f'{len(layers)} channels side by side. Press "{_BACK}" to return.')


def _draw(dynamics: Dynamics, job: BackgroundJob) -> list[LayerTuple]:
    return making.latent_layers(dynamics, dynamics.latents(should_stop=job.cancelled.is_set))


def _is_channel(layer: Any) -> bool:
    return str(mark_of(layer).get("role")).startswith("latent_")
