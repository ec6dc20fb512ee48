"""The ensemble: several velocities for one pair of images, and their weights."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray

from napari_latentdyn.core.matching.consensus import weighted_median
from napari_latentdyn.core.observations.patches import Window
from napari_latentdyn.core.physics.constraints import Constraint
from napari_latentdyn.core.physics.course import Course
from napari_latentdyn.core.runfolder.evidence import MotionEvidence

__all__ = ["Ensemble", "EnsembleArrays", "StoredEnsembles", "held_out_weights"]

_VELOCITIES, _WEIGHTS, _CENTRE, _EVIDENCE = "velocities", "weights", "centre", "motion_evidence"
_COURSE, _MEASURED, _DEVIATION = "course", "measured", "deviation"
#: Relative excess of the prediction error at which the weight of a member decreases to 1/e.
_EXCESS = 0.35
#: Number of pixels at which half of the weights follows the errors.
_PIXELS = 500.0
#: Number of stored ensembles that stay in the memory.
_HELD = 2


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Velocities half way of several members.

    Attributes
    ----------
    velocities : ndarray of float32, shape (K, 2, H, W)
        Pixels per interval.
    weights : ndarray of float32, shape (K,)
        Weight of each member.
    still : float
        Weight of the average of both images without motion. All weights add up to one.
    centre : ndarray of float32, shape (2, H, W)
        Consensus velocity, from which training starts.
    evidence : MotionEvidence or None
        How well hidden blocks are predicted; None where none were hidden.
    course : Course or None
        Acceleration and jerk along the paths, measured from the neighbours of the interval in a
        series; None without neighbours.
    """

    velocities: NDArray[np.float32]
    weights: NDArray[np.float32]
    still: float
    centre: NDArray[np.float32]
    evidence: MotionEvidence | None = None
    course: Course | None = None

    @classmethod
    def equal(
        cls, velocities: NDArray[np.float32], evidence: MotionEvidence | None = None
    ) -> Ensemble:
        """Return an ensemble of equal weights, and of weight zero for no motion."""
        count = len(velocities)
        weights = np.full(count, 1.0 / count, np.float32)
        middle = weighted_median(torch.from_numpy(velocities), torch.from_numpy(weights))
        return cls(velocities, weights, 0.0, middle.numpy(), evidence)

    def embedded(self, window: Window, shape: tuple[int, int]) -> Ensemble:
        """Return the ensemble of a window in an image, in which velocities continue beyond it."""
        rows, columns = (
            np.clip(np.arange(side) - start, 0, length - 1)
            for side, start, length in (
                (shape[0], window.y, window.height),
                (shape[1], window.x, window.width),
            )
        )
        part = (..., rows[:, None], columns)
        return dataclasses.replace(self, velocities=self.velocities[part], centre=self.centre[part])

    def constrained(self, constraint: Constraint | None) -> Ensemble:
        """Return the ensemble with velocities that satisfy an exact constraint."""
        if constraint is None or not constraint.exact:
            return self
        velocities = constraint.apply(torch.from_numpy(self.velocities)).numpy()
        centre = constraint.apply(torch.from_numpy(self.centre)[None])[0].numpy()
        return dataclasses.replace(self, velocities=velocities, centre=centre)

    def to_arrays(self, numbers: type[np.floating] = np.float32) -> dict[str, NDArray[Any]]:
        """Return the ensemble as arrays by name, and single numbers in a precision."""
        still = np.array([self.still], np.float32)
        told: dict[str, NDArray[Any]] = {}
        if self.evidence is not None:
            told[_EVIDENCE] = np.array(dataclasses.astuple(self.evidence), numbers)
        if self.course is not None:
            told[_COURSE] = np.stack([self.course.acceleration, self.course.jerk])
            told[_MEASURED] = np.array([self.course.share], numbers)
            if self.course.deviation is not None:
                told[_DEVIATION] = self.course.deviation
        return told | {
            _VELOCITIES: self.velocities,
            _WEIGHTS: np.append(self.weights, still),
            _CENTRE: self.centre,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Ensemble:
        """Return the ensemble of `to_arrays`; raises KeyError if an array is missing."""
        velocities = np.asarray(arrays[_VELOCITIES], np.float32)
        weights = np.asarray(arrays[_WEIGHTS], np.float32)
        middle = np.asarray(arrays[_CENTRE], np.float32)
        evidence = None
        if _EVIDENCE in arrays:
            evidence = MotionEvidence(*np.asarray(arrays[_EVIDENCE], np.float64).tolist())
        course = None
        if _COURSE in arrays:
            acceleration, jerk = np.asarray(arrays[_COURSE], np.float32)
            deviation = arrays.get(_DEVIATION)
            if deviation is not None:
                deviation = np.asarray(deviation, np.float32)
            course = Course(acceleration, jerk, float(arrays[_MEASURED][0]), deviation)
        return cls(velocities, weights[:-1], float(weights[-1]), middle, evidence, course)

    @classmethod
    def many_from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> tuple[Ensemble, ...]:
        """Make the ensembles that `many_to_arrays` described; none where there are none."""
        if _VELOCITIES in arrays:
            return (cls.from_arrays(arrays),)
        found: list[Ensemble] = []
        while f"{len(found)}.{_VELOCITIES}" in arrays:
            found.append(cls.one_from_arrays(arrays, len(found)))
        return tuple(found)

    @classmethod
    def one_from_arrays(cls, arrays: Mapping[str, NDArray[Any]], number: int) -> Ensemble:
        """Make one of several ensembles that `many_to_arrays` described."""
        names = (_VELOCITIES, _WEIGHTS, _CENTRE, _EVIDENCE, _COURSE, _MEASURED, _DEVIATION)
        keys = {name: f"{number}.{name}" for name in names}
        return cls.from_arrays({n: arrays[k] for n, k in keys.items() if k in arrays})

    @staticmethod
    def many_to_arrays(ensembles: Sequence[Ensemble]) -> Mapping[str, NDArray[Any]]:
        """Return the ensembles of all intervals as arrays by name, each made when it is used."""
        return ensembles[0].to_arrays() if len(ensembles) == 1 else EnsembleArrays(ensembles)


class StoredEnsembles(Sequence[Ensemble]):
    """Ensembles of many intervals, each read when it is used; the last ones are kept.

    Parameters
    ----------
    count : int
        Number of intervals.
    read : callable
        Reads the ensemble of an interval.
    """

    def __init__(self, count: int, read: Callable[[int], Ensemble]) -> None:
        self._count = count
        self._read = lru_cache(maxsize=_HELD)(read)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Ensemble: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Ensemble, ...]: ...
    def __getitem__(self, index: int | slice) -> Ensemble | tuple[Ensemble, ...]:
        chosen = range(self._count)[index]
        if isinstance(chosen, range):
            return tuple(self._read(number) for number in chosen)
        return self._read(operator.index(chosen))


