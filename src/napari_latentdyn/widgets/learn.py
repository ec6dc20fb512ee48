"""The widget "Learn dynamics"."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_latentdyn.widgets.controller import LearnController
from napari_latentdyn.widgets.docked import Docked
from napari_latentdyn.widgets.learn_view import LearnView

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["LearnDynamicsWidget"]


class LearnDynamicsWidget(Docked):
    """Learn the dynamics between two image layers.

    Every control's object name is the dotted name of its setting; the layer
    choosers are ``first_image`` and ``last_image``, those of a frame of a stack
    ``first_frame`` and ``last_frame``, the buttons ``preview``,
    ``train``, ``restart``, ``cancel``, ``swap`` and ``save``.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer whose layers are used.
    fit : callable, optional
        Another one with the interface of `napari_latentdyn.core.fit.fit`.
    """

    def __init__(self, napari_viewer: Viewer, fit: Callable[..., Any] | None = None) -> None:
        super().__init__()
        self.view: LearnView = LearnView(self)
        self.fill("learn_dynamics", self.view)
        self.controller: LearnController = LearnController(napari_viewer, self.view, fit)

    def preview(self) -> None:
        """Show a first answer without training, as a press of the button does."""
        self.controller.preview()

    def train(self) -> None:
        """Train or continue, as a press of the button does."""
        self.controller.train()

    def cancel(self) -> None:
        """Cancel, as a press of the button does."""
        self.controller.cancel()

    def save_run(self, path: str | Path, *, overwrite: bool = False) -> Path | None:
        """Write the last result as a run folder.

        Returns
        -------
        Path or None
            The folder, or None if it could not be written: the user was told why.
        """
        return self.controller.save_run(path, overwrite=overwrite)
