"""Learn the dynamics between two images, in napari and without.

Names are loaded when they are first used, so that importing the package needs
neither PyTorch nor Qt nor napari.

Examples
--------
>>> from napari_latentdyn import fit_pair
>>> dynamics = fit_pair(first, last, preset="quick")  # doctest: +SKIP
>>> dynamics.frames([0.5]), dynamics.deformation().divergence  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics.deformation import Deformation
    from napari_latentdyn.core.dynamics.result import Dynamics
    from napari_latentdyn.core.knowledge.knowledge import Knowledge
    from napari_latentdyn.core.knowledge.regions import Regions
    from napari_latentdyn.core.knowledge.tracks import Tracks
    from napari_latentdyn.core.observations.images import read_image, read_mask
    from napari_latentdyn.core.observations.known import ImageSpace, read_knowledge
    from napari_latentdyn.core.observations.observations import Observations
    from napari_latentdyn.core.training.fit import Progress, fit
    from napari_latentdyn.core.training.fit_pair import fit_pair
    from napari_latentdyn.errors import UserError
    from napari_latentdyn.settings import Settings

    __version__: str

__all__ = [
    "Deformation",
    "Dynamics",
    "ImageSpace",
    "Knowledge",
    "Observations",
    "Progress",
    "Regions",
    "Settings",
    "Tracks",
    "UserError",
    "__version__",
    "fit",
    "fit_pair",
    "read_image",
    "read_knowledge",
    "read_mask",
]

_HOMES = {
    "Deformation": "napari_latentdyn.core.dynamics.deformation",
    "Dynamics": "napari_latentdyn.core.dynamics.result",
    "ImageSpace": "napari_latentdyn.core.observations.known",
    "Knowledge": "napari_latentdyn.core.knowledge.knowledge",
    "Observations": "napari_latentdyn.core.observations.observations",
    "Progress": "napari_latentdyn.core.training.fit",
    "Regions": "napari_latentdyn.core.knowledge.regions",
    "Settings": "napari_latentdyn.settings",
    "Tracks": "napari_latentdyn.core.knowledge.tracks",
    "UserError": "napari_latentdyn.errors",
    "fit": "napari_latentdyn.core.training.fit",
    "fit_pair": "napari_latentdyn.core.training.fit_pair",
    "read_image": "napari_latentdyn.core.observations.images",
    "read_knowledge": "napari_latentdyn.core.observations.known",
    "read_mask": "napari_latentdyn.core.observations.images",
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
