"""State of the form for a dock that is opened again, and settings of opened run folders."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

from napari_latentdyn.errors import SettingsError
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.context import mark_of
from napari_latentdyn.widgets.preferences import initial_settings

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_latentdyn.widgets.choices import Chosen, LayerChoices
    from napari_latentdyn.widgets.form import SettingsForm
    from napari_latentdyn.widgets.known_choice import KnownChoice, KnownState
    from napari_latentdyn.widgets.series_choice import SeriesChoice, SeriesState

__all__ = ["FormMemory", "OpenedRun", "opened_runs"]

#: Settings that the chosen images fill in.
_FILLED_IN = ("images.interval", "images.interval_unit")


@dataclass(frozen=True)
class OpenedRun:
    """Run id, name and settings of a run folder whose layers are in the viewer.

    `known` counts what was known in words, ``""`` if nothing was.
    """

    run_id: str
    name: str
    settings: Settings
    known: str


def opened_runs(layers: Iterable[Layer]) -> list[OpenedRun]:
    """Return the opened run folders in the order of their frames layers."""
    found = []
    for layer in layers:
        info = mark_of(layer)
        # Large scenes have a folder and no run.
        if info.get("role") != "frames" or not info.get("folder") or not info.get("run_id"):
            continue
        try:
            settings = Settings.parse(info.get("settings"))
        except SettingsError:
            # Users and other plugins can change metadata.
            continue
        name = layer.name.removesuffix(" frames")
        known = str(info.get("known", ""))
        found.append(OpenedRun(str(info.get("run_id")), name, settings, known))
    return found


@dataclass(frozen=True)
class _Left:
    """State of a form that was closed."""

    settings: tuple[Settings, dict[str, Any]]
    ends: tuple[Chosen, ...]
    series: SeriesState
    known: KnownState
    expanded: bool
    runs: frozenset[str]


class FormMemory:
    """Keeps the state of the form of a viewer while its dock is closed."""

    _left: ClassVar[WeakKeyDictionary[Viewer, _Left]] = WeakKeyDictionary()

    def __init__(
        self,
        viewer: Viewer,
        form: SettingsForm,
        choices: LayerChoices,
        series: SeriesChoice,
        known: KnownChoice,
    ) -> None:
        self._viewer = viewer
        self._form = form
        self._choices = choices
        self._series = series
        self._known = known

    def keep(self) -> None:
        """Keep the current state."""
        self._left[self._viewer] = _Left(
            self._form.snapshot(),
            self._choices.chosen,
            self._series.state,
            self._known.state,
            self._form.advanced.isExpanded(),
            frozenset(run.run_id for run in opened_runs(self._viewer.layers)),
        )

    def restore(self) -> OpenedRun | None:
        """Restore the kept state, or the preferences.

        If a run folder has been opened since, its settings are used, and the run is returned.
        """
        left = self._left.get(self._viewer)
        if left is None:
            filled_in = {name: self._form.editor(name).value() for name in _FILLED_IN}
            self._form.set_value(initial_settings().updated(filled_in))
        else:
            self._show(left)
        known = frozenset() if left is None else left.runs
        runs = [run for run in opened_runs(self._viewer.layers) if run.run_id not in known]
        if not runs:
            return None
        self._form.set_value(runs[-1].settings)
        self._known.open(runs[-1].run_id)
        return runs[-1]

    def _show(self, left: _Left) -> None:
        # Images first: they set the interval, which the user may have changed afterwards.
        self._choices.choose(left.ends)
        self._series.choose(left.series)
        self._known.choose(left.known)
        self._form.restore(left.settings)
        if left.expanded:
            self._form.advanced.expand()
