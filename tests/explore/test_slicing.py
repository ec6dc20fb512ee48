"""Layers that are spared vain work are where, and show what, napari's own would."""

from __future__ import annotations

import numpy as np
import pytest

from napari_latentdyn.drawing import ease_slider
from napari_latentdyn.layers import METADATA_KEY

STAGES = 4
METADATA = {METADATA_KEY: {"run_id": "one"}}


def add(viewer, eased: bool) -> None:
    generator = np.random.default_rng(0)
    frames = generator.random((STAGES, 20, 30), np.float32)
    starts = np.column_stack([np.repeat(np.arange(STAGES), 3), generator.uniform(3, 17, (12, 2))])
    ways = np.column_stack([np.zeros(12), generator.uniform(-5, 5, (12, 2))])
    viewer.add_image(frames, name="frames", metadata=METADATA, contrast_limits=(0, 1))
    viewer.add_vectors(np.stack([starts, ways], axis=1), name="motion", metadata=METADATA)
    if eased:
        ease_slider(viewer)


def slide(viewer, draw) -> None:
    viewer.dims.set_current_step(0, int(draw.integers(STAGES)))


def rescale(viewer, draw) -> None:
    for layer in viewer.layers:
        layer.scale = (1.0, *draw.uniform(0.5, 2, 2))[-layer.ndim :]


def slow_down(viewer, draw) -> None:
    for layer in viewer.layers:
        layer.scale = (float(draw.choice([1.0, 2.0])), 1.0, 1.0)[-layer.ndim :]


def shift(viewer, draw) -> None:
    layer = viewer.layers[int(draw.integers(2))]
    layer.translate = draw.uniform(-5, 5, layer.ndim)


def turn(viewer, draw) -> None:
    affine = np.eye(4)
    angle = draw.uniform(-1, 1)
    affine[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    layer = viewer.layers[int(draw.integers(2))]
    layer.affine = affine[-layer.ndim - 1 :, -layer.ndim - 1 :]


def measure(viewer, draw) -> None:
    if viewer.dims.order[0] != 0:
        # napari itself counts in the units before, until the slider moves, and finds nothing.
        return
    units = draw.choice([["second", "um", "um"], ["second", "nm", "nm"]])
    for layer in viewer.layers:
        layer.units = tuple(units)[-layer.ndim :]


def hide(viewer, draw) -> None:
    layer = viewer.layers[int(draw.integers(2))]
    layer.visible = not layer.visible


def zoom(viewer, draw) -> None:
    viewer.scene.camera.zoom = float(draw.uniform(2, 12))
    viewer.scene.camera.center = (0, *draw.uniform(0, 20, 2))


def reorder(viewer, draw) -> None:
    viewer.dims.order = tuple(int(axis) for axis in draw.permutation(3))


def volume(viewer, draw) -> None:
    viewer.dims.ndisplay = 5 - viewer.dims.ndisplay


def renew(viewer, draw) -> None:
    viewer.layers["frames"].data = draw.random((STAGES, 20, 30), np.float32)
    viewer.layers["motion"].length = float(draw.uniform(0.5, 2))


def flatten(viewer, draw) -> None:
    frames = viewer.layers["frames"]
    if not frames.visible or viewer.dims.ndisplay == 3:
        # napari itself fails when other axes come while a layer is hidden or solid.
        return
    frames.data = draw.random((20, 30) if frames.ndim == 3 else (STAGES, 20, 30), np.float32)


ACTIONS = (
    rescale,
    slow_down,
    shift,
    turn,
    measure,
    hide,
    zoom,
    reorder,
    volume,
    renew,
    flatten,
)


def state(viewer) -> dict[str, np.ndarray]:
    # napari follows a change of units when it draws.
    found = {"picture": viewer.screenshot(flash=False)}
    for layer in viewer.layers:
        visual = viewer.window._qt_viewer.canvas.layer_to_visual[layer]
        name = layer.name
        found[f"{name} extent"] = layer.extent.world
        found[f"{name} place"] = visual.node.transform.matrix
        found[f"{name} corners"] = layer.corner_pixels
        found[f"{name} slice"] = np.array(layer._data_slice.as_array())
        found[f"{name} units"] = np.array([str(unit) for unit in layer.units])
    found["extent"] = viewer.layers.extent.world
    found["range"] = np.array(viewer.dims.range)
    return found


def play(viewer, seed: int) -> dict[str, dict[str, np.ndarray]]:
    """Return what there is to see after each step of a chance sequence of actions."""
    order = np.random.default_rng(seed)
    found, done = {}, []
    for step in range(14):
        action = slide if step % 2 else ACTIONS[int(order.integers(len(ACTIONS)))]
        action(viewer, np.random.default_rng((seed, step)))
        done.append(action.__name__)
        found[", ".join(done)] = state(viewer)
    return found


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
@pytest.mark.filterwarnings("ignore:Inconsistent units")
@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_user_does_layers_are_as_napari_has_them(make_napari_viewer, seed):
    seen = []
    for eased in (False, True):
        viewer = make_napari_viewer(show=True)
        viewer.window._qt_viewer.canvas.native.setFixedSize(400, 300)
        add(viewer, eased)
        seen.append(play(viewer, seed))
        viewer.close()
    plain, eased = seen
    for done, values in plain.items():
        for name, value in values.items():
            np.testing.assert_array_equal(eased[done][name], value, err_msg=f"{name} after {done}")
