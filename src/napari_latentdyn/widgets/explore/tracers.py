"""Points that the user places, and their paths along the motion."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_latentdyn.viewer.explore import tracers as making
from napari_latentdyn.viewer.explore.subject import Subject
from napari_latentdyn.viewer.layers import find_layer
from napari_latentdyn.widgets.background import JobQueue
from napari_latentdyn.widgets.explore.view import ExploreView

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["Tracers"]


class Tracers:
    """Keeps a layer of points, and carries them.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the points are placed.
    view : ExploreView
        What the user chose.
    queue : JobQueue
        Computes in the background.
    show : callable
        Shows layers.
    """

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
        self.subject: Subject | None = None

    def place(self) -> Any:
        """Let the user place points by clicks; return their layer."""
        if self.subject is None:
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
        """Place points on a grid in the place of those that are there."""
        if self.subject is None:
            return
        points = making.start_points(self.subject.shape, self._view.options().tracers.spacing)
        layer = self._layer()
        if layer is None:
            layer = self._add(points)
        else:
            layer.data = points
        layer.visible = True
        layer.mode = "select"
        self._view.show_status(f"{len(points)} tracers placed; press Carry.")

    def carry(self) -> None:
        """Follow the points, and show their ways."""
        subject, layer = self.subject, self._layer()
        if subject is None:
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
                    "All tracers lie outside of the image: place them on it.", error=True
                )
                return
            layer.mode = "select"
            # They stay where they were placed, while the tracks go on.
            layer.visible = False
            self._show([made, making.head_layer(subject, made)])
            carried = len(np.unique(made[0][:, 0]))
            outside = len(points) - carried
            lost -= outside
            text = f"{carried} tracer{'s' * (carried != 1)} carried."
            if lost:
                text += f" {lost} of them {'leaves or enters' if lost == 1 else 'leave or enter'}"
                text += " the image."
            if outside:
                has = "has" if outside == 1 else "have"
                text += f" {outside} outside of the image {has} no path."
            self._view.show_status(f"{text} Move the time slider to play them.")

        self._queue.run(
            "tracers",
            "Carrying the tracers",
            lambda _: making.tracer_layer(subject, points, start),
            show,
        )

    def renew(self) -> None:
        """Carry again what was carried, as the times or the options have changed."""
        shown = self.subject is not None and find_layer(
            self._viewer, self.subject.run_id, "tracers"
        )
        if shown:
            self.carry()

    def _layer(self) -> Any:
        if self.subject is None:
            return None
        return find_layer(self._viewer, self.subject.run_id, "tracer_points")

    def _add(self, points: Any) -> Any:
        from napari.layers import Layer

        assert self.subject is not None
        layer = Layer.create(*making.points_layer(self.subject, points))
        self._viewer.add_layer(layer)
        return layer

    def _start(self) -> float:
        assert self.subject is not None
        chosen = self._view.options().tracers.start
        if chosen != "slider":
            return 0.0 if chosen == "first" else 1.0
        return self.subject.time_at(self._viewer.dims.point)
