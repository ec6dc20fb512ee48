"""A second run updates its own layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from tests.viewer.helpers import added

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.viewer.layers import (
    METADATA_KEY,
    find_layer,
)

Layers = Callable[..., list[Any]]
MakeRun = Callable[..., dict[str, Any]]


def test_rerun_renews_its_layers_and_leaves_the_users_choices(
    layers: Layers, make_run: MakeRun
) -> None:
    viewer = ViewerModel()
    other = viewer.add_image(np.zeros((12, 16)), name="dynamics frames")
    image, vectors = added(viewer, layers())
    image.colormap, image.name, image.visible = "magma", "mine", False
    image.contrast_limits, vectors.length = (-9, 9), 77
    image.metadata["note"] = "keep"
    viewer.layers.move(2, 0)
    run = make_run(times=6, stages=5)
    again = added(viewer, layers(run=run, placement=Geometry.from_pixel_size(offset=(5, 6))))
    assert again == [image, vectors]
    assert len(viewer.layers) == 3
    assert viewer.layers[0] is vectors
    np.testing.assert_array_equal(image.data, run.frames())
    assert (image.colormap.name, image.name, image.visible) == ("magma", "mine", False)
    assert list(image.contrast_limits) == [-9, 9]
    assert vectors.length == 77
    assert image.metadata["note"] == "keep"
    assert len(image.metadata[METADATA_KEY]["times"]) == 6
    for layer in again:
        np.testing.assert_array_equal(layer.translate, [0, 5, 6])
    assert set(vectors.features["stage"]) == set(range(5))
    assert len(vectors.edge_color) == len(vectors.data)
    assert other.data.shape == (12, 16)


def test_what_the_user_left_alone_follows_the_new_result(layers: Layers, run: Dynamics) -> None:
    viewer = ViewerModel()
    image, vectors = added(viewer, layers())
    added(viewer, layers(frames=run.frames() * 10, velocity=run.fields / 10))
    assert tuple(image.contrast_limits) == pytest.approx(
        np.percentile(run.frames()[[0, -1]] * 10, [0.5, 99.5])
    )
    fresh = added(ViewerModel(), layers(velocity=run.fields / 10))[1]
    assert vectors.length == fresh.length
    np.testing.assert_allclose(vectors.edge_color, fresh.edge_color, atol=1e-6)
    np.testing.assert_array_equal(vectors.data, fresh.data)


def test_deleted_layers_come_back(layers: Layers) -> None:
    viewer = ViewerModel()
    image, vectors = added(viewer, layers())
    viewer.layers.remove(image)
    again = added(viewer, layers())
    assert again[0] is not image
    assert again[1] is vectors
    assert set(viewer.layers) == set(again)
    viewer.layers.clear()
    assert set(added(viewer, layers())) == set(viewer.layers)


def test_other_runs_and_kept_results_are_left_alone(layers: Layers) -> None:
    viewer = ViewerModel()
    first = added(viewer, layers())
    second = added(viewer, layers(run_id="run 2"))
    kept = added(viewer, layers(run_id="run 2"), keep=True)
    assert len(viewer.layers) == 6
    # Of several, the newest is renewed.
    assert added(viewer, layers(run_id="run 2")) == kept
    assert len({layer.name for layer in viewer.layers}) == 6
    assert find_layer(viewer, "run 1", "frames") is first[0]
    assert find_layer(viewer, "run 2", "fields") is kept[1]
    assert find_layer(viewer, "run 3", "fields") is None
    assert find_layer(viewer, None, None) is None
    assert second[0] in viewer.layers


def test_a_layer_that_cannot_hold_the_result_is_replaced_in_place(
    layers: Layers, make_run: MakeRun
) -> None:
    viewer = ViewerModel()
    image, vectors = added(viewer, layers())
    image.name, image.visible = "mine", False
    colour = np.zeros((4, 3, 12, 16), np.float32)
    again = added(viewer, layers(run=make_run(channels=3), frames=colour, rgb=True))
    assert image not in viewer.layers
    assert [layer.name for layer in viewer.layers] == ["mine", "dynamics motion"]
    assert again[0].rgb
    assert not again[0].visible
    assert again[1] is vectors
