"""Initial fields: none, those that networks extract, or matched ones."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from skimage.registration import phase_cross_correlation

from napari_latentdyn.core.matching.brightness import follow_brightness
from napari_latentdyn.core.matching.ensemble import Ensemble
from napari_latentdyn.core.matching.pyramid import match_members
from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.pair import ImagePair
from napari_latentdyn.core.physics.motion import stage_fields
from napari_latentdyn.core.training.prior import prior_velocity
from napari_latentdyn.generators import mapped
from napari_latentdyn.settings import Settings

__all__ = ["common_drift", "initial_velocities", "start_fields"]

Field = NDArray[np.float32]

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
    return (yield from _matched(pair, settings, device, model))


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


def _comparable(pair: ImagePair) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One grey image per end, of zero mean and unit deviation: brightness may have changed."""
    grey = [image.mean(axis=0) for image in pair.normalised()]
    valid = [pair.valid_first, pair.valid_last]
    out = []
    for image, mask in zip(grey, valid, strict=True):
        values = image[mask]
        out.append(((image - values.mean()) / max(float(values.std()), 1e-6)).astype(np.float32))
    return out[0], out[1]
