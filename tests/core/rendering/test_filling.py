"""Places that are missing in an image of a series."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from tests.core.helpers import finished, texture

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.errors import ObservationError
from napari_latentdyn.settings import Settings

SHAPE = (96, 96)
TIMES = np.arange(5.0)
QUICK = Settings.preset("quick").updated({"training.threads": 1, "output.frames": 1})


def at(time: float) -> NDArray[np.float32]:
    """A texture that turns and accelerates; its contrast is about 100."""
    whole = texture((160, 160), 2, sigma=2.0)
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    angle, way = 0.02 * time, 0.5 * time**2
    y, x = rows - 47.5 - way, columns - 47.5 - 1.5 * time
    back = (
        np.cos(angle) * y + np.sin(angle) * x + 79.5,
        np.cos(angle) * x - np.sin(angle) * y + 79.5,
    )
    image: NDArray[np.float32] = ndimage.map_coordinates(whole, back, order=3).astype(np.float32)
    return image


def disc(row: float, column: float, radius: float = 12) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.hypot(rows - row, columns - column) < radius


def learned(
    masks: dict[int, NDArray[np.bool_]], gain: float = 1.0, times: NDArray[np.float64] = TIMES
) -> Dynamics:
    """Fit images with missing places; the third one may have another brightness."""
    images = []
    for k, time in enumerate(times):
        image = at(time) * (gain if time == 2 else 1.0)
        images.append(np.where(masks.get(k, np.zeros(SHAPE, bool)), np.nan, image))
    return finished(fit(Observations.from_arrays(*images, times=times), QUICK))[1]


def error(
    found: NDArray[np.float32], truth: NDArray[np.float32], where: NDArray[np.bool_]
) -> float:
    return float(np.sqrt(np.mean((found - truth)[where] ** 2)))


@pytest.fixture(scope="module")
def cloudy() -> Dynamics:
    """A cloud over the middle of the third of five images."""
    return learned({2: disc(48, 48)})


def test_a_place_under_a_cloud_comes_back(cloudy: Dynamics) -> None:
    """At the time of the image, and between images as well as its surroundings (1 dB)."""
    cloud = disc(48, 48)
    missed = error(cloudy.frames([2.0])[0], at(2.0), cloud)
    # Without motion the two neighbours would give this.
    assert missed < 0.15 * error((at(1.0) + at(3.0)) / 2, at(2.0), cloud)
    np.testing.assert_allclose(cloudy.frames([2.0])[0][~cloud], at(2.0)[~cloud], atol=0.05)
    ring = disc(48, 48, 24) & ~disc(48, 48, 14)
    errors = [
        [error(frame, at(time), where) for where in (disc(48, 48, 10), ring)]
        for time, frame in zip((1.5, 2.5), cloudy.frames([1.5, 2.5]), strict=True)
    ]
    inside, outside = np.mean(errors, axis=0)
    assert 20 * np.log10(inside / outside) < 1.0 or inside < 0.02 * np.ptp(at(2.0))


def test_it_is_marked(cloudy: Dynamics, tmp_path: Path) -> None:
    """As estimated, and by a lower confidence; nothing is compared with it."""
    observations = Dynamics.load(cloudy.save(tmp_path / "run")).observations
    assert observations.estimated is not None
    np.testing.assert_array_equal(observations.estimated[2], disc(48, 48))
    np.testing.assert_array_equal(observations.valid[2], ~disc(48, 48))
    assert not observations.estimated[[0, 1, 3, 4]].any()
    sure = cloudy.confidence([2.0])[0]
    assert sure[disc(48, 48, 10)].max() < 0.1
    assert np.median(sure[~disc(48, 48, 16)]) > 0.5


def test_a_cloud_that_stays_is_filled_from_farther_images() -> None:
    """The second and third image miss a place that the first and the fourth show."""
    cloud = disc(48, 48, 8)
    found = learned({1: cloud, 2: cloud, 3: cloud})
    assert np.isfinite(found.frames(TIMES)).all()
    for k in (1, 2, 3):
        blend = at(0.0) + (at(4.0) - at(0.0)) * k / 4
        missed = error(found.frames([float(k)])[0], at(float(k)), cloud)
        assert missed < 0.4 * error(blend, at(float(k)), cloud)


def test_a_place_that_no_image_shows_stays_missing() -> None:
    corner = np.zeros(SHAPE, bool)
    corner[:20, :20] = True
    found = learned(dict.fromkeys(range(3), corner), times=TIMES[:3])
    frames = found.frames([1.0, 1.5])
    assert np.isnan(frames[:, 2, 2]).all()
    assert np.isfinite(frames[:, 40:60, 40:60]).all()


def test_an_image_of_other_brightness_is_filled_in_its_own() -> None:
    found = learned({1: disc(48, 48)}, gain=1.25, times=TIMES[1:4])
    missed = error(found.frames([2.0])[0], 1.25 * at(2.0), disc(48, 48, 10))
    assert missed < 0.1 * np.ptp(at(2.0))


def test_two_images_have_no_others_to_fill_from() -> None:
    first = np.where(disc(40, 40), np.nan, at(0.0))
    found = finished(fit(Observations.from_arrays(first, at(1.0)), QUICK))[1]
    assert found.observations.estimated is None
    assert np.isnan(found.frames([0.0])[0][disc(40, 40, 10)]).all()


def test_an_estimate_has_the_shape_of_the_images() -> None:
    observations = Observations.from_arrays(at(0.0), at(1.0))
    arrays = observations.to_arrays() | {"estimated": np.zeros((2, 3, 3), bool)}
    with pytest.raises(ObservationError, match="estimated must have the shape"):
        Observations.from_saved(arrays)
