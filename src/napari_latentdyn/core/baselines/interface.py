"""What a method is, and what it returns."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.observations.pair import ImagePair
from napari_latentdyn.errors import MissingLibraryError

if TYPE_CHECKING:
    from napari_latentdyn.core.training.fit import Progress

__all__ = ["Frames", "Interpolation", "Method", "MethodInfo", "OnProgress", "ShouldStop"]

Frames = NDArray[np.floating[Any]]
OnProgress = Callable[["Progress"], None]
ShouldStop = Callable[[], bool]


@dataclass(frozen=True)
class Interpolation:
    """What a method makes of a pair.

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
        pair: ImagePair,
        times: NDArray[np.float64],
        *,
        should_stop: ShouldStop,
        on_progress: OnProgress,
    ) -> Interpolation:
        """Return frames of the pair at times, fractions of the interval.

        `should_stop` is asked at least every second, and `on_progress` called
        now and then, both in the thread of the caller.

        Raises
        ------
        Stopped
            If `should_stop` became true.
        UserError
            If the method cannot do it.
        """


@dataclass(frozen=True)
class MethodInfo:
    """A method and what people want to know before they choose it.

    Attributes
    ----------
    name : str
        What a user types.
    title : str
        What a user reads.
    description : str
        One line.
    method : Method
        Makes the frames.
    extra : str or None
        Extra of the package that brings what the method needs; None if it
        needs nothing more.
    modules : tuple of str
        Top-level modules that have to be there.
    """

    name: str
    title: str
    description: str
    method: Method
    extra: str | None = None
    modules: tuple[str, ...] = ()

    def missing(self) -> str | None:
        """Return the sentence that says what to install, or None if all is there."""
        if all(importlib.util.find_spec(module) is not None for module in self.modules):
            return None
        return (
            f"the method '{self.name}' needs a library that is not installed; install it with "
            f'pip install "napari-latentdyn[{self.extra}]".'
        )

    def require(self) -> None:
        """Check that the method can run.

        Raises
        ------
        MissingLibraryError
            If a library is missing.
        """
        sentence = self.missing()
        if sentence is not None:
            raise MissingLibraryError(sentence)
