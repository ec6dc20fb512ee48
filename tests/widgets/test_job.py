"""What the job of a training returns, without a window."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.core.helpers import finished

from napari_latentdyn.core.geometry.placement import Placement
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.snapshot import Snapshot
from napari_latentdyn.widgets.job import Job, Outcome


def test_a_result_knows_where_its_image_lies(images: tuple[NDArray[Any], NDArray[Any]]) -> None:
    place = Placement(scale=(40.0, 40.0), translate=(7.0, 0.0), units=("meter", "meter"))
    first, last = (Snapshot(i, None, place, "ice", "", str(n), {}) for n, i in enumerate(images))
    settings = Settings.preset("quick").updated(
        {
            "model.initial_fields": "zero",
            "model.members": 1,
            "images.interval": 2.0,
            "training.device": "cpu",
        }
    )
    _, outcome = finished(Job(first, last, settings).compute())
    assert isinstance(outcome, Outcome)
    calibration = outcome.dynamics.calibration
    assert calibration.pixel_size == (40.0, 40.0)
    assert calibration.offset == (7.0, 0.0)
    assert calibration.interval == 2.0
    rates = outcome.dynamics.deformation()
    assert (rates.speed_unit, rates.speed.shape) == ("meter/hour", (4, 48, 48))
    assert np.isfinite(rates.total).all()
