"""Arrows are cheap to draw at another time, and look as they did."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Vectors

from napari_latentdyn.drawing import REST_MS, ease_slider
from napari_latentdyn.layers import METADATA_KEY, update_or_add

STAGES = 3


def arrows(speed: float = 1.0) -> tuple[np.ndarray, dict, str]:
    data = np.zeros((STAGES, 2, 3), np.float32)
    data[:, 0, 0] = np.arange(STAGES)
    data[:, 0, 1:] = 10.0
    data[:, 1, 2] = speed * np.arange(5, 5 + STAGES)
    looks = {
        "name": "motion",
        "features": {"speed": np.arange(STAGES, dtype=float)},
        "edge_color": "speed",
        "edge_colormap": "turbo",
        "edge_contrast_limits": (0.0, 2.0),
        "edge_width": 6.0,
        "vector_style": "arrow",
        "length": 1.0,
        "scale": (1.0, 1.0, 1.0),
        "metadata": {METADATA_KEY: {"run_id": "one", "role": "fields"}},
    }
    return data, looks, "vectors"


def mesh(viewer, layer):
    return viewer.window._qt_viewer.canvas.layer_to_visual[layer].node


@pytest.fixture
def builds(monkeypatch) -> list[object]:
    """One entry for every shader that is compiled."""
    from vispy.visuals.shaders.program import ModularProgram

    found: list[object] = []
    build = ModularProgram._build

    def counted(program) -> None:
        found.append(program)
        build(program)

    monkeypatch.setattr(ModularProgram, "_build", counted)
    return found


def test_no_shader_is_compiled_when_the_slider_moves(make_napari_viewer, builds):
    viewer = make_napari_viewer(show=True)
    update_or_add(viewer, [arrows()])
    for stage in (0, 1):
        viewer.dims.set_current_step(0, stage)
        viewer.screenshot(flash=False)
    assert builds
    builds.clear()
    viewer.dims.set_current_step(0, 2)
    viewer.screenshot(flash=False)
    assert builds == []


def test_arrows_look_as_napari_draws_them(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    data, looks, _ = arrows()

    def pictures() -> list[np.ndarray]:
        taken = []
        for stage in range(STAGES):
            viewer.dims.set_current_step(0, stage)
            taken.append(viewer.screenshot(flash=False))
        return taken

    viewer.add_layer(Vectors(data, **looks))
    viewer.reset_view()
    plain = pictures()
    ease_slider(viewer)
    eased = pictures()
    colours = set()
    for one, other in zip(eased, plain, strict=True):
        np.testing.assert_array_equal(one, other)
        shown = one[(one[..., :3] > 0).any(axis=-1)]
        assert len(shown)
        colours.add(tuple(np.median(shown[:, :3], axis=0)))
    assert len(colours) == STAGES


def test_thumbnails_follow_when_the_slider_rests(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    frames = np.stack([np.full((8, 8), level, np.float32) for level in range(STAGES)])
    looks = {
        "name": "frames",
        "contrast_limits": (0, STAGES - 1),
        "rgb": False,
        "metadata": {METADATA_KEY: {"run_id": "one", "role": "frames"}},
    }
    (layer,) = update_or_add(viewer, [(frames, looks, "image")])
    viewer.dims.set_current_step(0, 1)
    qtbot.wait(2 * REST_MS)
    before = layer.thumbnail.copy()
    viewer.dims.set_current_step(0, 0)
    viewer.dims.set_current_step(0, 2)
    np.testing.assert_array_equal(layer.thumbnail, before)
    qtbot.waitUntil(lambda: layer.thumbnail[..., 0].max() == 255, timeout=10 * REST_MS)


def test_a_layer_that_was_removed_is_let_go(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    (layer,) = update_or_add(viewer, [arrows()])
    kept = weakref.ref(layer)
    viewer.layers.clear()
    del layer
    qtbot.waitUntil(lambda: gc.collect() >= 0 and kept() is None)


def test_a_layer_outlives_its_window(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    (layer,) = update_or_add(viewer, [arrows()])
    viewer.close()
    qtbot.wait(10)
    layer.data = layer.data[1:]
    assert len(layer.data) == STAGES - 1


def test_easing_twice_is_easing_once(make_napari_viewer):
    viewer = make_napari_viewer()
    (layer,) = update_or_add(viewer, [arrows()])
    kept = mesh(viewer, layer)._build_color_transform
    ease_slider(viewer)
    assert mesh(viewer, layer)._build_color_transform is kept


def test_vectors_of_the_user_are_left_alone(make_napari_viewer):
    viewer = make_napari_viewer()
    layer = viewer.add_vectors(arrows()[0])
    before = layer._max_vectors_thumbnail
    ease_slider(viewer)
    assert "_build_color_transform" not in vars(mesh(viewer, layer))
    assert layer._max_vectors_thumbnail == before


def test_a_viewer_without_a_window_is_no_problem():
    viewer = ViewerModel()
    update_or_add(viewer, [arrows()])
    assert len(viewer.layers) == 1
