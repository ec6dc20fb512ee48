"""The rivals that run here, by their names in a file of given figures."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from benchmarks.accuracy import flows
from benchmarks.accuracy.outcome import Image, Outcome

from napari_latentdyn.core.baselines.dis import dis, dis_tuned
from napari_latentdyn.core.baselines.flow import tvl1
from napari_latentdyn.core.baselines.warping import FlowEstimator

__all__ = ["RIVALS", "Rival", "cross_dissolve", "hold"]

Make = Callable[[Image, Image, Sequence[float]], Outcome]


@dataclass(frozen=True)
class Rival:
    """A method that is no preset.

    Attributes
    ----------
    label : str
        Name in the tables.
    make : callable
        Takes the first image, the last image and times.
    needs : dict of str to str
        Modules to import before the clock starts, and the distributions that
        bring them.
    """

    label: str
    make: Make
    needs: dict[str, str]

    def missing(self) -> str | None:
        """Return why it cannot run here, or None if it can."""
        for module, distribution in self.needs.items():
            if importlib.util.find_spec(module.partition(".")[0]) is None:
                return f"{distribution} is not installed"
        return None


def hold(first: Image, last: Image, times: Sequence[float]) -> Outcome:
    """Show the first image until half-time and the last one from then on."""
    return Outcome(np.stack([first if time < 0.5 else last for time in times]))


def cross_dissolve(first: Image, last: Image, times: Sequence[float]) -> Outcome:
    """Mix both images by time: nothing moves."""
    frames = np.stack([(1 - time) * first + time * last for time in times])
    return Outcome(frames.astype(np.float32))


def _flow(estimator: FlowEstimator) -> Make:
    def make(first: Image, last: Image, times: Sequence[float]) -> Outcome:
        return flows.flow_outcome(estimator, first, last, times)

    return make


def _transport(first: Image, last: Image, times: Sequence[float]) -> Outcome:
    from benchmarks.accuracy.transport import entropic_transport

    return entropic_transport(first, last, times)


def _advection(first: Image, last: Image, times: Sequence[float]) -> Outcome:
    from benchmarks.accuracy.advection import two_sided_advection

    return two_sided_advection(first, last, times)


_OPENCV = {"cv2": "opencv-python-headless"}
_SKIMAGE = {"skimage.registration": "scikit-image"}
_TORCH = {"torch": "torch", "benchmarks.accuracy.advection": "torch"}
_POT = {"torch": "torch", "ot.bregman": "POT"}

RIVALS: dict[str, Rival] = {
    "flow_dis_hq": Rival("DIS flow, tuned", _flow(dis_tuned), _OPENCV),
    "flow_dis": Rival("DIS flow", _flow(dis), _OPENCV),
    "flow_tvl1": Rival("TV-L1 flow", _flow(tvl1), _SKIMAGE),
    "advect_bidir": Rival("advection of the images", _advection, _TORCH),
    "ot_conv": Rival("optimal transport, entropic", _transport, _POT),
    "blend": Rival("cross-dissolve", cross_dissolve, {}),
    "hold": Rival("hold", hold, {}),
}
