"""The widget "Compare methods"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QSize
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_latentdyn.widgets.compare.controller import CompareController
from napari_latentdyn.widgets.compare.view import CompareView

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["CompareMethodsWidget"]


class CompareMethodsWidget(QWidget):
    """Let several methods make frames between two images, and see how good they are.

    Object names: the choosers ``first_image``, ``last_image``, ``truth``, the
    line ``truth_times``, the list ``methods``, ``frames``, ``grid``, ``errors``,
    the buttons ``truth_file``, ``compare`` and ``cancel``, the ``table``, the
    ``measure`` of the ``plot``, and the ``status``.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer whose layers are used.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.setObjectName("compare_methods")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.view = CompareView(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view)
        self.controller = CompareController(napari_viewer, self.view)

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
