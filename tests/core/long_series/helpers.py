"""A small series that counts as long, and a quick stand-in for its matching."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage
from tests.core.helpers import moved, small_settings

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.matching.ensemble import Ensemble, held_out_weights
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.runfolder.evidence import MotionEvidence
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.settings import Settings

#: Images and intervals of the series.
IMAGES, INTERVALS = 8, 7
SETTINGS = small_settings(
    "quick", training__steps=0, model__members=2, output__frames=1, output__confidence=True
)


def scene() -> Observations:
    """A drift with a missing place."""
    at = moved((1.5, -1.0), (32, 40))
    images = [at(0.3 * k) for k in range(IMAGES)]
    images[2][10:14, 20:26] = np.nan
    return Observations.from_arrays(*images)


def velocities(interval: Observations, settings: Settings, *_: Any) -> Any:
    """Stands in for the matching: velocities and a brightness that depend on both images."""
    yield 0, 2, "Matching"
    first, last = interval.normalised()
    random = np.random.default_rng(abs(hash(first.tobytes() + last.tobytes())))
    members = settings.model.members
    found = random.normal(size=(members, 2, *interval.shape)).astype(np.float32)
    found = ndimage.gaussian_filter(found, (0, 0, 4, 4)) * 3
    evidence = MotionEvidence(*random.random(3).tolist())
    weights, still = held_out_weights(random.random(members), 1.3, 900.0)
    yield 1, 2, "Matching"
    brightness = np.array([[1 + 0.1 * random.random(), 0.01]], np.float32)
    ensemble = Ensemble(found, weights, still, found.mean(axis=0), evidence)
    return interval.with_brightness_of(1, brightness), ensemble


def stopped_after(count: int, matched: list[int], *arguments: Any, **more: Any) -> None:
    """Run a fit, and drop it in the interval after `count` finished ones."""
    fitting = fit(*arguments, **more)
    before = len(matched)
    for _ in fitting:
        if len(matched) - before > count:
            break
    fitting.close()


def same(found: Dynamics, other: Dynamics) -> None:
    np.testing.assert_array_equal(found.fields, other.fields)
    np.testing.assert_array_equal(found.frames(), other.frames())
    np.testing.assert_array_equal(found.confidence(), other.confidence())
    assert found.report.motion_evidence == other.report.motion_evidence
    np.testing.assert_array_equal(found.observations.images, other.observations.images)
    for one, two in zip(found.fitted.ensembles, other.fitted.ensembles, strict=True):
        assert one.evidence == two.evidence
        assert one.course is not None
        assert two.course is not None
        assert one.course.share == two.course.share
        arrays = two.to_arrays()
        for name, array in one.to_arrays().items():
            np.testing.assert_array_equal(array, arrays[name])
