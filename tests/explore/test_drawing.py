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


def picture() -> tuple[np.ndarray, dict, str]:
    frames = np.random.default_rng(0).random((STAGES, 8, 8), np.float32)
    metadata = {METADATA_KEY: {"run_id": "one", "role": "frames"}}
    return frames, {"name": "frames", "metadata": metadata, "rgb": False}, "image"


def test_a_step_of_the_slider_finds_out_nothing_that_it_leaves_as_it_was(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    (layer,) = update_or_add(viewer, [picture()])
    visual = viewer.window._qt_viewer.canvas.layer_to_visual[layer]
    viewer.dims.set_current_step(0, 0)
    extents, moves, slices = [], [], []
    layer.events._extent_augmented.connect(lambda event: extents.append(event))
    layer.events.set_data.connect(lambda event: slices.append(event))
    matrix = visual.node.transform
    matrix.changed.connect(lambda event: moves.append(event))
    viewer.dims.set_current_step(0, 2)
    np.testing.assert_array_equal(layer._slice.image.view, picture()[0][2])
    assert (len(slices), extents, moves) == (1, [], [])
    layer.translate = (0, 5, 0)
    assert extents
    # The middle of a pixel is half a pixel from its corner.
    assert visual.node.transform.matrix[3, 1] == 4.5


def test_images_are_uploaded_before_any_layer_is_drawn(make_napari_viewer, monkeypatch):
    from vispy.gloo.glir import GlirParser, GlirTexture2D

    viewer = make_napari_viewer(show=True)
    frames, looks, kind = picture()
    above = {**looks, "name": "map", "metadata": {METADATA_KEY: {"run_id": "one", "role": "map"}}}
    update_or_add(viewer, [(frames, looks, kind), (frames + 1, above, kind)])
    viewer.screenshot(flash=False)
    done: list[str] = []
    parse = GlirParser._parse

    def spied(parser, command) -> None:
        image = isinstance(parser._objects.get(command[1]), GlirTexture2D)
        if command[0] == "DRAW" or (command[0] == "DATA" and image):
            done.append(command[0])
        parse(parser, command)

    monkeypatch.setattr(GlirParser, "_parse", spied)
    viewer.dims.set_current_step(0, 0)
    viewer.screenshot(flash=False)
    first = done[: done.index("DRAW")]
    assert first == ["DATA", "DATA"]
    assert "DATA" not in done[len(first) :]
    viewer.layers["map"].interpolation2d = "cubic"
    viewer.layers["map"].gamma = 0.5
    viewer.dims.set_current_step(0, 1)
    eased = viewer.screenshot(flash=False)
    viewer.layers["map"].data = viewer.layers["map"].data.copy()
    np.testing.assert_array_equal(viewer.screenshot(flash=False), eased)


def test_rows_of_results_are_drawn_for_what_they_show(make_napari_viewer):
    viewer = make_napari_viewer()
    (ours,) = update_or_add(viewer, [picture()])
    theirs = viewer.add_image(picture()[0], name="theirs")
    changed: list[int] = []
    model = viewer.window._qt_viewer.layers.model().sourceModel()
    model.dataChanged.connect(lambda first, last, roles: changed.append(first.row()))
    viewer.dims.set_current_step(0, 0)
    # Qt counts rows from the top.
    assert set(changed) == {viewer.layers.index(theirs)}
    changed.clear()
    ours.visible = False
    ours.name = "another"
    assert changed.count(viewer.layers.index(ours)) >= 2


def test_positions_lie_where_napari_finds_them(make_napari_viewer, monkeypatch):
    from vispy.visuals.transforms import STTransform

    viewer = make_napari_viewer(show=True)
    update_or_add(viewer, [picture(), arrows()])
    canvas = viewer.window._qt_viewer.canvas
    products: list[object] = []
    multiply = STTransform.__mul__

    def counted(left, right):
        products.append(right)
        return multiply(left, right)

    def agree() -> None:
        view = canvas.grid_views[0] if viewer.canvas.grid.enabled else canvas.view
        for position in ((0, 0), (31, 17), view.rect.size):
            expected = type(canvas)._map_canvas2world(canvas, position, view)
            assert canvas._map_canvas2world(position, view) == expected

    changes = (
        lambda: setattr(viewer.scene.camera, "zoom", 7.5),
        lambda: setattr(viewer.scene.camera, "center", (0, 3.0, 4.0)),
        lambda: canvas.native.resize(300, 500),
        lambda: setattr(viewer.canvas.grid, "enabled", True),
        lambda: setattr(viewer.canvas.grid, "enabled", False),
        lambda: setattr(viewer.dims, "ndisplay", 3),
        lambda: setattr(viewer.scene.camera, "angles", (10.0, 20.0, 30.0)),
        lambda: setattr(viewer.dims, "ndisplay", 2),
        lambda: setattr(viewer.dims, "order", (1, 2, 0)),
        lambda: setattr(viewer.dims, "order", (0, 1, 2)),
    )
    for change in changes:
        change()
        viewer.screenshot(flash=False)
        agree()
        viewer.dims.set_current_step(0, int(viewer.dims.current_step[0] == 0))
        agree()
    monkeypatch.setattr(STTransform, "__mul__", counted)
    viewer.dims.set_current_step(0, 2)
    viewer.screenshot(flash=False)
    with_nothing_kept = type(canvas)._map_canvas2world
    with_nothing_kept(canvas, (0, 0), canvas.view)
    # One by the line above, so that the count itself is known to work.
    assert len(products) == 1
