"""What is timed: a preset, optical flow, or the drawing of frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
from benchmarks.speed.scene import moving_texture
from numpy.typing import NDArray

__all__ = ["FRAME_TIMES", "Subject", "set_threads"]

#: Times of the three frames that `frames` draws; none of them is cached by a fit.
FRAME_TIMES = (0.3, 0.5, 0.7)

Images = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class Subject:
    """A computation on two generated images.

    Attributes
    ----------
    method : {"fit", "flow", "frames"}
        "fit" matches and draws the frames at the stages; "flow" makes as many frames
        from tuned DIS optical flow in both directions; "frames" draws three frames
        and the arrows of a fit that was made before.
    size : int
        Height and width of the images.
    preset : str
        Preset of "fit" and "frames".
    changes : dict
        Settings that differ from the preset.
    channels : int
        Channels of the images.
    """

    method: str
    size: int
    preset: str = "quick"
    changes: dict[str, Any] = field(default_factory=dict)
    channels: int = 1

    def as_dict(self) -> dict[str, Any]:
        """Return plain data from which `Subject(**data)` makes the same subject."""
        return asdict(self)

    def resized(self, size: int) -> Self:
        """Return the same subject with images of another size."""
        return type(self)(**{**self.as_dict(), "size": size})

    def prepared(self, threads: int) -> Callable[[], object]:
        """Make the images, and return the computation that is timed."""
        images = moving_texture(self.size, self.channels)
        if self.method == "flow":
            return _flow(images, self._settings(threads))
        if self.method == "frames":
            return _frames(self._fit(images, threads))
        return lambda: self._fit(images, threads).frames()

    def _settings(self, threads: int) -> Any:
        from napari_latentdyn.settings import Settings

        always = {
            "output.preview": False,
            "training.threads": threads,
            "training.device": "cpu",
        }
        return Settings.preset(self.preset).updated({**always, **self.changes})

    def _fit(self, images: Images, threads: int) -> Any:
        from napari_latentdyn.core.observations.observations import Observations
        from napari_latentdyn.core.training.fit import fit
        from napari_latentdyn.generators import drain

        settings = self._settings(threads)
        axis = 0 if self.channels > 1 else None
        observations = Observations.from_arrays(
            *images, channel_axis=axis, settings=settings.images
        )
        return drain(fit(observations, settings))


def set_threads(threads: int) -> None:
    """Set the threads of all libraries that are timed."""
    import torch

    torch.set_num_threads(threads)
    try:
        import cv2
    except ImportError:
        return
    cv2.setNumThreads(threads)


def _flow(images: Images, settings: Any) -> Callable[[], object]:
    from benchmarks.accuracy.flows import flow_outcome

    from napari_latentdyn.core.baselines.dis import dis_tuned
    from napari_latentdyn.core.dynamics.result import frame_times

    first, last = images
    # Both ends are the images themselves and cost nothing.
    between = frame_times(settings)[1:-1].tolist()

    def make() -> NDArray[np.float32]:
        frames = flow_outcome(dis_tuned, first, last, between).frames
        return np.concatenate([first[None], frames, last[None]])

    return make


def _frames(dynamics: Any) -> Callable[[], object]:
    from napari_latentdyn.viewer.layers import result_layers

    # With the confidence of the arrows, which hides doubtful ones.
    return lambda: result_layers(dynamics.at(FRAME_TIMES))
