"""The widget "Learn dynamics"."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from qtpy.compat import isalive

from napari_latentdyn.widgets.closing import Stake
from napari_latentdyn.widgets.controller import LearnController
from napari_latentdyn.widgets.docked import Docked
from napari_latentdyn.widgets.learn_view import LearnView

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["LearnDynamicsWidget"]


_panels: WeakSet[LearnDynamicsWidget] = WeakSet()


class LearnDynamicsWidget(Docked):
    """Learn the dynamics between two image layers.

    A panel whose dock was closed while it trains is taken over by the next one
    in the same viewer.

    Every control's object name is the dotted name of its setting; the layer
    choosers are ``first_image`` and ``last_image``, those of a frame of a stack
    ``first_frame`` and ``last_frame``, the buttons ``preview``,
    ``train``, ``restart``, ``cancel``, ``swap`` and ``save``.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer whose layers are used.
    fit : callable, optional
        Another one with the interface of `napari_latentdyn.core.training.fit.fit`.
    """

    view: LearnView
    controller: LearnController

    def __init__(self, napari_viewer: Viewer, fit: Callable[..., Any] | None = None) -> None:
        super().__init__()
        self.viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        away = None if fit is not None else _without_dock(self.viewer)
        if away is not None:
            self.view, self.controller = away.hand_over()
        else:
            self.view = LearnView(self)
            self.controller = LearnController(napari_viewer, self.view, fit)
        self.fill("learn_dynamics", self.view)
        # One that was taken over was hidden with its dock.
        self.view.show()
        _panels.add(self)

    def at_stake(self) -> Stake | None:
        """Return the run at work and the result that has not been saved, None for neither."""
        return self.controller.at_stake()

    def save_unsaved(self) -> bool:
        """Ask where to save the result; return whether it is saved."""
        return self.controller.saving.save_unsaved()

    def hand_over(self) -> tuple[LearnView, LearnController]:
        """Give view and controller to another panel; this one goes."""
        self.guard.release()
        _panels.discard(self)
        # Once the view is in the other one.
        self.deleteLater()
        return self.view, self.controller

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
        return self.controller.saving.save("run", path, overwrite=overwrite)


def _without_dock(viewer: Viewer) -> LearnDynamicsWidget | None:
    """Return the panel of a viewer that was kept when its dock was closed."""
    return next(
        (
            panel
            for panel in _panels
            if isalive(panel) and panel.viewer is viewer and panel.guard.away
        ),
        None,
    )
