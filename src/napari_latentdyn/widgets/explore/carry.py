"""The section "Carry along": another layer follows the motion of the result."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QLabel, QWidget

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.errors import UserError
from napari_latentdyn.viewer.explore import carrying as making
from napari_latentdyn.viewer.timeline import timeline_of
from napari_latentdyn.widgets.background import BackgroundJob, JobQueue
from napari_latentdyn.widgets.editors import ChoiceBox
from napari_latentdyn.widgets.form import tooltip
from napari_latentdyn.widgets.layouts import form_layout
from napari_latentdyn.widgets.messages import fail

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_latentdyn.widgets.explore.view import ExploreView

__all__ = ["CarryAlong", "CarryBox"]


class CarryBox(QWidget):
    """Choosers of a layer and of the image on which it lies."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.begin = ChoiceBox(), ChoiceBox()
        self.layer.setObjectName("carry_layer")
        self.layer.setToolTip(
            tooltip(
                "Labels, image, points, shapes or tracks that lie on the images. Gaps of tracks "
                "are filled; all others get a place at each frame."
            )
        )
        self.begin.setObjectName("carry_from")
        self.begin.setToolTip(
            tooltip(
                "Image on which the layer lies. All images of a stack are fused as the frames "
                "are; labels come from the nearest image. The time axis of points, shapes and "
                "tracks counts frames of the result or images."
            )
        )
        form = form_layout()
        for text, editor in (("Layer", self.layer), ("From", self.begin)):
            label = QLabel(text)
            label.setToolTip(editor.toolTip())
            label.setBuddy(editor)
            form.addRow(label, editor)
        self.setLayout(form)


class CarryAlong:
    """Carries the chosen layer in the background, and shows the result as a layer."""

    def __init__(
        self, viewer: Viewer, view: ExploreView, queue: JobQueue, show: Callable[..., None]
    ) -> None:
        self._viewer = viewer
        self._view = view
        self._queue = queue
        self._show = show
        self._dynamics: Dynamics | None = None
        self._offered: tuple[Any, list[Any]] = (None, [])
        view.carry_box.layer.edited.connect(self._offer_begins)

    @property
    def dynamics(self) -> Dynamics | None:
        """The result that is explored."""
        return self._dynamics

    @dynamics.setter
    def dynamics(self, dynamics: Dynamics | None) -> None:
        self._dynamics = dynamics
        self._offer_begins()

    def follow(self) -> None:
        """Offer the layers of the viewer."""
        box = self._view.carry_box.layer
        layers = [layer for layer in self._viewer.layers if making.can_carry(layer)]
        box.set_items([(str(layer.unique_id), layer.name) for layer in layers])
        if box.value() is None and layers:
            # Images are the last choice: most of them are those of the result.
            box.setValue(str(min(reversed(layers), key=_is_image).unique_id))
        self._offer_begins()

    def carry(self) -> None:
        """Carry the chosen layer to the times of the frames."""
        dynamics, layer = self._dynamics, self._layer()
        if dynamics is None:
            return
        if layer is None:
            self._view.show_status(
                "There is no layer to carry: add labels, points, shapes, tracks or an image.",
                error=True,
            )
            return
        try:
            slider = timeline_of(dynamics).time_at(self._viewer.dims.point)
            begin = self._view.carry_box.begin.value()
            source = making.source_of(layer, dynamics, begin, slider)
        except UserError as error:
            fail(self._view, str(error))
            return

        def compute(job: BackgroundJob) -> Any:
            return making.carried_layer(dynamics, source, job.cancelled.is_set, job.report)

        def show(made: Any) -> None:
            self._show([made])
            # The layer itself does not move.
            layer.visible = False
            done = (
                "filled" if source.kind == "tracks" else f"carried to {len(dynamics.times())} times"
            )
            self._view.show_status(f"{source.name} {done}. Move the time slider.")

        self._queue.run("carry along", f"Carrying {source.name}", compute, show)

    def _layer(self) -> Any:
        key = self._view.carry_box.layer.value()
        return next((one for one in self._viewer.layers if str(one.unique_id) == key), None)

    def _offer_begins(self) -> None:
        layer, dynamics = self._layer(), self._dynamics
        items = [] if layer is None or dynamics is None else making.begins(layer, dynamics)
        box = self._view.carry_box.begin
        before, self._offered = self._offered, (layer, items)
        if before == self._offered:
            return
        box.set_items(items)
        if items and (layer is not before[0] or box.value() is None):
            box.setValue(items[0][0])


def _is_image(layer: Any) -> bool:
    from napari.layers import Image

    return isinstance(layer, Image)
