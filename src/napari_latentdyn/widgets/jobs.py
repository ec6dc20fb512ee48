"""What a press of Preview or Train starts, from the layers and settings chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_latentdyn.errors import SettingsError
from napari_latentdyn.widgets.choices import LayerChoices, pair_problem
from napari_latentdyn.widgets.worker import Job

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
        Its sliders say which frames of stacks are meant.
    choices : LayerChoices
        The layers chosen.
    results : Results
        What can be gone on from.
    fit : callable, optional
        Another one with the interface of `napari_latentdyn.core.fit.fit`.
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

    def training(self, settings: Settings, *, anew: bool = False) -> Job:
        """Return a job that trains, and goes on from an earlier training unless `anew`.

        Raises
        ------
        SettingsError
            If the layers chosen are no pair.
        """
        job = self._job(settings)
        if settings.output.preview and settings.training.steps > 0:
            job.shown = self._on_display(job)
        earlier = None if anew else self.to_continue(settings)
        if earlier is not None:
            job.previous = earlier.dynamics
            job.previous_fingerprint = earlier.fingerprint
        return job

    def to_continue(self, settings: Settings) -> Result | None:
        """Return what a training with these settings would go on from."""
        first, last = self._choices.layers
        if first is None or last is None:
            return None
        return self._results.to_continue((str(first.unique_id), str(last.unique_id)), settings)

    def _on_display(self, job: Job) -> Result | None:
        """Return the result of the same layers whose frames are in the viewer."""
        from napari_latentdyn.layers import find_layer

        shown = self._results.shown
        if shown is None or not shown.is_of((job.first.layer_id, job.last.layer_id)):
            return None
        return shown if find_layer(self._viewer, job.run_id, "frames") is not None else None

    def _job(self, settings: Settings) -> Job:
        from napari_latentdyn.layers import snapshot

        first, last = self._choices.layers
        problem = pair_problem(first, last, settings)
        if problem:
            raise SettingsError(problem)
        dims = self._viewer.dims
        return Job(snapshot(first, dims), snapshot(last, dims), settings, fit=self._fit)