class EnsembleArrays(Mapping[str, NDArray[Any]]):
    """Arrays of the ensembles of several intervals, made when they are used."""

    def __init__(self, ensembles: Sequence[Ensemble]) -> None:
        self._ensembles = ensembles
        self._arrays = lru_cache(maxsize=1)(lambda number: ensembles[number].to_arrays())

    def __iter__(self) -> Iterator[str]:
        for number in range(len(self._ensembles)):
            yield from (f"{number}.{name}" for name in self._arrays(number))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, key: str) -> NDArray[Any]:
        number, _, name = key.partition(".")
        if not number.isdecimal() or int(number) >= len(self._ensembles):
            raise KeyError(key)
        return self._arrays(int(number))[name]


def held_out_weights(
    errors: NDArray[np.float64], still: float, pixels: float
) -> tuple[NDArray[np.float32], float]:
    """Return the weights of the members from their prediction errors in hidden blocks.

    Where the images change in other ways than by motion, no motion predicts almost as
    well as any motion and gets almost the same weight; where things move, it gets none.

    Parameters
    ----------
    errors : ndarray of float, shape (K,)
        Root mean square error of each member; inf without any visible pixel.
    still : float
        Root mean square error without motion.
    pixels : float
        Number of pixels of the errors. With few, all members get equal weights, and no
        motion gets none.

    Returns
    -------
    weights : ndarray of float32, shape (K,)
        Weights of the members.
    still : float
        Weight of no motion. All weights are positive and add up to one.
    """
    all_errors = np.maximum(np.append(errors, still), 1e-6)
    if not np.isfinite(all_errors).any():
        pixels, all_errors = 0.0, np.ones_like(all_errors)
    excess = all_errors / all_errors.min() - 1.0
    trust = pixels / (pixels + _PIXELS)
    # The arrows need the velocity of at least one member.
    with np.errstate(invalid="ignore"):
        weights = np.nan_to_num(np.exp(-trust * excess / _EXCESS), nan=1.0)
    weights = np.maximum(weights, 1e-6)
    weights[-1] *= trust
    weights = (weights / weights.sum()).astype(np.float32)
    return weights[:-1], float(weights[-1])
