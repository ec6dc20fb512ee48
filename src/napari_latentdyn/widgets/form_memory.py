"""The form as it was left, for a dock that is opened again in the same viewer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

from napari_latentdyn.widgets.preferences import initial_settings
from napari_latentdyn.widgets.reopened import OpenedRun, opened_runs

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_latentdyn.settings import Settings
    from napari_latentdyn.widgets.choices import Chosen, LayerChoices
    from napari_latentdyn.widgets.form import SettingsForm

__all__ = ["FormMemory"]


@dataclass(frozen=True)
class _Left:
    settings: tuple[Settings, dict[str, Any]]
    ends: tuple[Chosen, ...]
    expanded: bool
    runs: frozenset[str]


class FormMemory:
    """Keeps the form of a viewer while no dock shows it.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose form it is.
    form : SettingsForm
        The settings.
    choices : LayerChoices
        The images.
    """

    _left: ClassVar[WeakKeyDictionary[Viewer, _Left]] = WeakKeyDictionary()

    def __init__(self, viewer: Viewer, form: SettingsForm, choices: LayerChoices) -> None:
        self._viewer = viewer
        self._form = form
        self._choices = choices

    def keep(self) -> None:
        """Keep what is chosen now."""
        self._left[self._viewer] = _Left(
            self._form.snapshot(),
            self._choices.chosen,
            self._form.advanced.isExpanded(),
            frozenset(run.run_id for run in opened_runs(self._viewer.layers)),
        )

    def restore(self) -> OpenedRun | None:
        """Show what was kept, or what the preferences say where nothing was.

        The settings of a run folder that has been opened since then come before
        both; that run is returned.
        """
        left = self._left.get(self._viewer)
        if left is None:
            self._form.set_value(initial_settings())
        else:
            self._show(left)
        known = frozenset() if left is None else left.runs
        runs = [run for run in opened_runs(self._viewer.layers) if run.run_id not in known]
        if not runs:
            return None
        self._form.set_value(runs[-1].settings)
        return runs[-1]

    def _show(self, left: _Left) -> None:
        # The images first: they fill in the time between them, which the user may have changed.
        self._choices.choose(left.ends)
        self._form.restore(left.settings)
        if left.expanded:
            self._form.advanced.expand()
