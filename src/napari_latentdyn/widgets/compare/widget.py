"""The widget "Compare methods"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_latentdyn.widgets.compare.controller import CompareController
from napari_latentdyn.widgets.compare.view import CompareView
from napari_latentdyn.widgets.docked import Docked

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["CompareMethodsWidget"]


class CompareMethodsWidget(Docked):
    """Compute frames between two images with several methods, and compare their quality.

    Object names: the choosers ``first_image``, ``last_image``, ``truth``, of the
    frames of stacks ``first_frame``, ``last_frame``, the line ``truth_times``,
    the list ``methods``, ``frames``, ``grid``, ``errors``, the buttons
    ``truth_file``, ``add_result``, ``compare`` and ``cancel``, the ``table``, the
    ``measure`` of the ``plot``, and the ``status``.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.view: CompareView = CompareView(self)
        self.fill("compare_methods", self.view)
        self.controller: CompareController = CompareController(napari_viewer, self.view)
