"""Entropic optimal transport: debiased barycentres of the two images (POT)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.baselines.interface import Interpolation, OnProgress, ShouldStop, Times
from napari_latentdyn.core.baselines.progress import dissolved, make_frames
from napari_latentdyn.core.baselines.transport import Masses, masses_of
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.errors import FitError

__all__ = ["entropic_transport"]

#: Width of the kernel in pixels.
_SIGMA = 2.0
#: Longest side on which barycentres are computed: their cost grows with its third power.
_LARGEST = 192
_ITERATIONS = 120
_TOLERANCE = 1e-3
#: Mass of a pixel without mass, as a part of the largest: every pixel needs some.
_FLOOR = 1e-6
#: Least value of a logarithm's argument. POT's own (1e-15) is reached where mass moves by more
#: than eight widths of the kernel, and the barycentre breaks up into both images.
_STABLE = 1e-300


def entropic_transport(
    observations: Observations, times: Times, *, should_stop: ShouldStop, on_progress: OnProgress
) -> Interpolation:
    """Make frames as barycentres of both images in the entropic transport distance.

    Intensity above the darkest pixel is mass, channel by channel. Both images are scaled
    to mass 1; a frame is their debiased convolutional barycentre (Janati, Cuturi and
    Gramfort, 2020) with the weights 1 - t and t, scaled to the mass that lies linearly
    between those of the two images. Images with a longest side above 192 pixels are
    reduced to it, and their frames enlarged again. The kernel is 2 pixels wide: finer
    structure is blurred, except at both ends, which are the images. There is no field.
    A barycentre that is not finite raises FitError.
    """
    channels = [masses_of(observations, c) for c in range(observations.channels)]
    reduced = [None if m is None else [_reduced(m.first), _reduced(m.last)] for m in channels]

    def made(time: float) -> NDArray[np.float64]:
        frame = []
        for c, (masses, ends) in enumerate(zip(channels, reduced, strict=True)):
            if masses is None or ends is None:
                frame.append(dissolved(observations, time)[c])
            else:
                frame.append(_between(masses, ends, time))
        return np.stack(frame)

    return Interpolation(make_frames(observations, times, made, should_stop, on_progress))


def _between(masses: Masses, ends: list[NDArray[np.float64]], time: float) -> NDArray[np.float64]:
    height, width = ends[0].shape
    centre = _barycentre(np.stack([_square(end) for end in ends]), time)[:height, :width]
    return masses.image(_resized(centre, masses.first.shape), time)


def _barycentre(shares: NDArray[np.float64], time: float) -> NDArray[np.float64]:
    """Return the barycentre (n, n) of two distributions (2, n, n) at a time."""
    import torch
    from ot.bregman import convolutional_barycenter2d_debiased

    from napari_latentdyn.core.networks.device import use_threads

    use_threads(0)
    # POT measures distances as parts of the side.
    entropy = 2.0 * (_SIGMA / (shares.shape[-1] - 1)) ** 2
    # With tensors, because POT convolves arrays of NumPy many times more slowly.
    centre = convolutional_barycenter2d_debiased(
        torch.from_numpy(shares),
        entropy,
        weights=torch.tensor([1 - time, time], dtype=torch.float64),
        numItermax=_ITERATIONS,
        stopThr=_TOLERANCE,
        stabThr=_STABLE,
        # An iteration that stops before it converges only blurs the result.
        warn=False,
    ).numpy()
    if not (np.isfinite(centre).all() and centre.sum() > 0):
        raise FitError("entropic transport failed for these images; try the method 'transport'.")
    return np.asarray(centre)


def _square(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add pixels without mass to the shorter side: POT takes both sides for equally long."""
    side = max(share.shape)
    square = np.zeros((side, side))
    square[: share.shape[0], : share.shape[1]] = share
    square = np.maximum(square, _FLOOR * square.max())
    return np.asarray(square / square.sum())


def _reduced(share: NDArray[np.float64]) -> NDArray[np.float64]:
    factor = min(1.0, _LARGEST / max(share.shape))
    return _resized(share, tuple(max(1, round(side * factor)) for side in share.shape))


def _resized(share: NDArray[np.float64], size: tuple[int, ...]) -> NDArray[np.float64]:
    from skimage.transform import resize

    if share.shape == size:
        return share
    smaller = size[0] < share.shape[0] or size[1] < share.shape[1]
    # Scaled for the interpolation, which has absolute tolerances.
    scale = float(share.max())
    return np.asarray(resize(share / scale, size, order=1, mode="edge", anti_aliasing=smaller))
