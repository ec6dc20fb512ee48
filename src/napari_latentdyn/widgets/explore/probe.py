"""Values under the cursor, or along a drawn line, over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_latentdyn.core.dynamics.probes import at_points, line_points, profile
from napari_latentdyn.viewer.explore.subject import Subject
from napari_latentdyn.viewer.layers import METADATA_KEY, find_layer
from napari_latentdyn.widgets.explore.view import ExploreView

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["Probe"]


class Probe:
    """Brings values of frames and maps to the plot.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose cursor is followed.
    view : ExploreView
        Where the plot is.
    """

    def __init__(self, viewer: Viewer, view: ExploreView) -> None:
        self._viewer = viewer
        self._view = view
        self._line: Any = None
        self._asked = False
        self.subject: Subject | None = None
        view.profileChanged.connect(self._on_choice)

    def connect(self) -> None:
        """Begin to follow cursor and slider."""
        self._viewer.cursor.events.position.connect(self._on_cursor)
        self._viewer.dims.events.point.connect(self._on_time)

    def disconnect(self) -> None:
        """Follow them no more."""
        self._viewer.cursor.events.position.disconnect(self._on_cursor)
        self._viewer.dims.events.point.disconnect(self._on_time)
        self._let_go()

    def draw_line(self) -> Any:
        """Let the user draw a line; return its layer."""
        if self.subject is None:
            return None
        layer = find_layer(self._viewer, self.subject.run_id, "profile_line")
        if layer is None:
            from napari.layers import Shapes

            layer = Shapes(
                ndim=2,
                name=f"{self.subject.name} profile line",
                edge_color="#ffd400",
                edge_width=max(1.0, max(self.subject.shape) / 250),
                metadata={METADATA_KEY: {"run_id": self.subject.run_id, "role": "profile_line"}},
                **self.subject.placement.layer_kwargs(),
            )
            self._viewer.add_layer(layer)
        self._let_go()
        self._line = layer
        layer.events.data.connect(self._on_line)
        self._viewer.layers.selection.active = layer
        layer.mode = "add_line"
        self._view.cursor.setChecked(False)
        self._asked = True
        self._view.show_status("Draw a line in the image: drag from one end to the other.")
        self._on_line()
        return layer

    def follow(self) -> None:
        """Read again, as other values may be shown, or end what was deleted."""
        by_cursor = self._view.cursor.value()
        if self._line is not None and self._line not in self._viewer.layers:
            self._let_go()
            if not by_cursor:
                self._view.profile.hide()
                self._say("Line deleted; profile closed.")
        if self._shown() is None:
            self._view.profile.hide()
        elif not by_cursor:
            self._on_line()
        elif not self._view.profile.isHidden():
            self._on_cursor()

    def _say(self, text: str) -> None:
        # Without a result the status says what to do first.
        if self.subject is not None:
            self._asked = False
            self._view.show_status(text)

    def _on_choice(self) -> None:
        # Either belongs to what was chosen before.
        self._view.profile.hide()
        self._on_line()

    def _on_cursor(self, event: Any = None) -> None:
        if not self._view.cursor.value() or self.subject is None:
            return
        shown = self._shown()
        if shown is None:
            return
        layer, times, what = shown
        place = np.asarray(layer.world_to_data(self._viewer.cursor.position))[-2:]
        values = at_points(np.asarray(layer.data), place[None])
        # Of several channels their mean.
        values = values.reshape(len(times), -1).mean(axis=1)
        if not np.isfinite(values).any():
            return
        self._view.profile.show_curve(times, values, self.subject.time_unit, what)
        self._on_time()

    def _on_line(self, event: Any = None) -> None:
        shown = self._shown()
        if self._view.cursor.value() or self._line is None or not len(self._line.data):
            return
        if shown is None or self.subject is None:
            return
        layer, times, what = shown
        corners = np.asarray(self._line.data[-1], dtype=np.float64)[:, -2:]
        if not np.ptp(corners, axis=0).any():
            return
        along = profile(np.asarray(layer.data), corners)
        if along.ndim == 3:
            along = along.mean(axis=1)
        scale = self.subject.geometry
        steps = np.diff(line_points(corners), axis=0) * np.asarray(scale.pixel_size)
        self._view.profile.show_line(
            along,
            times,
            float(np.hypot(*steps.T).sum()),
            unit=self.subject.time_unit,
            length_unit=scale.units[1],
            what=what,
        )
        if self._asked:
            self._say("Values along the line (up) over time (right).")
        self._on_time()

    def _on_time(self, event: Any = None) -> None:
        if self.subject is None or self._view.profile.isHidden():
            return
        time = self.subject.time_at(self._viewer.dims.point)
        self._view.profile.show_time(time * self.subject.duration)

    def _shown(self) -> tuple[Any, Any, str] | None:
        """Return the layer to read, the world times of its positions, and what it holds."""
        subject = self.subject
        if subject is None:
            return None
        for role in ("map", "frames"):
            layer = find_layer(self._viewer, subject.run_id, role)
            if layer is None or not layer.visible or layer.rgb or layer.ndim != 3:
                continue
            line = subject.timeline
            if role == "frames" or line.shown is not None:
                times = subject.times * subject.duration
                return layer, times, "intensity" if role == "frames" else self._of_map(layer)
            stages = (np.arange(len(subject.velocity)) + 0.5) / len(subject.velocity)
            return layer, stages * subject.duration, self._of_map(layer)
        return None

    @staticmethod
    def _of_map(layer: Any) -> str:
        info = layer.metadata[METADATA_KEY]
        return f"{info.get('quantity', 'map')} ({info.get('unit', '')})"

    def _let_go(self) -> None:
        if self._line is not None:
            self._line.events.data.disconnect(self._on_line)
            self._line = None
