"""Learn from a series: hide images, predict them from their neighbours, and compare."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_latentdyn.core.matching.ensemble import Ensemble
from napari_latentdyn.core.matching.series import follow_courses
from napari_latentdyn.core.matching.tracked import follow_tracks
from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.rendering.coefficients import fit_coefficients
from napari_latentdyn.core.rendering.correction import Correction
from napari_latentdyn.core.rendering.renderer import Renderer
from napari_latentdyn.core.runfolder.schema import HiddenReport
from napari_latentdyn.core.training.initial import initial_velocities, start_fields
from napari_latentdyn.core.training.pace import MOST_HIDDEN
from napari_latentdyn.generators import mapped
from napari_latentdyn.settings import Settings

__all__ = ["HiddenImages", "learn_correction"]

#: Standard deviation in pixels of the neighbourhood in which squared errors are compared with the
#: disagreement of the observations, and the factor by which errors are larger without weight.
_AROUND, _EXCESS = 3.0, 0.5
#: Squared difference of intensity that is added to the disagreement, against division by zero.
_LEAST = 1e-6
#: Damping of the least-squares fit, relative to the error of a frame.
_DAMPING = 1e-3
#: Part of the learned evening that is kept: it mends errors of the motion, which are half as
#: large where the interval is half as long.
_KEPT = np.array([1.0, 1.0, 0.5])
#: Parts, side by side, of a single hidden image: each is judged by the others.
_PARTS = 4


@dataclass(frozen=True)
class HiddenImages:
    """Error of hidden images that were predicted from their neighbours.

    Attributes
    ----------
    count : int
        Number of hidden images.
    before, after : float
        Root mean square errors as parts of the intensity range, without and with a correction
        that was learned from the others of these images.
    """

    count: int
    before: float
    after: float

    @property
    def is_better(self) -> bool:
        """Whether the correction helps where it was not learned."""
        return self.after < self.before

    def to_report(self) -> HiddenReport:
        """Return the errors for a report."""
        return HiddenReport(
            images=self.count, before=self.before, after=self.after, kept=self.is_better
        )


@dataclass(frozen=True, eq=False)
class _Sample:
    """Normal equations of a part of a hidden image.

    `matrix` (3, 3) and `vector` (3,) weigh places by how far their error can be explained;
    `squares` (4, 4) are the plain products of error and terms, for the error of any correction.
    """

    matrix: NDArray[np.float64]
    vector: NDArray[np.float64]
    squares: NDArray[np.float64]
    pixels: int

    def error(self, shares: NDArray[np.float64]) -> float:
        """Return the sum of squared errors with shares of the terms, (3,)."""
        way = np.append(-1.0, shares)
        return float(way @ self.squares @ way)


def learn_correction(
    observations: Observations,
    ensembles: Sequence[Ensemble],
    settings: Settings,
    model: LatentDynamics,
    proposing: LatentDynamics | None = None,
) -> Generator[tuple[float, int, str], None, tuple[Correction | None, HiddenImages | None]]:
    """Learn from predictions of hidden images how to correct frames.

    Each image but the first and the last is hidden in turn, or a choice of them: both neighbours
    are matched directly, and the frame at the time of the hidden image is compared with it. A
    correction is kept if it helps where it was not learned.

    Parameters
    ----------
    observations : Observations
        K >= 3 images.
    ensembles : sequence of K - 1 Ensemble
        Those of the intervals.
    settings : Settings
        Those of the fit.
    model : LatentDynamics
        Draws frames, on the device of the computation.
    proposing : LatentDynamics, optional
        Proposes velocities; see `initial_velocities`.

    Yields
    ------
    (float, int, str)
        Finished and total work, and what is done.

    Returns
    -------
    correction : Correction or None
        None if none helps, or there are fewer than three images.
    errors : HiddenImages or None
        None where nothing can be compared.
    """
    inner = np.arange(1, len(observations) - 1)
    if len(inner) > MOST_HIDDEN:
        inner = inner[np.linspace(0, len(inner) - 1, MOST_HIDDEN).round().astype(int)]
    images: list[list[_Sample]] = []
    told = ""
    for number, hidden in enumerate(inner.tolist()):
        message = f"Hiding image {hidden + 1} of {len(observations)}{told}"

        def tell(
            step: tuple[float, int, str], number: int = number, message: str = message
        ) -> tuple[float, int, str]:
            return number + step[0] / step[1], len(inner), message

        device = next(model.parameters()).device
        around = _without(observations, hidden)
        working = initial_velocities(around, settings, device, proposing)
        around, ensemble = yield from mapped(working, tell)
        if model.transport.equation.explains_brightness:
            around = around.with_brightness(None)
        # Each of the next steps takes a part of a second.
        yield number + 0.9, len(inner), message
        ensemble = _between(observations, ensembles, ensemble, hidden, settings)
        ensemble = follow_tracks(ensemble, around.known.tracks, settings.physics.motion)
        yield number + 0.9, len(inner), message
        time = _fraction(observations, hidden)
        fields = start_fields(ensemble, settings, around.known.regions)
        yield number + 0.9, len(inner), message
        fitted = fit_coefficients(model.transport.equation, around, fields, model)
        renderer = Renderer(model, around, ensemble=ensemble, trained=False, coefficients=fitted)
        truth, seen = _truth(observations, around, hidden, time)
        images.append(_samples(*renderer.terms(fields, time), truth, seen))
        known = _judged(images)
        if known is not None:
            told = f": error {_percent(known.before)}, and {_percent(known.after)} with correction"
    errors = _judged(images)
    if errors is None or not errors.is_better:
        return None, errors
    shares = _solved(images)
    return Correction.from_array(_KEPT * shares), errors


def _without(observations: Observations, hidden: int) -> Observations:
    """Return the neighbours of an image as an interval."""
    both = [hidden - 1, hidden + 1]
    return replace(
        observations,
        times=np.array([0.0, 1.0]),
        images=observations.images[both],
        valid=observations.valid[both],
        brightness=None,
        sources=(),
        estimated=None,
        known=observations.known.between(hidden - 1, hidden + 1, observations.times),
    )


def _fraction(observations: Observations, hidden: int) -> float:
    start, at, end = observations.times[hidden - 1 : hidden + 2]
    return float((at - start) / (end - start))


def _between(
    observations: Observations,
    ensembles: Sequence[Ensemble],
    found: Ensemble,
    hidden: int,
    settings: Settings,
) -> Ensemble:
    """Return the ensemble of both neighbours with a course from the intervals beside them."""
    own = ensembles[hidden].course
    if own is None:
        return found
    first, last = max(0, hidden - 2), min(len(observations), hidden + 3)
    some = [*ensembles[first : hidden - 1], found, *ensembles[hidden + 1 : last - 1]]
    kept = [k for k in range(first, last) if k != hidden]
    followed = follow_courses(
        some,
        observations.times[kept],
        own.share,
        settings.physics.motion,
    )
    return followed[hidden - 1 - first]


def _truth(
    observations: Observations, around: Observations, hidden: int, time: float
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the hidden image as a frame between its neighbours is normalised, and its mask."""
    image = around.normalise(observations.images[hidden][None], [time])[0]
    return image, observations.valid[hidden] & around.valid.all(axis=0)


