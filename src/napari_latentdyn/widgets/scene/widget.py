"""The widget "Large scene"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_latentdyn.widgets.closing import Stake
from napari_latentdyn.widgets.docked import Docked
from napari_latentdyn.widgets.scene.controller import LargeSceneController
from napari_latentdyn.widgets.scene.view import LargeSceneView

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["LargeSceneWidget"]


class LargeSceneWidget(Docked):
    """Match two images that do not fit into the memory, tile by tile.

    A new panel takes over the view of a panel whose dock was closed during a computation.

    Object names: the paths ``first_file``, ``last_file`` and ``output``, each with a button such as
    ``output_choose``; the buttons ``use_layers``, ``swap``, ``start`` and ``stop``, the ``preset``,
    the dotted names of settings, ``tile``, ``scheduler``, the ``summary`` and the ``status``.
    """

    view: LargeSceneView
    controller: LargeSceneController

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        away = LargeSceneWidget.without_dock(self.viewer)
        if away is not None:
            away.give_up()
            self.view, self.controller = away.view, away.controller
        else:
            self.view = LargeSceneView(self)
            self.controller = LargeSceneController(self.viewer, self.view)
        self.fill("large_scene", self.view)

    def at_stake(self) -> Stake | None:
        """Return the running computation, or None."""
        return self.controller.at_stake()
