"""All methods by name; a new one is a function for two images and one entry here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_latentdyn.core.baselines.advection import image_advection
from napari_latentdyn.core.baselines.dis import dis_flow
from napari_latentdyn.core.baselines.dissolve import cross_dissolve
from napari_latentdyn.core.baselines.entropic import entropic_transport
from napari_latentdyn.core.baselines.flow import optical_flow
from napari_latentdyn.core.baselines.interface import ByInterval, Method, MethodInfo
from napari_latentdyn.core.baselines.learned import Learned, Trained
from napari_latentdyn.core.baselines.transport import exact_transport
from napari_latentdyn.errors import SettingsError
from napari_latentdyn.settings import Settings
from napari_latentdyn.settings.presets import PRESETS

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics.result import Dynamics

__all__ = ["BASELINES", "describe_method", "describe_result", "find_method", "list_methods"]

#: Methods without training, by the name that a user gives.
BASELINES: dict[str, MethodInfo] = {
    info.name: info
    for info in (
        MethodInfo(
            "dissolve",
            "Cross-dissolve",
            "Mixes the two images by time; nothing moves.",
            ByInterval(cross_dissolve),
        ),
        MethodInfo(
            "flow",
            "TV-L1 optical flow",
            "Moves both images along TV-L1 flow, on straight lines, and mixes them.",
            ByInterval(optical_flow),
        ),
        MethodInfo(
            "dis",
            "DIS optical flow",
            "Moves both images along OpenCV's DIS flow, on straight lines, and mixes them.",
            ByInterval(dis_flow),
            "compare",
            ("cv2",),
        ),
        MethodInfo(
            "advection",
            "Advection of the images",
            "Fits fields that carry each image to the other, without any network.",
            ByInterval(image_advection),
        ),
        MethodInfo(
            "transport",
            "Optimal transport, exact",
            "Takes intensity for mass and moves it along the shortest paths.",
            ByInterval(exact_transport),
            "compare",
            ("ot",),
        ),
        MethodInfo(
            "transport-entropic",
            "Optimal transport, entropic",
            "Takes intensity for mass; frames are debiased, slightly blurred barycentres.",
            ByInterval(entropic_transport),
            "compare",
            ("ot",),
        ),
    )
}


def list_methods() -> list[MethodInfo]:
    """Return all methods, those without training first."""
    return [describe_method(name) for name in (*BASELINES, *PRESETS)]


def describe_method(name: str, changes: Callable[[Settings], Settings] | None = None) -> MethodInfo:
    """Return the description of a baseline or preset, also if it cannot run here.

    `changes` changes the settings of a preset before they are used.
    """
    if name in BASELINES:
        return BASELINES[name]
    if name not in PRESETS:
        known = ", ".join([*BASELINES, *PRESETS])
        raise SettingsError(f"there is no method '{name}'; known are {known}.")
    settings = Settings.preset(name)
    learned = Learned(settings if changes is None else changes(settings))
    return MethodInfo(name, f"Learned dynamics, {name}", PRESETS[name].summary, learned)


def describe_result(name: str, title: str, load: Callable[[], Dynamics]) -> MethodInfo:
    """Return an existing result as a method; nothing is trained, and `load` returns the result."""
    about = "A result that is already there: only its frames are computed, nothing is trained."
    return MethodInfo(name, title, about, Trained(title, load))


def find_method(name: str, changes: Callable[[Settings], Settings] | None = None) -> Method:
    """Return the method of a name, ready to run; arguments as in `describe_method`.

    Raises
    ------
    SettingsError
        If there is no such method.
    MissingLibraryError
        If it needs a library that is not installed.
    """
    info = describe_method(name, changes)
    info.require()
    return info.method
