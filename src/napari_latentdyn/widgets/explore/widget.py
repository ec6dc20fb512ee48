"""The widget "Explore dynamics"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QSize
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_latentdyn.widgets.explore.controller import ExploreController
from napari_latentdyn.widgets.explore.view import ExploreView

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["ExploreDynamicsWidget"]


class ExploreDynamicsWidget(QWidget):
    """Look at a result: more frames, arrows, maps, streamlines, tracers, profiles.

    Every control's object name is the dotted name of its option in
    `explore.options.ExploreOptions`; the chooser of the result is ``result``,
    the buttons ``open_run``, ``draw_frames``, ``place_points``, ``place_grid``,
    ``carry``, ``draw_line``, ``show_latents``, ``export`` and ``cancel``; the format
    of an export is ``export.format``, its options ``export.<name>``.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer in which results are shown.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.setObjectName("explore_dynamics")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.view = ExploreView(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view)
        self.controller = ExploreController(napari_viewer, self.view)

    def sizeHint(self) -> QSize:
        """Take the size of the view."""
        return self.view.sizeHint()

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Stop what is computed."""
        self.controller.close()
        super().closeEvent(event)

    def event(self, event: QEvent | None) -> bool:
        """Notice being taken out of a dock, which then does not close what it held."""
        done = super().event(event)
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self.parent() is None:
                self.controller.close()
            else:
                self.controller.open()
        return done
