"""Learn the dynamics between two images, in napari and without.

Names are loaded when they are first used, so that importing the package needs
neither PyTorch nor Qt nor napari.

Examples
--------
>>> from napari_latentdyn import ImagePair, Settings, fit
>>> pair = ImagePair.from_arrays(first, last)  # doctest: +SKIP
>>> for progress in fit(pair, Settings.preset("quick")):  # doctest: +SKIP
...     print(progress.message)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics import Dynamics
    from napari_latentdyn.core.fit import Progress, fit
    from napari_latentdyn.core.pair import ImagePair
    from napari_latentdyn.errors import UserError
    from napari_latentdyn.settings import Settings

    __version__: str

__all__ = [
    "Dynamics",
    "ImagePair",
    "Progress",
    "Settings",
    "UserError",
    "__version__",
    "fit",
]

_HOMES = {
    "Dynamics": "napari_latentdyn.core.dynamics",
    "ImagePair": "napari_latentdyn.core.pair",
    "Progress": "napari_latentdyn.core.fit",
    "Settings": "napari_latentdyn.settings",
    "UserError": "napari_latentdyn.errors",
    "fit": "napari_latentdyn.core.fit",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value = _version()
    elif name in _HOMES:
        from importlib import import_module

        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("napari-latentdyn")
    except PackageNotFoundError:
        return "0.0.0+unknown"
