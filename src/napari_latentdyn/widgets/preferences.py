"""The page of the plugin in napari's preferences."""

from __future__ import annotations

from dataclasses import dataclass

from napari_latentdyn.settings import Settings
from napari_latentdyn.widgets.texts import with_preset

__all__ = ["Preferences", "initial_settings", "preferences"]

_PLUGIN = "napari-latentdyn"


@dataclass(frozen=True)
class Preferences:
    """The manifest's ``configurations``: defaults of a form, and the first folder of dialogs."""

    preset: str = "standard"
    device: str = "auto"
    threads: int = 0
    folder: str = ""


def preferences() -> Preferences:
    """Return the current preferences."""
    from napari.settings import get_plugin_settings

    try:
        page = get_plugin_settings(_PLUGIN).learning
    except KeyError:
        # A script created the widget without the plugin.
        return Preferences()
    return Preferences(page.preset, page.device, page.threads, page.folder)


def initial_settings() -> Settings:
    """Return the settings of a new form."""
    chosen = preferences()
    return with_preset(Settings(), chosen.preset).updated(
        {"training.device": chosen.device, "training.threads": chosen.threads}
    )
