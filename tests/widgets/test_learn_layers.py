"""Layers that the window Learn dynamics makes: preview, result, latent states, confidence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.widgets.conftest import Images, Open
from tests.widgets.helpers import (
    FakeFit,
    choose,
    chosen,
    control,
    idle,
    made,
    press,
    put,
    run,
    status,
)

from napari_latentdyn.core.dynamics.result import Dynamics

PREVIEW = "live preview"


@pytest.mark.parametrize(
    "placing",
    [{}, {"scale": (2.5, 0.5), "translate": (100.0, -40.0), "rotate": 30.0}],
    ids=["as opened", "scaled and turned"],
)
def test_preview_lies_on_the_image_and_goes_away(
    open_window: Open, images: Images, qtbot: Any, placing: dict[str, Any]
) -> None:
    viewer, panel = open_window(*images, fit=FakeFit(pause=0.01))
    source = viewer.layers["image 0"]
    for layer in viewer.layers:
        for name, value in placing.items():
            setattr(layer, name, value)
    put(panel, {"training.steps": 100_000, "output.preview": True})
    viewer.layers.selection.active = source
    press(qtbot, panel, "train")
    qtbot.waitUntil(lambda: PREVIEW in viewer.layers)
    qtbot.waitUntil(lambda: control(panel, "progress").value() >= 3)
    preview = viewer.layers[PREVIEW]
    for place in ((0, 0), (47, 0), (47, 47), (11.5, 23)):
        np.testing.assert_allclose(preview.data_to_world(place), source.data_to_world(place))
    middle = (images[0].astype(np.float32) + images[1]) / 2
    np.testing.assert_allclose(preview.data, middle)
    assert viewer.layers.selection.active is source
    press(qtbot, panel, "cancel")
    qtbot.waitUntil(lambda: idle(panel), timeout=20_000)
    assert PREVIEW not in viewer.layers


def test_preview_can_be_switched_off_and_deleted(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    viewer, panel = open_window(*images, fit=FakeFit(pause=0.01))
    added: list[str] = []
    viewer.layers.events.inserted.connect(lambda event: added.append(event.value.name))
    run(qtbot, panel)
    assert added == ["image frames", "image motion"]

    put(panel, {"output.preview": True, "training.steps": 100_000, "training.seed": 1})
    press(qtbot, panel, "train")
    qtbot.waitUntil(lambda: PREVIEW in viewer.layers)
    put(panel, {"output.preview": False})
    assert PREVIEW not in viewer.layers
    put(panel, {"output.preview": True})
    qtbot.waitUntil(lambda: PREVIEW in viewer.layers)
    viewer.layers.remove(PREVIEW)
    added.clear()
    qtbot.wait(900)
    assert added == [], "what the user deletes does not come back"
    press(qtbot, panel, "cancel")
    qtbot.waitUntil(lambda: idle(panel), timeout=20_000)


def test_another_run_renews_its_layers_unless_they_are_to_be_kept(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    viewer, panel = open_window(*images, fit=FakeFit())
    run(qtbot, panel)
    first = list(viewer.layers)
    put(panel, {"training.seed": 1, "model.stages": 3})
    run(qtbot, panel)
    assert list(viewer.layers) == first
    assert made(viewer, "frames")[0].data.shape[0] == 4
    put(panel, {"output.keep_previous": True})
    run(qtbot, panel)
    assert list(viewer.layers)[:4] == first
    assert len(made(viewer, "frames")) == len(made(viewer, "fields")) == 2


def test_latent_states_come_as_a_layer_of_their_own(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    viewer, panel = open_window(*images)
    put(panel, {"output.latents": True})
    run(qtbot, panel)
    (states,) = made(viewer, "latents")
    # Two latent channels besides the image.
    assert states.data.shape == (3, 3, 48, 48)
    np.testing.assert_allclose(made(viewer, "frames")[0].data[0], images[0], atol=1)


def test_confidence_comes_as_a_layer_of_its_own_and_is_renewed(
    open_window: Open, images: Images, qtbot: Any, tmp_path: Path
) -> None:
    viewer, panel = open_window(*images)
    run(qtbot, panel)
    assert made(viewer, "confidence") == []
    put(panel, {"output.confidence": True, "training.seed": 1})
    run(qtbot, panel)
    (frames,), (confidence,) = made(viewer, "frames"), made(viewer, "confidence")
    assert confidence.name == "image confidence"
    assert confidence.data.shape == frames.data.shape == (3, 48, 48)
    assert confidence.axis_labels == frames.axis_labels
    np.testing.assert_array_equal(confidence.scale, frames.scale)
    assert frames.visible
    assert not confidence.visible
    assert confidence.data.min() >= 0
    assert confidence.data.max() <= 1
    assert np.ptp(confidence.data[1]) > 0
    # A look at it does not make it an image of the next pair.
    confidence.visible = True
    assert chosen(panel) == ("image 0", "image 1")
    before = confidence.data.copy()
    put(panel, {"training.seed": 2, "model.stages": 3})
    run(qtbot, panel)
    assert made(viewer, "confidence") == [confidence]
    assert confidence.data.shape == (4, 48, 48)
    assert not np.array_equal(confidence.data[:3], before)
    assert confidence.visible
    saved = panel.save_run(tmp_path / "run")
    np.testing.assert_array_equal(Dynamics.load(saved).stored("confidence"), confidence.data)


def test_a_preset_leaves_the_wish_for_confidence_alone(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    fit = FakeFit()
    _, panel = open_window(*images, fit=fit)
    put(panel, {"output.confidence": True})
    choose(panel, "preset", "quick")
    assert control(panel, "output.confidence").value() is True
    put(panel, {"training.steps": 2, "output.preview": False})
    run(qtbot, panel)
    assert fit.calls[0][1].output.confidence is True


def test_arrows_without_texture_are_hidden_and_their_scale_is_told(
    open_window: Open, qtbot: Any
) -> None:
    """Half of the scene drifts, the other half is flat: nothing tells whether that moves."""
    first, last = (np.full((48, 96), 120, np.uint8) for _ in range(2))
    random = np.random.default_rng(3)
    wide = random.integers(0, 250, (60, 60)).astype(float)
    for axis in (0, 1):
        wide = sum(np.roll(wide, s, axis) for s in (-1, 0, 1)) / 3
    first[:, :48], last[:, :48] = wide[4:52, 4:52], wide[2:50, 1:49]
    viewer, panel = open_window(first, last)
    run(qtbot, panel, "preview")
    (arrows,) = made(viewer, "fields")
    starts = arrows.data[:, 0, 1:]
    assert 20 < starts[:, 1].max() < 60
    told = re.search(r"Arrows ([\d.]+) x their length; (\d+) % hidden", status(panel)[0])
    assert told is not None, status(panel)[0]
    assert float(told[1]) == arrows.length
    assert 35 < int(told[2]) < 55
    heads = starts + arrows.length * arrows.data[:, 1, 1:]
    assert heads.min() >= -0.5 - 1e-3
    assert (heads.max(axis=0) <= np.array([47.5, 95.5]) + 1e-3).all()
    # Who wants them all switches that off.
    put(panel, {"output.hide_doubtful": False})
    run(qtbot, panel, "preview")
    (arrows,) = made(viewer, "fields")
    assert arrows.data[:, 0, 2].max() > 90
    assert "hidden" not in status(panel)[0]
    assert f"Arrows {arrows.length:g} x their length." in status(panel)[0]
