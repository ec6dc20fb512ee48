"""The interface of a method, and its result."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.training.progress import Progress
from napari_latentdyn.errors import MissingLibraryError

__all__ = ["Frames", "Interpolation", "Method", "MethodInfo", "OnProgress", "ShouldStop", "Times"]

Frames = NDArray[np.floating[Any]]
OnProgress = Callable[[Progress], None]
ShouldStop = Callable[[], bool]
Times = NDArray[np.float64]


@dataclass(frozen=True)
class Interpolation:
    """The frames and the field that a method makes.

    Attributes
    ----------
    frames : ndarray of float32, shape (T, C, H, W)
        In the units of the images.
    velocity : ndarray of float32, shape (n, 2, H, W), or None
        Motion (dy, dx) in pixels per stage, n stages for the whole interval;
        `velocity[k]` holds in the middle of stage k.
    """

    frames: Frames
    velocity: NDArray[np.float32] | None = None


class Method(Protocol):
    """Makes frames between two images."""

    def __call__(
        self,
        observations: Observations,
        times: Times,
        *,
        should_stop: ShouldStop,
        on_progress: OnProgress,
    ) -> Interpolation:
        """Return frames at times, fractions of the interval.

        `should_stop` is called at least every second, and `on_progress` now and then, both in
        the thread of the caller.

        Raises
        ------
        Stopped
            If `should_stop` became true.
        UserError
            If the method cannot make the frames.
        """


@dataclass(frozen=True)
class MethodInfo:
    """A method and its description.

    Attributes
    ----------
    name : str
        Name for settings and the command line.
    title, description : str
        Name and one line for the user.
    method : Method
        Makes the frames.
    extra : str or None
        Extra of the package with the libraries of the method; None if it needs none.
    modules : tuple of str
        Top-level modules that have to be installed.
    """

    name: str
    title: str
    description: str
    method: Method
    extra: str | None = None
    modules: tuple[str, ...] = ()

    def missing(self) -> str | None:
        """Return the sentence that says how to install a missing library, or None."""
        if all(importlib.util.find_spec(module) is not None for module in self.modules):
            return None
        return (
            f"the method '{self.name}' needs a library that is not installed; install it with "
            f'pip install "napari-latentdyn[{self.extra}]".'
        )

    def require(self) -> None:
        """Raise MissingLibraryError if a library is missing."""
        sentence = self.missing()
        if sentence is not None:
            raise MissingLibraryError(sentence)
