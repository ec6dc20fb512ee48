"""What the job of a training returns, without a window."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.core.helpers import finished

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.snapshot import Snapshot
from napari_latentdyn.widgets.job import Job


def test_a_result_knows_where_its_image_lies(images: tuple[NDArray[Any], NDArray[Any]]) -> None:
    place = Geometry.from_pixel_size(40.0, "meter", (7.0, 0.0))
    first, last = (Snapshot(i, None, place, "ice", "", str(n), {}) for n, i in enumerate(images))
    settings = Settings.preset("quick").updated(
        {
            "model.initial_fields": "zero",
            "model.members": 1,
            "images.interval": 2.0,
            "training.device": "cpu",
        }
    )
    _, dynamics = finished(Job((first, last), settings).compute())
    assert dynamics.geometry == place
    assert dynamics.interval == (2.0, "hour")
    rates = dynamics.deformation()
    assert (rates.speed_unit, rates.speed.shape) == ("meter/hour", (4, 48, 48))
    assert np.isfinite(rates.total).all()
