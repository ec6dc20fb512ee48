"""Values over time under the cursor or along a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.dynamics.intervals import is_large
from napari_latentdyn.core.dynamics.probes import at_points, line_points, profile
from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.viewer.layers import METADATA_KEY, find_layer, mark_of
from napari_latentdyn.viewer.timeline import timeline_of
from napari_latentdyn.widgets.background import BackgroundJob, JobQueue
from napari_latentdyn.widgets.explore.view import ExploreView

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["Probe"]

_NOT_DRAWN = (
    "The frames of a long series are drawn when they are looked at: save the run and open its "
    "folder to see values over time."
)


class Probe:
    """Plots values of frames and maps over time."""

    def __init__(self, viewer: Viewer, view: ExploreView, queue: JobQueue) -> None:
        self._viewer = viewer
        self._view = view
        self._queue = queue
        # Standard deviations of the frames of a result, and the result that they are asked for.
        self._std: tuple[Dynamics, NDArray[np.float32]] | None = None
        self._asked: Dynamics | None = None
        self._line: Any = None
        self._line_requested = False
        self.dynamics: Dynamics | None = None
        view.profileChanged.connect(self._on_choice)
        view.bandChanged.connect(self.follow)

    def connect(self) -> None:
        """Connect to cursor and slider."""
        self._viewer.cursor.events.position.connect(self._on_cursor)
        self._viewer.dims.events.point.connect(self._on_time)

    def disconnect(self) -> None:
        """Disconnect from cursor, slider and line."""
        self._viewer.cursor.events.position.disconnect(self._on_cursor)
        self._viewer.dims.events.point.disconnect(self._on_time)
        self._release_line()

    def draw_line(self) -> Any:
        """Add a layer in which the user draws a line, and return the layer."""
        if self.dynamics is None:
            return None
        layer = find_layer(self._viewer, self.dynamics.run_id, "profile_line")
        if layer is None:
            from napari.layers import Shapes

            layer = Shapes(
                ndim=2,
                name=f"{self.dynamics.name} profile line",
                edge_color="#ffd400",
                edge_width=max(1.0, max(self.dynamics.shape) / 250),
                metadata={METADATA_KEY: {"run_id": self.dynamics.run_id, "role": "profile_line"}},
                **self.dynamics.placement.layer_kwargs(),
            )
            self._viewer.add_layer(layer)
        self._release_line()
        self._line = layer
        layer.events.data.connect(self._on_line)
        self._viewer.layers.selection.active = layer
        layer.mode = "add_line"
        self._view.cursor.setChecked(False)
        self._line_requested = True
        self._view.show_status("Draw a line in the image: drag from one end to the other.")
        self._on_line()
        return layer

    def follow(self) -> None:
        """Update the plot, or close the plot of a deleted line or map."""
        self._compute_std()
        by_cursor = self._view.cursor.value()
        if self._line is not None and self._line not in self._viewer.layers:
            self._release_line()
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
        # Without a result, the status line explains the first step.
        if self.dynamics is not None:
            self._line_requested = False
            self._view.show_status(text)

    def _on_choice(self) -> None:
        # The plot belongs to the earlier choice.
        self._view.profile.hide()
        self._on_line()

    def _on_cursor(self, event: Any = None) -> None:
        if not self._view.cursor.value() or self.dynamics is None:
            return
        shown = self._shown()
        if shown is None:
            return
        layer, data, times, what = shown
        place = np.asarray(layer.world_to_data(self._viewer.cursor.position))[-2:]
        values = at_points(data, place[None])
        # Several channels are averaged.
        values = values.reshape(len(times), -1).mean(axis=1)
        if not np.isfinite(values).any():
            return
        self._view.profile.show_curve(
            times, values, self.dynamics.time_unit, what, self._std_at(place, layer)
        )
        self._on_time()

    def _std_at(self, place: NDArray[np.float64], layer: Any) -> NDArray[np.float64] | None:
        """Return the standard deviations of the frames at a place, None without them."""
        wanted = self._view.band.value() and mark_of(layer).get("role") == "frames"
        if not wanted or self._std is None or self._std[0] is not self.dynamics:
            return None
        std = at_points(self._std[1], place[None])
        return std.reshape(len(std), -1).mean(axis=1)

    def _compute_std(self) -> None:
        """Compute the standard deviations of the frames, unless they were asked for before."""
        dynamics = self.dynamics
        if not self._view.band.value():
            self._queue.forget("band")
            self._asked = None
            return
        if dynamics is None or dynamics is self._asked:
            return
        self._asked = dynamics
        if is_large(dynamics):
            self._say(_NOT_DRAWN)
            return

        def compute(job: BackgroundJob) -> NDArray[np.float32]:
            return dynamics.frame_std(should_stop=job.cancelled.is_set, on_frame=job.report)

        def show(std: NDArray[np.float32]) -> None:
            self._std = (dynamics, std)
            self.follow()

        self._queue.run("band", "Computing standard deviations", compute, show)

    def _on_line(self, event: Any = None) -> None:
        shown = self._shown()
        if self._view.cursor.value() or self._line is None or not len(self._line.data):
            return
        if shown is None or self.dynamics is None:
            return
        _, data, times, what = shown
        corners = np.asarray(self._line.data[-1], dtype=np.float64)[:, -2:]
        if not np.ptp(corners, axis=0).any():
            return
        along = profile(data, corners)
        if along.ndim == 3:
            along = along.mean(axis=1)
        scale = self.dynamics.geometry
        steps = np.diff(line_points(corners), axis=0) * np.asarray(scale.pixel_size)
        self._view.profile.show_line(
            along,
            times,
            float(np.hypot(*steps.T).sum()),
            unit=self.dynamics.time_unit,
            length_unit=scale.units[1],
            what=what,
        )
        if self._line_requested:
            self._say("Values along the line (up) over time (right).")
        self._on_time()

    def _on_time(self, event: Any = None) -> None:
        if self.dynamics is None or self._view.profile.isHidden():
            return
        time = timeline_of(self.dynamics).time_at(self._viewer.dims.point)
        self._view.profile.show_time(float(self.dynamics.elapsed(time)))

    def _shown(self) -> tuple[Any, Any, Any, str] | None:
        """Return the visible map or frames, their values, the times, and the quantity."""
        dynamics = self.dynamics
        if dynamics is None:
            return None
        for role in ("map", "frames"):
            layer = find_layer(self._viewer, dynamics.run_id, role)
            if layer is None or not layer.visible or layer.rgb or layer.ndim != 3:
                continue
            # The frames of a long series are drawn when they are looked at.
            lazy = not isinstance(layer.data, np.ndarray)
            data = dynamics.stored("frames") if lazy else layer.data
            if data is None:
                self._say(_NOT_DRAWN)
                continue
            line = timeline_of(dynamics)
            if role == "frames" or line.shown is not None:
                times = dynamics.elapsed(dynamics.times())
                of = "intensity" if role == "frames" else self._of_map(layer)
                return layer, data, times, of
            durations = dynamics.stage_durations
            return layer, data, np.cumsum(durations) - durations / 2, self._of_map(layer)
        return None

    @staticmethod
    def _of_map(layer: Any) -> str:
        info = mark_of(layer)
        return f"{info.get('quantity', 'map')} ({info.get('unit', '')})"

    def _release_line(self) -> None:
        if self._line is not None:
            self._line.events.data.disconnect(self._on_line)
            self._line = None
