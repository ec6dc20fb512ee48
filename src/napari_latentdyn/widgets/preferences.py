"""What the user set for this plugin on the page of napari's preferences."""

from __future__ import annotations

from dataclasses import dataclass

from napari_latentdyn.settings import Settings
from napari_latentdyn.widgets.texts import with_preset

__all__ = ["Preferences", "initial_settings", "preferences"]

_PLUGIN = "napari-latentdyn"


@dataclass(frozen=True)
class Preferences:
    """The settings of the manifest's ``configurations``, with the same defaults.

    Attributes
    ----------
    preset : str
        Preset of a new form.
    device : str
        Device of a new form.
    threads : int
        Threads on the CPU of a new form.
    folder : str
        Where the first dialog for files of a session starts; empty for the
        folder that napari used last.
    """

    preset: str = "standard"
    device: str = "auto"
    threads: int = 0
    folder: str = ""


def preferences() -> Preferences:
    """Return the preferences as they are now."""
    from napari.settings import get_plugin_settings

    try:
        page = get_plugin_settings(_PLUGIN).learning
    except KeyError:
        # The plugin is not installed as one: a script made the widget itself.
        return Preferences()
    return Preferences(page.preset, page.device, page.threads, page.folder)


def initial_settings() -> Settings:
    """Return the settings of a form that opens for the first time."""
    chosen = preferences()
    return with_preset(Settings(), chosen.preset).updated(
        {"training.device": chosen.device, "training.threads": chosen.threads}
    )
