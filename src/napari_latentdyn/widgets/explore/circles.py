"""Circles of standard deviations around the tips of the arrows, as a layer that follows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.settings.words import WORDS
from napari_latentdyn.viewer.explore import layers as making
from napari_latentdyn.viewer.layers import METADATA_KEY, find_layer, mark_of
from napari_latentdyn.widgets.background import BackgroundJob, JobQueue

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_latentdyn.viewer.context import LayerTuple

__all__ = ["ROLE", "UncertaintyCircles"]

#: Role of the layer.
ROLE = "circles"
_COMPUTING = "Computing the standard deviations"


class UncertaintyCircles:
    """Computes the standard deviations of a result once, and draws them at its arrows."""

    def __init__(
        self,
        viewer: Viewer,
        queue: JobQueue,
        show: Callable[[list[LayerTuple]], None],
        say: Callable[[str], None],
    ) -> None:
        self._viewer = viewer
        self._queue = queue
        self._show = show
        self._say = say
        self._found: tuple[Any, Any] = (None, None)
        self._told: str | None = None

    def count(self, dynamics: Dynamics) -> str | None:
        """Return the number of standard deviations that is shown, None without circles."""
        layer = find_layer(self._viewer, dynamics.run_id, ROLE)
        return None if layer is None else str(mark_of(layer).get("deviations"))

    def renew(self, dynamics: Dynamics, count: str | None) -> None:
        """Draw circles of a number of standard deviations."""
        fields, deviations = self._found
        if count is None:
            return
        if fields is dynamics.fields:
            self._draw(dynamics, count, deviations)
            return

        def compute(job: BackgroundJob) -> Any:
            return dynamics.stage_deviations(should_stop=job.cancelled.is_set)

        def take(found: Any) -> None:
            self._found = (dynamics.fields, found)
            self._draw(dynamics, count, found)

        self._queue.run(ROLE, _COMPUTING, compute, take)
        self._say(f"{_COMPUTING}.")

    def tell_removed(self, run_id: str | None) -> None:
        """Replace the message about circles of a run that are gone."""
        if run_id is not None and self._told == run_id:
            self._told = None
            self._say("Circles removed.")

    def _draw(self, dynamics: Dynamics, count: str, deviations: Any) -> None:
        arrows = find_layer(self._viewer, dynamics.run_id, "fields")
        if arrows is None:
            return
        made = making.circle_layer(dynamics, arrows, deviations, count)
        self._show([made])
        unknown = made[1]["metadata"][METADATA_KEY]["places_unknown"]
        text = f"Circles of {WORDS['arrows.uncertainty'][count]} at the tips of the arrows."
        if unknown:
            share = "some" if unknown < 0.005 else f"{round(100 * unknown)} %"
            text += f" Crosses mark {share} of the places, where nothing shows the motion."
        self._say(text)
        self._told = dynamics.run_id