def _samples(
    frame: NDArray[np.float32],
    terms: NDArray[np.float32],
    variance: NDArray[np.float32],
    truth: NDArray[np.float32],
    seen: NDArray[np.bool_],
) -> list[_Sample]:
    """Return the normal equations of the parts of a hidden image, (C, H, W)."""
    missed = np.where(seen, truth - frame, 0.0)
    terms = np.where(seen, terms, 0.0)
    # Both observations disagree by about as much as the frame misses, where the motion is right;
    # elsewhere the error says nothing about shorter intervals, on which the motion is better.
    error = ndimage.gaussian_filter((missed**2).mean(axis=0), _AROUND)
    weight = 1.0 / (1.0 + error / (_EXCESS * 4 * variance + _LEAST)) ** 2
    parts = np.array_split(np.arange(frame.shape[-1]), _PARTS)
    found = []
    for part in parts:
        columns = slice(int(part[0]), int(part[-1]) + 1) if len(part) else slice(0, 0)
        r = missed[..., columns].reshape(1, -1).astype(np.float64)
        x = terms[..., columns].reshape(len(terms), -1).astype(np.float64)
        w = np.broadcast_to(weight[:, columns], missed[..., columns].shape).reshape(-1)
        both = np.concatenate([r, x])
        found.append(_Sample((w * x) @ x.T, (w * x) @ r[0], both @ both.T, int(r.size)))
    return found


def _solved(images: Sequence[Sequence[_Sample]]) -> NDArray[np.float64]:
    """Return the shares of the terms that fit best; every image counts alike."""
    matrix, vector = _DAMPING * np.eye(len(_KEPT)), np.zeros(len(_KEPT))
    for image in images:
        scale = sum(sample.squares[0, 0] for sample in image)
        if scale > 0:
            matrix = matrix + sum(sample.matrix for sample in image) / scale
            vector = vector + sum(sample.vector for sample in image) / scale
    return np.asarray(np.linalg.solve(matrix, vector), np.float64)


def _judged(images: Sequence[Sequence[_Sample]]) -> HiddenImages | None:
    """Return the errors of hidden images, each with the shares of all others.

    The parts of a single image take the place of images.
    """
    folds = list(images) if len(images) > 1 else [[sample] for sample in images[0]]
    folds = [fold for fold in folds if sum(sample.pixels for sample in fold)]
    if len(folds) < 2:
        return None
    before = after = 0.0
    for number, fold in enumerate(folds):
        shares = _solved([*folds[:number], *folds[number + 1 :]])
        pixels = sum(sample.pixels for sample in fold)
        before += sum(sample.error(np.zeros(3)) for sample in fold) / pixels
        after += sum(sample.error(shares) for sample in fold) / pixels
    return HiddenImages(
        len(images), math.sqrt(before / len(folds)), math.sqrt(max(after, 0.0) / len(folds))
    )


def _percent(part: float) -> str:
    return f"{100 * part:.2f} %"
