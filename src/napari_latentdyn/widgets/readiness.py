"""Checks of the images and settings chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_latentdyn.errors import SettingsError
from napari_latentdyn.settings import Settings
from napari_latentdyn.widgets.preset_box import CUSTOM
from napari_latentdyn.widgets.texts import preset_of, sentence, with_preset

if TYPE_CHECKING:
    from napari_latentdyn.widgets.estimate_presenter import EstimatePresenter
    from napari_latentdyn.widgets.known_choice import KnownChoice
    from napari_latentdyn.widgets.learn_view import LearnView
    from napari_latentdyn.widgets.messages import Messages
    from napari_latentdyn.widgets.pair_notes import PairNotes
    from napari_latentdyn.widgets.results import Results
    from napari_latentdyn.widgets.series_choice import SeriesChoice

__all__ = ["Readiness"]


class Readiness:
    """Checks images, what is known and settings, and updates buttons, warnings and estimates."""

    def __init__(
        self,
        view: LearnView,
        series: SeriesChoice,
        known: KnownChoice,
        notes: PairNotes,
        results: Results,
        estimate: EstimatePresenter,
        messages: Messages,
        running: Callable[[], bool],
    ) -> None:
        self._view = view
        self._series = series
        self._known = known
        self._notes = notes
        self._results = results
        self._estimate = estimate
        self._messages = messages
        self._running = running

    def take_preset(self, name: str) -> None:
        """Apply a preset, and keep settings that presets do not change."""
        if name != CUSTOM:
            try:
                settings = self._view.form.value()
            except SettingsError:
                settings = Settings()
            self._view.form.set_value(with_preset(settings, name))
        self.update()

    def update(self) -> None:
        """Check images and settings, and update the view."""
        images = self._series.images
        settings: Settings | None = None
        usable = False
        try:
            settings = self._view.form.value()
            problem = self._series.problem(settings)
            usable = not problem
            if usable:
                problem = self._known.problem(settings)
            self._view.show_preset(preset_of(settings) or CUSTOM)
        except SettingsError as error:
            problem = sentence(str(error))
            self._view.show_preset(CUSTOM)
        ready = None if problem else settings
        self._series.show_times(settings)
        self._known.show(settings if usable else None)
        self._notes.choose(images.pixels, () if problem else images.notes())
        keys = images.keys
        earlier = None
        if ready is not None and keys is not None:
            earlier = self._results.to_continue(keys + self._known.key(ready), ready)
        self._estimate.update(images, ready, None if earlier is None else earlier.steps)
        if self._running():
            return
        self._view.show_choice(
            problem=problem,
            can_continue=earlier is not None,
            steps_left=0 if earlier is None or ready is None else earlier.steps_left(ready),
            trains=settings is None or settings.training.steps > 0,
        )
        # A missing choice is not an error.
        self._messages.set_problem(problem, "error" if images.complete else "info")
