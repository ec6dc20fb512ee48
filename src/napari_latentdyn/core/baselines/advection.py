"""Advection of the images themselves: encoder and decoder are the identity.

The second of the methods that the paper compares with (HLG section 4). One
displacement field per stage is fitted so that the first image, carried through
all stages, becomes the last; the same from the last to the first. Frames of both
are mixed by time. Where the motion is large, the result depends on rounding: at its
pixels, where the fit begins, an image has a different slope on either side.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.baselines.interface import Interpolation, OnProgress, ShouldStop, Times
from napari_latentdyn.core.baselines.progress import make_frames, report_step, within_range
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.errors import Stopped

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["AdvectedImages", "image_advection"]

#: Steps of the optimiser on each scale, the coarsest first.
_STEPS = (150, 150, 120, 60)
_SMALLEST = 24
_LARGEST = 288
#: Pixels between the nodes of a field.
_SPACING = 4
_RATE = 0.4
_WEIGHT_SPACE = 0.02
_WEIGHT_TIME = 0.02
_ROUNDING = 1e-4


def image_advection(
    observations: Observations, times: Times, *, should_stop: ShouldStop, on_progress: OnProgress
) -> Interpolation:
    """Carry both images along fitted fields and mix the results by time.

    The fields are fitted to the mean of the normalised channels, reduced to a longest
    side of 288 pixels; all channels are carried along them. Both ends are the images.
    """
    from napari_latentdyn.core.networks.device import use_threads

    use_threads(0)
    first, last = (image.mean(axis=0) for image in observations.normalised())

    def on_step(done: float) -> None:
        if should_stop():
            raise Stopped
        report_step(on_progress, round(100 * done), 100, "Fitting the fields")

    advected = AdvectedImages.fitted(first, last, times, on_step)

    def made(time: float) -> NDArray[np.float32]:
        # The count of threads belongs to a thread, and this is another one.
        use_threads(0)
        return advected.frame(observations.images[0], observations.images[1], time)

    frames = make_frames(observations, times, made, should_stop, on_progress)
    return Interpolation(frames, advected.velocity())


class AdvectedImages:
    """Fields (n, 2, H, W) that carry the first of two images to the last, and back.

    Each holds the displacement of a stage in pixels, at the place of arrival.
    """

    def __init__(self, on: Tensor, back: Tensor) -> None:
        self._on, self._back = on, back

    @classmethod
    def fitted(
        cls,
        first: NDArray[np.float32],
        last: NDArray[np.float32],
        times: Sequence[float] | NDArray[np.float64],
        on_step: Callable[[float], None] = lambda _: None,
    ) -> AdvectedImages:
        """Fit the fields to two grey images (H, W) with values of about 0 to 1.

        The number of stages is chosen so that frames at `times` lie between two stages;
        `on_step` receives the part of the work that is done, from 0 to 1.
        """
        import torch

        n = _stages(times)
        a, b = (
            torch.from_numpy(np.ascontiguousarray(image))[None, None] for image in (first, last)
        )
        on = _fitted(a, b, n, lambda done: on_step(done / 2))
        return cls(on, _fitted(b, a, n, lambda done: on_step((1 + done) / 2)))

    def frame(
        self, first: NDArray[np.float32], last: NDArray[np.float32], time: float
    ) -> NDArray[np.float32]:
        """Return the frame (C, H, W) of two images at a time, within their range."""
        import torch

        a, b = (torch.from_numpy(np.ascontiguousarray(image))[None] for image in (first, last))
        early, late = _frame(a, self._on, time), _frame(b, self._back, 1 - time)
        return within_range((1 - time) * early + time * late, first, last)

    def velocity(self) -> NDArray[np.float32]:
        """Return the field of each stage, shape (n, 2, H, W), in pixels per stage.

        The mean of the field at the end of a stage and of that at its start holds in the middle.
        """
        return np.asarray(((self._on - self._back.flip(0)) / 2).numpy())

    def displacement(self) -> NDArray[np.float32]:
        """Return the displacement of the pixels of the first image, shape (2, H, W)."""
        # The last image is read there to become the first, so the pixels of the first moved there.
        return np.asarray(_composed(self._back)[0].numpy())


def _stages(times: Sequence[float] | NDArray[np.float64]) -> int:
    """Return a number of stages for which all times lie between two stages, else 4."""
    for n in range(4, 9):
        places = np.asarray(times) * n
        if np.allclose(places, np.round(places), atol=1e-3):
            return n
    return 4


def _fitted(a: Tensor, b: Tensor, n: int, on_step: Callable[[float], None]) -> Tensor:
    """Return the fields (n, 2, H, W), in pixels per stage, that carry one image to another."""
    import torch

    shape = a.shape[-2:]
    factor = min(1.0, _LARGEST / max(shape))
    if factor < 1:
        size = (round(shape[0] * factor), round(shape[1] * factor))
        a, b = _resized(a, size), _resized(b, size)
    height, width = a.shape[-2:]
    levels = max(1, min(len(_STEPS), int(math.log2(min(height, width) / _SMALLEST)) + 1))
    # A step takes four times as long as on the next coarser scale.
    work = [steps * 4.0**level for level, steps in enumerate(_STEPS[:levels])]
    fields = torch.zeros(n, 2, 1, 1)
    for level, steps in zip(reversed(range(levels)), _STEPS, strict=False):
        size = (max(8, round(height / 2**level)), max(8, round(width / 2**level)))
        scale = levels - 1 - level
        before, share = sum(work[:scale]) / sum(work), work[scale] / sum(work)

        def on_part(done: float, before: float = before, share: float = share) -> None:
            on_step(before + share * done)

        fields = _refined(fields, _resized(a, size), _resized(b, size), steps, on_part)
    return _rescaled(fields, tuple(shape), tuple(fields.shape[-2:]))


def _refined(
    fields: Tensor, a: Tensor, b: Tensor, steps: int, on_step: Callable[[float], None]
) -> Tensor:
    """Fit the fields on one scale, starting from those of the scale before."""
    import torch

    n, size = len(fields), tuple(a.shape[-2:])
    before = tuple(fields.shape[-2:])
    nodes = (max(4, size[0] // _SPACING), max(4, size[1] // _SPACING))
    knots = _rescaled(fields, nodes, before, size).clone().requires_grad_(True)
    optimiser = torch.optim.Adam([knots], lr=4 * _RATE / n)
    decay = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda i: 0.1 + 0.45 * (1 + math.cos(math.pi * i / steps))
    )
    for step in range(steps):
        on_step(step / steps)
        missed = _read(a, _composed(_stretched(knots, size))) - b
        loss = _rounded(missed)
        loss = loss + _WEIGHT_SPACE * sum(_rounded(n * knots.diff(dim=axis)) for axis in (2, 3))
        loss = loss + _WEIGHT_TIME * (n * knots.diff(dim=0)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        decay.step()
    return _stretched(knots.detach(), size)


def _frame(image: Tensor, fields: Tensor, time: float) -> NDArray[np.float32]:
    import torch

    place = time * len(fields)
    whole = math.floor(place + 1e-6)
    part = place - whole
    stages = fields[:whole]
    if part > 1e-3:
        stages = torch.cat([stages, part * fields[whole : whole + 1]])
    return np.asarray(_read(image, _composed(stages), "bicubic")[0].numpy())


def _composed(fields: Tensor) -> Tensor:
    """Return where a pixel's value comes from after all stages, relative to it."""
    total = fields.new_zeros(1, *fields.shape[1:])
    for k in range(len(fields)):
        total = _read(total, -fields[k : k + 1]) - fields[k : k + 1]
    return total


