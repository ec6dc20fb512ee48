"""What a press of Preview or Train starts, from the layers and settings chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_latentdyn.errors import SettingsError
from napari_latentdyn.widgets.choices import LayerChoices
from napari_latentdyn.widgets.job import Job

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_latentdyn.settings import Settings
    from napari_latentdyn.widgets.results import Result, Results

__all__ = ["Jobs"]


class Jobs:
    """Makes the jobs of a window.

    Parameters
    ----------
    viewer : napari.Viewer
        Its layers say which result is shown.
    choices : LayerChoices
        The images chosen.
    results : Results
        What can be gone on from.
    fit : callable, optional
        Another one with the interface of `napari_latentdyn.core.training.fit.fit`.
    """

    def __init__(
        self,
        viewer: Viewer,
        choices: LayerChoices,
        results: Results,
        fit: Callable[..., Any] | None = None,
    ) -> None:
        self._viewer = viewer
        self._choices = choices
        self._results = results
        self._fit = fit

    def preview(self, settings: Settings) -> Job:
        """Return a job that shows a first answer without training.

        Raises
        ------
        SettingsError
            If the layers chosen are no pair.
        """
        job = self._job(settings.preview())
        job.is_preview = True
        return job

    def training(self, settings: Settings, *, restart: bool = False) -> Job:
        """Return a job that trains, and goes on from an earlier training unless `restart`.

        Raises
        ------
        SettingsError
            If the layers chosen are no pair.
        """
        job = self._job(settings)
        if settings.output.preview and settings.training.steps > 0:
            job.shown = self._on_display(job)
        earlier = None if restart else self.to_continue(settings)
        if earlier is not None:
            job.previous = earlier.dynamics
            job.previous_fingerprint = earlier.fingerprint
        return job

    def to_continue(self, settings: Settings) -> Result | None:
        """Return what a training with these settings would go on from."""
        keys = self._choices.keys
        return None if keys is None else self._results.to_continue(keys, settings)

    def _on_display(self, job: Job) -> Result | None:
        """Return the result of the same layers whose frames are in the viewer."""
        from napari_latentdyn.viewer.layers import find_layer

        shown = self._results.shown
        if shown is None or not shown.is_of((job.first.key, job.last.key)):
            return None
        return shown if find_layer(self._viewer, job.run_id, "frames") is not None else None

    def _job(self, settings: Settings) -> Job:
        problem = self._choices.problem(settings)
        if problem:
            raise SettingsError(problem)
        return Job(*self._choices.snapshots(), settings, fit=self._fit)
