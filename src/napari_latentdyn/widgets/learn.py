"""The widget "Learn dynamics"."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_latentdyn.widgets.closing import Stake
from napari_latentdyn.widgets.controller import LearnController
from napari_latentdyn.widgets.docked import Docked
from napari_latentdyn.widgets.learn_view import LearnView

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["LearnDynamicsWidget"]


class LearnDynamicsWidget(Docked):
    """Learn the dynamics between two image layers.

    A new panel takes over the view of a panel whose dock was closed during training.

    Every control's object name is the dotted name of its setting; the layer
    choosers are ``first_image`` and ``last_image``, those of a frame of a stack
    ``first_frame`` and ``last_frame``, the buttons ``preview``,
    ``train``, ``restart``, ``cancel``, ``swap`` and ``save``.
    """

    view: LearnView
    controller: LearnController

    def __init__(self, napari_viewer: Viewer, fit: Callable[..., Any] | None = None) -> None:
        super().__init__()
        self.viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        away = None if fit is not None else LearnDynamicsWidget.without_dock(self.viewer)
        if away is not None:
            away.give_up()
            self.view, self.controller = away.view, away.controller
        else:
            self.view = LearnView(self)
            self.controller = LearnController(napari_viewer, self.view, fit)
        self.fill("learn_dynamics", self.view)

    def at_stake(self) -> Stake | None:
        """Return the running job and the unsaved result, or None."""
        return self.controller.at_stake()

    def save_unsaved(self) -> bool:
        """Ask for a path and save the result; return whether it is saved."""
        return self.controller.saving.save_unsaved()

    def preview(self) -> None:
        """Compute a preview, as the button does."""
        self.controller.preview()

    def train(self) -> None:
        """Train or continue, as the button does."""
        self.controller.train()

    def cancel(self) -> None:
        """Cancel, as the button does."""
        self.controller.cancel()

    def save_run(self, path: str | Path, *, overwrite: bool = False) -> Path | None:
        """Save the last result as a run folder; return the path, or None after an error message."""
        return self.controller.saving.save("run", path, overwrite=overwrite)