def _read(
    values: Tensor, displacement: Tensor, mode: Literal["bilinear", "bicubic"] = "bilinear"
) -> Tensor:
    from napari_latentdyn.core.physics.sampling import pixel_grid, sample

    return sample(values, pixel_grid(*values.shape[-2:]) + displacement, mode)


def _rounded(difference: Tensor) -> Tensor:
    """Return the mean size of a difference, smooth around zero."""
    return (difference.square() + _ROUNDING).sqrt().mean()


def _stretched(fields: Tensor, size: tuple[int, ...]) -> Tensor:
    from torch.nn import functional

    return functional.interpolate(fields, size, mode="bilinear", align_corners=False)


def _rescaled(
    fields: Tensor,
    nodes: tuple[int, ...],
    before: tuple[int, ...],
    after: tuple[int, ...] | None = None,
) -> Tensor:
    """Bring fields to other nodes, and displacements to images of another size."""
    after = after or nodes
    factor = fields.new_tensor([after[0] / before[0], after[1] / before[1]]).view(1, 2, 1, 1)
    return _stretched(fields, nodes) * factor


def _resized(image: Tensor, size: tuple[int, ...]) -> Tensor:
    from torch.nn import functional

    if tuple(image.shape[-2:]) == tuple(size):
        return image
    return functional.interpolate(image, size, mode="bilinear", antialias=True, align_corners=False)
