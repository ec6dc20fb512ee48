"""Places of a series that were missing are marked in its frames."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from tests.core.helpers import finished, moved

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.estimated import estimated_places
from napari_latentdyn.viewer.layers import result_layers, update_or_add

FRAMES = Settings.preset("quick").updated({"output.frames": 3, "model.members": 1})


def cloudy(clouds: bool = True) -> Dynamics:
    at = moved((0.0, 8.0), (64, 64))
    images = [at(k / 2) for k in range(3)]
    if clouds:
        images[1][20:36, 30:40] = np.nan
    return finished(fit(Observations.from_arrays(*images), FRAMES))[1]


def test_marks_move_with_the_place() -> None:
    dynamics = cloudy()
    marks = estimated_places(dynamics)
    assert marks is not None
    assert marks.shape == (9, 64, 64)
    assert not marks[[0, 1, 7, 8]].any(), "nearer to an image that shows the place"
    np.testing.assert_array_equal(marks[4], dynamics.observations.estimated[1])
    found = {k: np.argwhere(marks[k]).mean(axis=0) for k in (3, 4, 5)}
    np.testing.assert_allclose(found[4], [27.5, 34.5])
    # Four pixels an interval are one pixel a frame.
    np.testing.assert_allclose(found[5] - found[4], [0, 1], atol=0.2)
    np.testing.assert_allclose(found[3] - found[4], [0, -1], atol=0.2)
    viewer = ViewerModel()
    layers = update_or_add(viewer, result_layers(dynamics))
    marked = next(layer for layer in layers if isinstance(layer, Labels))
    frames = next(layer for layer in layers if layer.name.endswith("frames"))
    assert marked.name.endswith("estimated places")
    np.testing.assert_array_equal(marked.scale, frames.scale)
    again = update_or_add(viewer, result_layers(dynamics))
    assert len(viewer.layers) == len(again)


def test_without_missing_places_nothing_is_marked() -> None:
    dynamics = cloudy(clouds=False)
    assert estimated_places(dynamics) is None
    assert all(kind != "labels" for _, _, kind in result_layers(dynamics))
