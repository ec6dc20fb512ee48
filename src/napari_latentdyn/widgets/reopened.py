"""Takes over the settings of run folders that are opened in the viewer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_latentdyn.errors import SettingsError
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.reference import METADATA_KEY

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

__all__ = ["OpenedRun", "ReopenedRuns", "opened_runs"]


@dataclass(frozen=True)
class OpenedRun:
    """A run folder whose layers are in the viewer.

    Attributes
    ----------
    run_id : str
        That of its layers.
    name : str
        What to call it.
    settings : Settings
        Settings it was made with.
    """

    run_id: str
    name: str
    settings: Settings


def opened_runs(layers: Iterable[Layer]) -> list[OpenedRun]:
    """Return the runs of frames that have a run folder, in the order of the layers."""
    found = []
    for layer in layers:
        info = layer.metadata.get(METADATA_KEY)
        if not isinstance(info, Mapping) or info.get("role") != "frames" or not info.get("folder"):
            continue
        try:
            settings = Settings.parse(info.get("settings"))
        except SettingsError:
            # Metadata of a layer can be changed by anybody.
            continue
        name = layer.name.removesuffix(" frames")
        found.append(OpenedRun(str(info.get("run_id")), name, settings))
    return found


class ReopenedRuns:
    """Tells of each run folder that is opened in the viewer, once.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers are followed.
    opened : callable
        Called with an `OpenedRun`.
    """

    def __init__(self, viewer: Viewer, opened: Callable[[OpenedRun], Any]) -> None:
        self._viewer = viewer
        self._opened = opened

    def connect(self) -> None:
        """Begin to follow the viewer."""
        self._viewer.layers.events.inserted.connect(self._on_inserted)

    def disconnect(self) -> None:
        """Follow the viewer no more."""
        self._viewer.layers.events.inserted.disconnect(self._on_inserted)

    def _on_inserted(self, event: Any) -> None:
        for run in opened_runs([event.value]):
            self._opened(run)
