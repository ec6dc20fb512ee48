"""Tracers that the user places, and their paths along the motion."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.viewer.explore import tracers as making
from napari_latentdyn.viewer.layers import find_layer
from napari_latentdyn.viewer.timeline import timeline_of
from napari_latentdyn.widgets.background import JobQueue
from napari_latentdyn.widgets.explore.view import ExploreView

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["Tracers"]


class Tracers:
    """Manages the layer of tracers and their paths."""

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
        self.dynamics: Dynamics | None = None

    def place(self) -> Any:
        """Add a layer in which the user places tracers, and return the layer."""
        if self.dynamics is None:
            return None
        layer = self._layer()
        if layer is None:
            layer = self._add(np.zeros((0, 2)))
        layer.visible = True
        self._viewer.layers.selection.active = layer
        layer.mode = "add"
        self._view.show_status("Click in the image to place tracers, then press Carry.")
        return layer

    def place_grid(self) -> None:
        """Replace the tracers by a grid."""
        if self.dynamics is None:
            return
        points = making.start_points(self.dynamics.shape, self._view.options().tracers.spacing)
        layer = self._layer()
        if layer is None:
            layer = self._add(points)
        else:
            layer.data = points
        layer.visible = True
        layer.mode = "select"
        self._view.show_status(f"{len(points)} tracers placed; press Carry.")

    def carry(self) -> None:
        """Compute and show the paths of the tracers."""
        dynamics, layer = self.dynamics, self._layer()
        if dynamics is None:
            return
        if layer is None or not len(layer.data):
            self._view.show_status(
                "There are no tracers yet. Press Place points and click in the image, or press "
                "Place grid.",
                error=True,
            )
            return
        points = np.array(layer.data, dtype=np.float64)
        start = self._start()

        def show(outcome: Any) -> None:
            made, lost = outcome
            if made is None:
                self._view.show_status(
                    "All tracers are outside the image: place them inside.", error=True
                )
                return
            layer.mode = "select"
            # The points do not move with the tracks.
            layer.visible = False
            self._show([made, making.head_layer(dynamics, made)])
            carried = len(np.unique(made[0][:, 0]))
            outside = len(points) - carried
            lost -= outside
            text = f"{carried} tracer{'s' * (carried != 1)} carried."
            if lost:
                text += f" {lost} of them {'leaves or enters' if lost == 1 else 'leave or enter'}"
                text += " the image."
            if outside:
                has = "has" if outside == 1 else "have"
                text += f" {outside} outside the image {has} no path."
            self._view.show_status(f"{text} Move the time slider to play them.")

        self._queue.run(
            "tracers",
            "Carrying the tracers",
            lambda _: making.tracer_layer(dynamics, points, start),
            show,
        )

    def renew(self) -> None:
        """Update the paths, if shown, after a change of times or options."""
        shown = self.dynamics is not None and find_layer(
            self._viewer, self.dynamics.run_id, "tracers"
        )
        if shown:
            self.carry()

    def _layer(self) -> Any:
        if self.dynamics is None:
            return None
        return find_layer(self._viewer, self.dynamics.run_id, "tracer_points")

    def _add(self, points: Any) -> Any:
        from napari.layers import Layer

        assert self.dynamics is not None
        layer = Layer.create(*making.points_layer(self.dynamics, points))
        self._viewer.add_layer(layer)
        return layer

    def _start(self) -> float:
        assert self.dynamics is not None
        chosen = self._view.options().tracers.start
        if chosen != "slider":
            return float(self.dynamics.observation_times[0 if chosen == "first" else -1])
        return timeline_of(self.dynamics).time_at(self._viewer.dims.point)
