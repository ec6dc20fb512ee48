"""The main job on the bundled Sentinel-1 pair: the ice moves as it did."""

from __future__ import annotations

import numpy as np
from skimage.registration import phase_cross_correlation
from tests.core.helpers import finished

from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer import samples


def test_the_learned_drift_is_that_of_phase_correlation() -> None:
    first, last = samples.sea_ice_pair()
    window = np.outer(*(np.hanning(n) for n in first.shape))
    true, _, _ = phase_cross_correlation(
        (last - last.mean()) * window, (first - first.mean()) * window, upsample_factor=10
    )
    settings = Settings.preset("quick").updated(
        {
            "training.start_from": "prior",
            "training.steps": 6,
            "training.device": "cpu",
            "output.preview": False,
        }
    )
    _, dynamics = finished(
        fit(Observations.from_arrays(first, last, settings=settings.images), settings)
    )
    learned = dynamics.fields.sum(axis=0).mean(axis=(1, 2))
    assert np.hypot(*true) > 40
    assert np.hypot(*(learned - true)) < 2.0

    # The frame half way is the first image moved by half of the drift, and not a double image.
    middle = dynamics.frames([0.5])[0]
    half, _, _ = phase_cross_correlation(
        (middle - middle.mean()) * window, (first - first.mean()) * window, upsample_factor=10
    )
    assert np.hypot(*(half - true / 2)) < 2.0
