"""Initial fields: zero, extracted by networks, or matched."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from skimage.registration import phase_cross_correlation

from napari_latentdyn.core.knowledge.knowledge import Knowledge
from napari_latentdyn.core.knowledge.regions import Regions
from napari_latentdyn.core.matching.brightness import follow_brightness
from napari_latentdyn.core.matching.ensemble import Ensemble, StoredEnsembles
from napari_latentdyn.core.matching.features import MemberParameters
from napari_latentdyn.core.matching.known import (
    agreeing,
    guidance_of,
    is_contradicted,
    respect_regions,
    window_of_interest,
)
from napari_latentdyn.core.matching.members import TILE
from napari_latentdyn.core.matching.pyramid import match_members
from napari_latentdyn.core.matching.series import followed, share_of_courses
from napari_latentdyn.core.matching.store import IntervalStore
from napari_latentdyn.core.matching.tracked import follow_tracks
from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.moving import moving_part
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.observations.patches import covering
from napari_latentdyn.core.physics.constraints import Constraint
from napari_latentdyn.core.physics.course import stage_fields
from napari_latentdyn.core.training.known_tracks import uses_tracks
from napari_latentdyn.core.training.prior import prior_velocity
from napari_latentdyn.errors import SettingsError
from napari_latentdyn.generators import mapped
from napari_latentdyn.settings import Settings

__all__ = [
    "common_drift",
    "initial_velocities",
    "match_intervals",
    "reduced_velocities",
    "start_fields",
]

Matching = Generator[tuple[float, int, str], None, tuple[Ensemble, tuple[MemberParameters, ...]]]

#: Largest part of the difference of the images that a common drift may leave, and the standard
#: deviation in pixels of the neighbourhood in which the differences are compared.
_CLEARLY_BETTER = 0.95
_AROUND = 4.0
#: Margin in pixels of a tile whose stage fields are computed, beside the way of its points.
_AHEAD = 16


def initial_velocities(
    observations: Observations,
    settings: Settings,
    device: torch.device,
    model: LatentDynamics | None = None,
) -> Generator[tuple[float, int, str], None, tuple[Observations, Ensemble]]:
    """Find the velocities from which training starts.

    Matching starts from the fields of a trained `model`, or from zero without a model. Yields
    the finished work, the total work and a message. Returns the observations, with the change
    of brightness if one was found, and the ensemble, which has one member unless matched. Raises
    SettingsError for a constraint without matching.
    """
    method = settings.model.initial_fields
    constraint = Constraint.of(settings.physics, observations.known.regions)
    if method != "matched" and constraint is not None:
        bodies = settings.physics.constraint == "none"
        named = "rigid bodies need" if bodies else "a constraint needs"
        remedy = "leave the rigid bodies out" if bodies else "physics.constraint none"
        raise SettingsError(
            f"{named} matched initial fields: model.initial_fields must be matched; got {method}. "
            f"Choose another preset, or {remedy}."
        )
    if method == "zero":
        return observations, Ensemble.equal(np.zeros((1, 2, *observations.shape), np.float32))
    if method == "extracted":
        yield 0, 1, "Extracting the fields"
        velocity = np.zeros((2, *observations.shape), np.float32)
        if model is not None:
            velocity = prior_velocity(model, observations, np.zeros(2, np.float32))
        return observations, Ensemble.equal(velocity[None])
    return (yield from _matched(observations, settings, device, model))


def _matched(
    observations: Observations,
    settings: Settings,
    device: torch.device,
    model: LatentDynamics | None,
) -> Generator[tuple[float, int, str], None, tuple[Observations, Ensemble]]:
    window = window_of_interest(observations.known.regions)
    part = observations if window is None else observations.crop(window)
    found, ensemble, _ = yield from reduced_velocities(part, settings, device, model)
    if window is None:
        return found, ensemble
    whole = observations.with_brightness(found.brightness)
    return whole, ensemble.embedded(window, observations.shape)


def reduced_velocities(
    observations: Observations,
    settings: Settings,
    device: torch.device,
    model: LatentDynamics | None = None,
    *,
    finer: int = 0,
) -> Generator[
    tuple[float, int, str], None, tuple[Observations, Ensemble, tuple[MemberParameters, ...]]
]:
    """Match two images, of which `finer` larger levels are matched later.

    Yields and returns what `initial_velocities` does, and the parameters of the members.
    """
    whole, observations = observations, moving_part(observations)
    known, members, motion = observations.known, settings.model.members, settings.physics.motion
    tracks = None if known.tracks is None else known.tracks.used
    passes = 1 if tracks is None else 2
    total = 1 + passes * members
    yield 0, total, "Looking for a common drift"
    drift = common_drift(*_comparable(observations))
    prior = None
    if model is not None:
        yield 0, total, "Extracting the fields"
        prior = prior_velocity(model, observations, drift)
    if settings.images.brightness == "follow":
        comparing = follow_brightness(
            observations, drift if prior is None else prior, motion, device
        )
        followed = yield from mapped(comparing, lambda _: (0.0, total, "Comparing brightness"))
        if model is not None and followed.brightness is not observations.brightness:
            prior = prior_velocity(model, followed, drift)
        observations = followed
    first, last = (image.mean(axis=0) for image in observations.normalised())
    shape, valid = observations.shape, (observations.valid[0], observations.valid[1])

    def matched(known: Knowledge, number: int) -> Matching:
        matching = match_members(
            (first, last),
            valid,
            drift,
            members,
            motion,
            device,
            prior=prior,
            weigh=settings.model.weighting == "held_out" and members > 1,
            short=settings.model.refinement == "short",
            finer=finer,
            guidance=guidance_of(known, shape, device),
            constraint=Constraint.of(settings.physics, known.regions),
        )

        def tell(part: float) -> tuple[float, int, str]:
            return 1 + members * min(part + number, passes), total, "Matching the images…"

        return mapped(matching, tell)

    ensemble, parameters = yield from matched(known, 0)
    if tracks is not None and ensemble.evidence is not None:
        # Images decide where they contradict a track.
        alone = yield from matched(replace(known, tracks=None), 1)
        if is_contradicted(ensemble, alone[0]):
            rest = agreeing(tracks, alone[0].centre)
            ensemble, parameters = alone
            if rest is not None:
                found = yield from matched(replace(known, tracks=rest), 2)
                if not is_contradicted(found[0], alone[0]):
                    ensemble, parameters = found
    ensemble = respect_regions(ensemble, observations.known.regions)
    if whole.known.regions.blocked is not None:
        observations = whole.with_brightness(observations.brightness)
    return observations, ensemble, parameters


def match_intervals(
    observations: Observations,
    settings: Settings,
    device: torch.device,
    model: LatentDynamics | None = None,
    store: IntervalStore | None = None,
) -> Generator[tuple[float, int, str], None, tuple[Observations, Sequence[Ensemble]]]:
    """Find the ensemble of each of the K - 1 intervals; see `initial_velocities`.

    With a `store`, ensembles are kept there instead of in the memory, and those that it holds are
    not matched again.
    """
    follows = settings.model.initial_fields == "matched" and settings.physics.follow_series
    count = len(observations) - 1
    known = store.followed if store and follows and not store.followed.missing() else None
    files = known or (store.matched if store else None)
    missing = range(count) if files is None else files.missing()
    found: list[Ensemble] = []
    finished = 0

    def tell(step: tuple[float, int, str]) -> tuple[float, int, str]:
        done, total, message = step
        return done + finished * total, total * len(missing), message

    for index in range(count):
        brightness = None
        if index in missing:
            working = initial_velocities(observations.interval(index), settings, device, model)
            interval, ensemble = yield from mapped(working, tell)
            finished += 1
            if interval.brightness is not None:
                brightness = interval.brightness[1]
            if files is None:
                found.append(ensemble)
            else:
                files.write(index, ensemble, brightness)
        elif files is not None:
            brightness = files.brightness(index)
        if brightness is not None:
            observations = observations.with_brightness_of(index + 1, brightness)
    ensembles: Sequence[Ensemble] = tuple(found) if files is None else files.ensembles()
    if follows and count > 1:
        if known is None:
            ensembles = yield from _follow(observations, ensembles, settings, store)
    elif observations.known.tracks is not None and uses_tracks(settings):
        ensembles = _on_tracks(observations, ensembles, settings)
    return observations, ensembles


def _follow(
    observations: Observations,
    ensembles: Sequence[Ensemble],
    settings: Settings,
    store: IntervalStore | None,
) -> Generator[tuple[float, int, str], None, Sequence[Ensemble]]:
    """Bring the ensembles of a series on the courses that their neighbours give."""
    count, times = len(ensembles), observations.times
    # Nearly the end of the matching, in hundredths of the work.
    step = (100 * count - 1, 100 * count, "Following the paths through the series")
    images = observations.normalised().mean(axis=1)
    finding = share_of_courses(ensembles, times, images)
    share = yield from mapped(finding, lambda _: step)
    motion, known = settings.physics.motion, observations.known
    following: Iterator[Ensemble] = (
        one.constrained(Constraint.of(settings.physics, known.regions.of_images(k, k + 1)))
        for k, one in enumerate(followed(ensembles, times, share, motion))
    )
    if known.tracks is not None:
        following = (
            follow_tracks(one, known.between(k, k + 1, times).tracks, motion)
            for k, one in enumerate(following)
        )
    if store is None:
        return tuple(following)
    for _ in store.follow(following):
        yield step
    return store.followed.ensembles()


def _on_tracks(
    observations: Observations, ensembles: Sequence[Ensemble], settings: Settings
) -> Sequence[Ensemble]:
    """Return the ensembles with points that move when the tracks say."""

    def read(index: int) -> Ensemble:
        known = observations.known.between(index, index + 1, observations.times)
        return follow_tracks(ensembles[index], known.tracks, settings.physics.motion)

    return StoredEnsembles(len(ensembles), read)


def start_fields(
    ensemble: Ensemble, settings: Settings, regions: Regions | None = None
) -> NDArray[np.float32]:
    """Return the stage fields (n, 2, H, W) of the centre of the members, in pixels per stage.

    They are zero in the still `regions` and walls of the interval.
    """
    centre, stages = torch.from_numpy(ensemble.centre)[None], settings.model.stages
    shape = (centre.shape[-2], centre.shape[-1])
    fields = np.empty((stages, *centre.shape[1:]), np.float32)
    deviation = None if ensemble.course is None else ensemble.course.deviation
    beyond = 0.0 if deviation is None else float(np.abs(deviation).max(initial=0.0))
    # Tile by tile: tensors of large images leave the caches.
    for tile in covering(shape, TILE):
        reach = float(centre[(..., *tile.slices)].abs().max()) + beyond
        window = tile.grown(_AHEAD + math.ceil(reach), shape)
        course = None if ensemble.course is None else ensemble.course.crop(window)
        part = centre[(..., *window.slices)]
        found = stage_fields(part, stages, settings.physics.motion, course)
        fields[(..., *tile.slices)] = found[(0, ..., *tile.within(window).slices)]
    blocked = None if regions is None else regions.blocked_between
    if blocked is not None:
        fields[..., blocked] = 0.0
    return fields


def common_drift(first: NDArray[np.float32], last: NDArray[np.float32]) -> NDArray[np.float32]:
    """Displacement of the scene as a whole between two images of zero mean, (dy, dx) in pixels.

    The peak of the phase correlation counts only if moving the image by it explains the
    other image better than not moving it, as a whole and in more than half of the area: one
    bright body that moves over static ground, or a rotation, is not a common drift and gives 0.
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


def _comparable(observations: Observations) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return one grey image per end, of zero mean and unit deviation."""
    out = []
    for image, mask in zip(observations.normalised().mean(axis=1), observations.valid, strict=True):
        values = image[mask]
        out.append(((image - values.mean()) / max(float(values.std()), 1e-6)).astype(np.float32))
    return out[0], out[1]
