"""The frame half way while training goes on."""

from __future__ import annotations

import numpy as np
import pytest
from tests.core.helpers import finished, moved, small_settings

from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.core.training.preview import Preview, agreement_of

WAY = (4.6, -3.3)


def fields(share: float = 1.0) -> np.ndarray:
    """Return a part of the true motion, in three stages."""
    step = np.asarray(WAY, np.float32)[:, None, None] * share / 3
    return np.broadcast_to(step, (3, 2, 96, 96)).copy()


@pytest.fixture
def pair() -> Observations:
    at = moved(WAY, (96, 96))
    return Observations.from_arrays(at(0), at(1))


@pytest.mark.parametrize("window", [48, 96], ids=["windows", "one piece"])
def test_its_first_picture_shows_no_ghosts(pair: Observations, window: int) -> None:
    """However many windows there are, none of them shows both images where they were."""
    settings = small_settings(output__window=window)
    preview = Preview(pair, LatentDynamics(1, settings), fields())
    picture = preview.updated(lambda: False)
    assert picture is not None
    truth = moved(WAY, (96, 96))(0.5)
    inner = (slice(8, -8), slice(8, -8))
    ghosts = (pair.images[0] + pair.images[1])[0] / 2
    missed, missed_by_ghosts = ((x - truth)[inner].std() for x in (picture, ghosts))
    assert missed < 0.2 * missed_by_ghosts


def test_a_picture_that_is_stopped_is_not_shown(pair: Observations) -> None:
    preview = Preview(pair, LatentDynamics(1, small_settings()), fields())
    assert preview.updated(lambda: True) is None
    assert preview.updated(lambda: False) is not None


def test_fields_are_compared_as_the_training_measures_itself(pair: Observations) -> None:
    settings = small_settings(training__steps=1, training__threads=1)
    seen, _ = finished(fit(pair, settings))
    agreements = [agreement_of(pair, fields(share), settings) for share in (0.0, 0.5, 1.0)]
    still, half, right = (-1.0 if known is None else known for known in agreements)
    assert still == pytest.approx(0.0, abs=1e-6)
    assert 0.1 < half < right <= 1.0
    # Other numbers of stages are compared, too.
    six = np.repeat(fields() / 2, 2, axis=0)
    assert agreement_of(pair, six, settings) == pytest.approx(right, abs=1e-3)
    measured = next(p.agreement_before for p in seen if p.phase == "train")
    assert measured is not None
    assert measured == pytest.approx(right, abs=0.1)
