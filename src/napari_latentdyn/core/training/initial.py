"""Initial fields: a common drift, what networks extract, optical flow or matching."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from skimage.registration import optical_flow_tvl1, phase_cross_correlation
from skimage.transform import resize

from napari_latentdyn.core.matching import match_members
from napari_latentdyn.core.matching.brightness import follow_brightness
from napari_latentdyn.core.matching.ensemble import Ensemble
from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.pair import ImagePair
from napari_latentdyn.core.physics.characteristics import Characteristics
from napari_latentdyn.core.physics.motion import stage_fields
from napari_latentdyn.core.physics.sampling import pixel_grid
from napari_latentdyn.core.training.prior import prior_velocity
from napari_latentdyn.generators import mapped
from napari_latentdyn.settings import Settings

__all__ = ["common_drift", "initial_velocities", "start_fields", "steady_field"]

Field = NDArray[np.float32]

#: Longest side in pixels at which optical flow is computed: one call stays below a second, so
#: that a user who cancels does not wait, and a large image does not cost minutes.
_FLOW_SIDE = 160
_STEADY_STAGES = 8
#: Part of the difference of the images that a common drift has to leave at most, and the standard
#: deviation in pixels of the neighbourhood in which that is asked.
_CLEARLY_BETTER = 0.95
_AROUND = 4.0


def initial_velocities(
    pair: ImagePair,
    settings: Settings,
    device: torch.device,
    model: LatentDynamics | None = None,
) -> Generator[tuple[float, int, str], None, tuple[ImagePair, Ensemble]]:
    """Find the velocities from which training starts.

    Parameters
    ----------
    pair : ImagePair
        The images.
    settings : Settings
        `model.initial_fields` says how far to go, `model.members` how many
        matched velocities there are, `model.weighting` how much each counts,
        `physics.motion` how points travel, `images.brightness` whether a change
        of brightness is looked for.
    device : torch.device
        Where matching computes.
    model : LatentDynamics, optional
        Networks that have learned before: matching starts from what they
        extract, and adds its detail, instead of from nothing.

    Yields
    ------
    (float, int, str)
        Pieces of work done, all of them, and what is done now.

    Returns
    -------
    pair : ImagePair
        The same, with what changed of its brightness as a whole.
    ensemble : Ensemble
        Of one member unless matched.
    """
    method = settings.model.initial_fields
    if method == "zero":
        return pair, Ensemble.equal(np.zeros((1, 2, *pair.shape), np.float32))
    if method == "extracted":
        yield 0, 1, "Extracting the fields"
        still = np.zeros(2, np.float32)
        velocity = (
            np.zeros((2, *pair.shape), np.float32)
            if model is None
            else prior_velocity(model, pair, still)
        )
        return pair, Ensemble.equal(velocity[None])
    if method == "matched":
        return (yield from _matched(pair, settings, device, model))
    total = {"drift": 1, "flow": 4}[method]
    yield 0, total, "Looking for a common drift"
    drift = common_drift(*_comparable(pair))
    field = np.zeros((2, *pair.shape), np.float32)
    if method == "flow":
        field = yield from _optical_flow(pair, drift, total)
    return pair, Ensemble.equal((field + drift[:, None, None]).astype(np.float32)[None])


def _matched(
    pair: ImagePair, settings: Settings, device: torch.device, model: LatentDynamics | None
) -> Generator[tuple[float, int, str], None, tuple[ImagePair, Ensemble]]:
    members, motion = settings.model.members, settings.physics.motion
    total = 1 + members
    yield 0, total, "Looking for a common drift"
    drift = common_drift(*_comparable(pair))
    prior = None
    if model is not None:
        yield 0, total, "Extracting the fields"
        prior = prior_velocity(model, pair, drift)
    if settings.images.brightness == "follow":
        comparing = follow_brightness(pair, drift if prior is None else prior, motion, device)
        followed = yield from mapped(comparing, lambda _: (0.0, total, "Comparing brightness"))
        if model is not None and followed.brightness is not pair.brightness:
            prior = prior_velocity(model, followed, drift)
        pair = followed
    first, last = (image.mean(axis=0) for image in pair.normalised())
    matching = match_members(
        (first, last),
        (pair.valid_first, pair.valid_last),
        drift,
        members,
        motion,
        device,
        prior=prior,
        weigh=settings.model.weighting == "held_out" and members > 1,
        short=settings.model.refinement == "short",
    )

    def say(told: tuple[int, float]) -> tuple[float, int, str]:
        done, part = told
        return 1 + done + part, total, f"Matching the images ({done + 1} of {members})…"

    return pair, (yield from mapped(matching, say))


def start_fields(ensemble: Ensemble, settings: Settings) -> Field:
    """Return the stage fields of the centre of the members.

    Parameters
    ----------
    ensemble : Ensemble
        Velocities half way.
    settings : Settings
        `model.stages` and `physics.motion`.

    Returns
    -------
    ndarray of float32, shape (n, 2, H, W)
        Pixels per stage.
    """
    centre = torch.from_numpy(ensemble.centre)[None]
    fields: Field = stage_fields(centre, settings.model.stages, settings.physics.motion)[0].numpy()
    return fields


def _optical_flow(
    pair: ImagePair, drift: NDArray[np.float32], total: int
) -> Generator[tuple[float, int, str], None, Field]:
    """Steady field of the flow that is left when a common drift is taken out."""
    height, width = pair.shape
    first, last = _comparable(pair)
    scale = min(1.0, _FLOW_SIDE / max(height, width))
    shape = (max(16, round(height * scale)), max(16, round(width * scale)))
    factor = np.array([height / shape[0], width / shape[1]], np.float32)
    # Both images move half of the drift each, so that neither loses more than the other.
    a = _shrink(ndimage.shift(first, drift / 2, order=1, mode="nearest"), shape)
    b = _shrink(ndimage.shift(last, -drift / 2, order=1, mode="nearest"), shape)
    yield 1, total, "Optical flow from the first image to the last"
    there = _flow(a, b)
    yield 2, total, "Optical flow from the last image to the first"
    back = _flow(b, a)
    yield 3, total, "One steady field from both"
    steady = [
        resize(component, (height, width), order=1, mode="edge")
        for component in steady_field(there, back)
    ]
    return np.stack(steady).astype(np.float32) * factor[:, None, None]


def common_drift(first: NDArray[np.float32], last: NDArray[np.float32]) -> NDArray[np.float32]:
    """Displacement of the scene as a whole, (dy, dx) in pixels, or zero.

    The peak of the phase correlation is believed only if moving the image by it
    explains the other image better than not moving it, as a whole and in more
    than half of the area: one bright body that moves over static ground, or a
    rotation, is no common drift.

    Parameters
    ----------
    first, last : ndarray of float32, shape (H, W)
        Images of about zero mean.
    """
    window = np.outer(*(np.hanning(n + 2)[1:-1] for n in first.shape))
    shift, _, _ = phase_cross_correlation(
        last * window, first * window, upsample_factor=10, normalization="phase"
    )
    shift = np.asarray(shift, np.float32)
    if np.any(np.abs(shift) > 0.5 * np.array(first.shape)):
        return np.zeros(2, np.float32)
    moved = ndimage.shift(first, shift, order=1, mode="constant", cval=np.nan)
    seen = np.isfinite(moved)
    with_it = np.where(seen, np.abs(moved - last), 0.0)
    without = np.where(seen, np.abs(first - last), 0.0)
    better = with_it[seen].mean() < _CLEARLY_BETTER * without[seen].mean()
    nearby, nearby_without = (ndimage.gaussian_filter(d, _AROUND) for d in (with_it, without))
    share = (nearby < _CLEARLY_BETTER * nearby_without)[seen].mean()
    return shift if better and share > 0.5 else np.zeros(2, np.float32)


def steady_field(there: Field, back: Field, iterations: int = 3) -> Field:
    """One velocity field whose integral from end to end is a given displacement.

    Half the difference of the two displacements is close to the velocity half
    way; what its integral misses of them is added a few times.

    Parameters
    ----------
    there : ndarray, shape (2, H, W)
        Displacement of the pixels of the first image, in pixels.
    back : ndarray, shape (2, H, W)
        Displacement of the pixels of the last image back to the first.
    iterations : int
        Number of corrections.

    Returns
    -------
    ndarray of float32, shape (2, H, W)
        Pixels per interval.
    """
    paths = Characteristics()
    target_on = torch.from_numpy(there.astype(np.float32))[None]
    target_back = torch.from_numpy(back.astype(np.float32))[None]
    velocity = (target_on - target_back) / 2
    grid = pixel_grid(*there.shape[-2:])
    for _ in range(iterations):
        stages = (velocity / _STEADY_STAGES)[:, None].expand(-1, _STEADY_STAGES, -1, -1, -1)
        missed_on = target_on - (paths.trace(1, stages, grid, 0.0) - grid)
        missed_back = target_back - (paths.trace(0, stages, grid, 1.0) - grid)
        correction = (missed_on - missed_back) / 2
        # Occlusions and cracks cannot be met by a steady field: do not chase them.
        velocity = velocity + correction.clamp(-2.0, 2.0)
    return velocity[0].numpy()


def _comparable(pair: ImagePair) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One grey image per end, of zero mean and unit deviation: brightness may have changed."""
    grey = [image.mean(axis=0) for image in pair.normalised()]
    valid = [pair.valid_first, pair.valid_last]
    out = []
    for image, mask in zip(grey, valid, strict=True):
        values = image[mask]
        out.append(((image - values.mean()) / max(float(values.std()), 1e-6)).astype(np.float32))
    return out[0], out[1]


def _shrink(image: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    if image.shape == shape:
        return image
    return np.asarray(resize(image, shape, order=1, anti_aliasing=True), np.float32)


def _flow(a: NDArray[np.float32], b: NDArray[np.float32]) -> Field:
    # The images have unit deviation here, about four times that of images in [0, 1].
    flow = optical_flow_tvl1(
        a / 4, b / 4, attachment=5, num_warp=10, num_iter=20, prefilter=False, dtype=np.float32
    )
    return np.asarray(flow, np.float32)
