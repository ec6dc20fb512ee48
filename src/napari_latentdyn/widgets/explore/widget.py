"""The widget "Explore dynamics"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_latentdyn.widgets.docked import Docked
from napari_latentdyn.widgets.explore.controller import ExploreController
from napari_latentdyn.widgets.explore.view import ExploreView

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["ExploreDynamicsWidget"]


class ExploreDynamicsWidget(Docked):
    """Show a result: more frames, arrows, maps, streamlines, tracers, profiles.

    Every control's object name is the dotted name of its option in
    `explore.options.ExploreOptions`; the chooser of the result is ``result``,
    the buttons ``open_run``, ``draw_frames``, ``place_points``, ``place_grid``,
    ``carry`` (of tracers), ``draw_line``, ``show_latents``, ``export`` and ``cancel``. Another
    layer is carried by ``carry_layer``, ``carry_from`` and ``carry_along``. In the
    dialog of exports are ``export.format``, ``export.path``, ``export.browse``,
    ``export.write``, ``export.cancel`` and ``export.close``; options of a format are
    ``export.<name>``.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.view: ExploreView = ExploreView(self)
        self.fill("explore_dynamics", self.view)
        self.controller: ExploreController = ExploreController(napari_viewer, self.view)
