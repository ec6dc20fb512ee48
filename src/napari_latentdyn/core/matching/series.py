"""Acceleration and jerk along the paths of a series, measured from neighbouring intervals."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.matching.ensemble import Ensemble
from napari_latentdyn.core.physics.course import Course
from napari_latentdyn.core.physics.motion import Motion, acceleration
from napari_latentdyn.core.physics.operators import gradient, smooth
from napari_latentdyn.core.physics.sampling import pixel_grid, sample
from napari_latentdyn.generators import drain

__all__ = ["follow_courses", "followed", "measured_share", "share_of_courses"]

#: Changes of the velocity at the beginning and at the end of an interval, each (1, 2, H, W).
Changes = tuple[Tensor | None, Tensor | None]

#: Standard deviation in pixels of the smoothing of measured changes of the velocity.
_SMOOTH = 3.0
#: Standard deviation in pixels of the smoothing of images whose gradients weigh these changes.
_SLOPE = 1.0
#: Largest change of the normalised intensity that counts: wrong matches change it by more.
_LARGEST = 0.1
#: Change of the normalised intensity below which errors are those of rounding.
_ROUNDING = 1e-6
#: Part of the trend of the acceleration that is continued at the ends of a series.
_TREND = 0.5
#: Number of intervals whose velocities and changes stay in the memory.
_HELD = 3
#: Share of two intervals, which have a single change that nothing can be compared with.
_UNKNOWN = 0.5


def follow_courses(
    ensembles: Sequence[Ensemble],
    times: NDArray[np.float64],
    believed: NDArray[np.float32] | float,
    motion: Motion,
) -> tuple[Ensemble, ...]:
    """Return the ensembles of a series with the measured course of each interval.

    The change of the velocity of a point is the difference to its velocity in the next
    interval, at the place where the point is then. Both neighbours give the change at both
    ends of an interval: their mean is its acceleration, their difference its jerk. At the ends
    of the series half of the trend of the acceleration is continued.

    Parameters
    ----------
    ensembles : sequence of K - 1 Ensemble
        Of the intervals.
    times : ndarray of float, shape (K,)
        Times of the images.
    believed : ndarray of float32, shape (K, H, W), or float
        Share of the measured changes that counts, or the images, normalised to about [0, 1],
        from which `measured_share` finds it.
    motion : {"steady", "inertial", "local"}
        Acceleration with which the velocities were matched.

    Returns
    -------
    tuple of K - 1 Ensemble
        Two images have no neighbours, and their ensemble is returned as it is.
    """
    share = believed
    if not isinstance(share, float):
        share = drain(share_of_courses(ensembles, times, share))
    return tuple(followed(ensembles, times, share, motion))


def share_of_courses(
    ensembles: Sequence[Ensemble], times: NDArray[np.float64], images: NDArray[np.float32]
) -> Generator[None, None, float]:
    """Find the share of the courses of a series; see `follow_courses` and `measured_share`.

    Yields after each inner interval. Two neighbours of an interval are in the memory.
    """
    moments = []
    changes = _changes_of(_centres(ensembles), times, len(ensembles))
    for number in range(1, len(ensembles) - 1):
        start, end = changes(number)
        assert start is not None
        assert end is not None
        moments.append(_moments((start, end), images, number))
        yield
    return _share(moments)


def followed(
    ensembles: Sequence[Ensemble],
    times: NDArray[np.float64],
    share: float,
    motion: Motion,
) -> Iterator[Ensemble]:
    """Yield the ensembles of a series on their courses, of which a share counts.

    Arguments are those of `follow_courses`. Two neighbours of an interval are in the memory.
    """
    if len(ensembles) < 2:
        yield from ensembles
        return
    lengths, centre = np.diff(times), _centres(ensembles)
    changes = _changes_of(centre, times, len(ensembles))
    for k in range(len(ensembles)):
        before, after = changes(k)
        start = _beyond(centre(k), changes, lengths, k, 1, share) if before is None else before
        end = _beyond(centre(k), changes, lengths, k, 0, share) if after is None else after
        course = Course(((start + end) / 2)[0].numpy(), (3 * (end - start))[0].numpy(), share)
        yield _on_course(ensembles[k], course, motion)


def measured_share(changes: Iterable[tuple[Tensor, Tensor]], images: NDArray[np.float32]) -> float:
    """Return the share of the measured changes that errors of the matching do not explain.

    The changes at both ends of an interval contain the velocity of this interval with opposite
    signs. Independent errors of the velocities therefore have the correlation -1/2, and changes
    without errors none, or a positive one where the acceleration lasts. In between, the share
    follows the correlation.

    Parameters
    ----------
    changes : iterable of pairs of Tensor, each of shape (1, 2, H, W)
        Changes at both ends of the inner intervals of a series.
    images : ndarray of float32, shape (K, H, W)
        Changes along the gradient of these images count, because others are not seen.

    Returns
    -------
    float
        One half if there are no inner intervals.
    """
    pairs = enumerate(changes, start=1)
    return _share([_moments(pair, images, number) for number, pair in pairs])


def _moments(
    changes: tuple[Tensor, Tensor], images: NDArray[np.float32], number: int
) -> tuple[float, float]:
    """Return variance and covariance of the changes at both ends of an interval."""
    both = torch.from_numpy(images[number] + images[number + 1])[None, None] / 2
    slope = torch.cat(gradient(smooth(both, _SLOPE)), dim=1)
    seen = [(slope * part).sum(dim=1).clamp(-_LARGEST, _LARGEST) for part in changes]
    variance = float(sum(part.square().mean() for part in seen)) / 2
    return variance, float((seen[0] * seen[1]).mean())


def _share(moments: Sequence[tuple[float, float]]) -> float:
    """Return the share of the changes from the moments of each inner interval."""
    variance = covariance = 0.0
    for one, other in moments:
        variance, covariance = variance + one, covariance + other
    if not moments:
        return _UNKNOWN
    if variance <= _ROUNDING**2:
        return 1.0
    return min(max(1.0 + 2.0 * covariance / variance, 0.0), 1.0)


def _centres(ensembles: Sequence[Ensemble]) -> Callable[[int], Tensor]:
    """Return a function that gives the centre of an interval, (1, 2, H, W)."""

    @lru_cache(maxsize=_HELD)
    def centre(index: int) -> Tensor:
        return torch.from_numpy(ensembles[index].centre)[None]

    return centre


def _changes_of(
    centre: Callable[[int], Tensor], times: NDArray[np.float64], count: int
) -> Callable[[int], Changes]:
    """Return a function of an interval that gives the changes towards both its neighbours.

    They are per interval squared.
    """
    lengths, middle = np.diff(times), (times[1:] + times[:-1]) / 2

    @lru_cache(maxsize=_HELD)
    def changes(index: int) -> Changes:
        own, length = centre(index), float(lengths[index])
        grid = pixel_grid(own.shape[-2], own.shape[-1])
        found: list[Tensor | None] = []
        for other in (index - 1, index + 1):
            if not 0 <= other < count:
                found.append(None)
                continue
            later = float(middle[other] - middle[index])
            there = sample(centre(other), grid + (later / length) * own)
            # Both velocities per interval of this one.
            change = there * (length / float(lengths[other])) - own
            found.append(smooth(change, _SMOOTH) * (length / later))
        return found[0], found[1]

    return changes


def _beyond(
    own_velocity: Tensor,
    changes: Callable[[int], Changes],
    lengths: NDArray[np.float64],
    k: int,
    side: int,
    share: float,
) -> Tensor:
    """Return the change at an end of the series, beyond which there is no interval.

    `own_velocity`, (1, 2, H, W), is that of the interval. The change continues half of the trend
    between the `side` of the last interval that is known (1 for its end, 0 for its beginning) and
    that of its neighbour.
    """
    own, other = changes(k)[side], k + 2 * side - 1
    assert own is not None
    next_one = changes(other)[side]
    if next_one is None:
        return own
    grid = pixel_grid(own.shape[-2], own.shape[-1])
    later = (2 * side - 1) * float(lengths[k] + lengths[other]) / (2 * float(lengths[k]))
    there = sample(next_one, grid + later * own_velocity)
    # Both per squared interval of this one.
    there = there * float(lengths[k] / lengths[other]) ** 2
    return own + _TREND * share * (own - there)


def _on_course(ensemble: Ensemble, course: Course, motion: Motion) -> Ensemble:
    """Return the ensemble with its velocities at the places where the course has the points.

    Another acceleration leaves the ends of a path where they were matched, and shifts its middle.
    """

    def shifted(velocity: NDArray[np.float32]) -> NDArray[np.float32]:
        known = torch.from_numpy(velocity)[None]
        more = torch.from_numpy(course.acceleration)[None] - acceleration(known, motion)
        grid = pixel_grid(known.shape[-2], known.shape[-1])
        return sample(known, grid + course.share / 8 * more)[0].numpy()

    velocities = np.stack([shifted(velocity) for velocity in ensemble.velocities])
    return replace(ensemble, velocities=velocities, centre=shifted(ensemble.centre), course=course)
